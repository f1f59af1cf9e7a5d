//! Which folders are finished runs, and which of these make a cell.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Cell;
use crate::runs::experiment::Experiment;
use crate::runs::run_folder::{RunFolder, Stage};
use crate::runs::stored::{StoredRun, same_place};

/// How deep runs may lie below a folder that is named: from the folder of all runs to a speaker left out there are five.
const DEPTH: usize = 6;

/// Runs that differ in seed and left-out speaker alone. Where their data lay does not matter; what they were does.
pub(crate) struct Group {
    /// From the names of the folders, unique among the groups.
    pub(crate) name: String,
    /// Settings without seed, speaker and the place of the data.
    pub(crate) settings: Experiment,
    runs: Vec<StoredRun>,
}

impl Group {
    /// A cell that should have the seeds and speakers it has.
    pub(crate) fn into_cell(self) -> Cell {
        Cell::of(&self.name, self.runs)
    }

    /// Fingerprint of the data of its runs, where they have one.
    pub(crate) fn data(&self) -> Option<&str> {
        self.runs.iter().find_map(|run| run.data.as_ref()).map(|data| data.set.as_str())
    }

    /// Whether a run belongs to the group.
    fn takes(&self, run: &StoredRun, settings: &Experiment) -> bool {
        self.settings == *settings && self.runs.iter().all(|own| same_data(own, run))
    }
}

/// Whether two runs had the same data: by their fingerprints, or where one has none by the place of the data.
fn same_data(a: &StoredRun, b: &StoredRun) -> bool {
    match (&a.data, &b.data) {
        (Some(a), Some(b)) => a.same_set(b),
        _ => same_place(a.experiment.data.root.as_deref(), b.experiment.data.root.as_deref()),
    }
}

/// The groups of the finished runs in and below `places`, in the order in which they are found, folders by name.
///
/// # Errors
/// When a place holds no finished run, a run cannot be read or is there twice.
pub(crate) fn groups(places: &[PathBuf]) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    for place in places {
        let mut folders = Vec::new();
        collect(place, DEPTH, &mut HashSet::new(), &mut folders)?;
        if folders.is_empty() {
            bail!(
                "{}: no finished run here; expected a folder with config.toml and summary.json, or a folder of such",
                place.display()
            );
        }
        for folder in folders {
            add(&mut groups, &folder)?;
        }
    }
    Ok(groups)
}

/// The finished runs in `folder` and below. The folder of a comparison has a summary too, but no settings of a run. What
/// lies in `seen`, which holds folders without links, is not looked at again: a link may name a run that is there anyway.
fn collect(folder: &Path, depth: usize, seen: &mut HashSet<PathBuf>, found: &mut Vec<PathBuf>) -> Result<()> {
    if folder.canonicalize().is_ok_and(|whole| !seen.insert(whole)) {
        return Ok(());
    }
    let run = RunFolder::at(folder.to_owned());
    if run.file("config.toml").exists() {
        if run.stage() == Stage::Finished {
            found.push(folder.to_owned());
        }
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    let mut inner: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    // A run is found under its own name rather than under that of a link.
    inner.sort_by_key(|path| (path.is_symlink(), path.clone()));
    inner.iter().try_for_each(|folder| collect(folder, depth - 1, seen, found))
}

fn add(groups: &mut Vec<Group>, folder: &Path) -> Result<()> {
    let run = StoredRun::read(folder)?;
    let mut settings = run.experiment.clone();
    settings.train.seed = 0;
    settings.data.leave_out = None;
    settings.data.root = None;
    let Some(group) = groups.iter_mut().find(|group| group.takes(&run, &settings)) else {
        let name = name(folder, groups);
        groups.push(Group { name, settings, runs: vec![run] });
        return Ok(());
    };
    let speaker = run.experiment.data.leave_out.as_ref();
    if let Some(twin) = super::find(&group.runs, run.seed(), speaker) {
        bail!(
            "{}: found the settings and the seed of {}; expected each run once",
            folder.display(),
            twin.folder.display()
        );
    }
    group.runs.push(run);
    Ok(())
}

/// The name of a folder without its seed; a number makes it unique.
fn name(folder: &Path, groups: &[Group]) -> String {
    let parts: Vec<&str> = folder.iter().filter_map(|part| part.to_str()).collect();
    let seed = parts.iter().rposition(|part| part.starts_with("seed-")).filter(|place| *place > 0);
    let plain = match seed {
        Some(place) => parts[place - 1],
        None => parts.last().copied().unwrap_or("run"),
    };
    // digits-lif-s3 or digits-lif-s3-2
    let cut = plain.rfind("-s").filter(|at| plain[at + 2..].starts_with(|c: char| c.is_ascii_digit()));
    let plain = cut.map_or(plain, |at| &plain[..at]);
    let taken = |name: &str| groups.iter().any(|group| group.name == name);
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    std::iter::once(plain.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_folders_without_seeds() {
        for (folder, expected) in [
            ("runs/reproduce/digits/d-lif/seed-3", "d-lif"),
            ("x/d-lif/seed-3/theo", "d-lif"),
            ("runs/digits-d-lif-s3", "digits-d-lif"),
            ("runs/digits-lif-s0-2", "digits-lif"),
            ("runs/two-sides", "two-sides"),
            ("seed-1", "seed-1"),
        ] {
            assert_eq!(name(Path::new(folder), &[]), expected, "{folder}");
        }
    }

    const SUMMARY: &str =
        r#"{"parameters": 1, "trainable_parameters": 1, "best_epoch": 1, "test_accuracy": 0.5}"#;

    fn run(folder: &Path, config: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("summary.json"), SUMMARY).unwrap();
        std::fs::write(folder.join("config.toml"), config).unwrap();
    }

    #[test]
    fn runs_that_differ_in_seed_and_speaker_alone_make_a_cell() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        run(&at("a/seed-1/theo"), "[train]\nseed = 1\nepochs = 3\n[data]\nleave_out = \"theo\"\n");
        run(&at("a/seed-2/theo"), "[train]\nseed = 2\nepochs = 3\n[data]\nleave_out = \"theo\"\n");
        run(&at("b/a/seed-1"), "[train]\nseed = 1\nepochs = 4\n");
        run(&at("c"), "[train]\nseed = 7\nepochs = 3\n");
        std::fs::create_dir_all(at("a/seed-3")).unwrap();
        std::fs::write(at("a/seed-3/config.toml"), "").unwrap();
        std::fs::write(at("summary.json"), "{}").unwrap();
        let places = [place.path().to_owned()];
        let found: Vec<Cell> = groups(&places).unwrap().into_iter().map(Group::into_cell).collect();
        let rows: Vec<(&str, &[u64], usize)> =
            found.iter().map(|cell| (cell.label.as_str(), cell.seeds.as_slice(), cell.runs.len())).collect();
        assert_eq!(rows, [("a", &[1, 2, 7][..], 3), ("a-2", &[1], 1)]);
        assert_eq!(found[0].speakers, [None, Some("theo".to_owned())]);
        let twice = [at("c"), at("c")];
        let error = groups(&twice).err().unwrap().to_string();
        assert!(error.contains("expected each run once"), "{error}");
    }

    /// A finished run on data with this fingerprint, which lay at `root`.
    fn run_on(folder: &Path, seed: u64, root: &str, set: &str) {
        run(folder, &format!("[train]\nseed = {seed}\n[data]\nname = \"words\"\nroot = \"{root}\"\n"));
        let data = format!(r#""data": {{"rate": 8000, "front_end": {{}}, "set": "{set}", "splits": {{}}}}"#);
        let summary = SUMMARY.replace("{\"parameters\"", &format!("{{{data}, \"parameters\""));
        std::fs::write(folder.join("summary.json"), summary).unwrap();
    }

    #[test]
    fn runs_belong_together_by_what_their_data_were_and_not_by_where_they_lay() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let rows = || {
            let found = groups(&[place.path().to_owned()]).unwrap().into_iter().map(Group::into_cell);
            found.map(|cell| (cell.label, cell.seeds)).collect::<Vec<_>>()
        };
        run_on(&at("x-s0"), 0, "words", "a");
        run_on(&at("x-s1"), 1, "./words/", "a");
        run_on(&at("x-s2"), 2, "/elsewhere/renamed", "a");
        assert_eq!(rows(), [("x".to_owned(), vec![0, 1, 2])]);
        run_on(&at("x-s3"), 3, "words", "b");
        assert_eq!(rows(), [("x".to_owned(), vec![0, 1, 2]), ("x-2".to_owned(), vec![3])]);
        // Older runs have no fingerprints: their data are told by the place, however it is spelled.
        for (name, seed, root) in [("x-s4", 4, "old"), ("x-s5", 5, "old//"), ("x-s6", 6, "older")] {
            let config = format!("[train]\nseed = {seed}\n[data]\nname = \"words\"\nroot = \"{root}\"\n");
            run(&at(name), &config);
        }
        let labels: Vec<Vec<u64>> = rows().into_iter().map(|(_, seeds)| seeds).collect();
        assert_eq!(labels, [vec![0, 1, 2], vec![3], vec![4, 5], vec![6]]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_run_beside_it_is_no_second_run() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        run(&at("runs/words-s0"), "[train]\nseed = 0\n");
        run(&at("runs/words-s1"), "[train]\nseed = 1\n");
        std::os::unix::fs::symlink("words-s1", at("runs/latest")).unwrap();
        std::os::unix::fs::symlink("..", at("runs/loop")).unwrap();
        let found = groups(&[at("runs")]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "words", "the name of the run, not of the link");
        assert_eq!(found[0].runs.len(), 2);
        assert_eq!(
            groups(&[at("runs/latest")]).unwrap()[0].runs.len(),
            1,
            "a link alone is as good as its run"
        );
    }

    #[test]
    fn a_summary_without_settings_is_no_run() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("summary.json"), "{}").unwrap();
        let error = groups(&[place.path().to_owned()]).err().unwrap().to_string();
        assert!(error.contains("no finished run here; expected a folder with config.toml"), "{error}");
        let deep = (0..=DEPTH).fold(place.path().to_owned(), |path, _| path.join("x"));
        run(&deep, "");
        assert!(groups(&[place.path().to_owned()]).is_err(), "deeper than is looked");
        assert_eq!(groups(&[deep]).unwrap().len(), 1);
    }
}
