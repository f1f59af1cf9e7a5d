//! The names that a run writes in its folder. Who writes there and who asks whether a folder is free reads this one list.

use std::path::{Path, PathBuf};

use colearn_train::RunFiles;

/// The settings.
pub(crate) const CONFIG: &str = "config.toml";
/// A row an epoch.
pub(crate) const METRICS: &str = "metrics.csv";
/// Marks a finished run, and is written last.
pub(crate) const SUMMARY: &str = "summary.json";
/// The best network on the split that is reported.
pub(crate) const EVALUATION: &str = "evaluation.json";
/// One utterance on its way through the best network.
pub(crate) const EXAMPLE: &str = "example.json";
/// All texts: see the constants above.
const TEXTS: [&str; 5] = [CONFIG, METRICS, SUMMARY, EVALUATION, EXAMPLE];
/// Figures, which not every network has all of.
const FIGURES: [&str; 5] = [
    "figures/curves.svg",
    "figures/confusion.svg",
    "figures/raster.svg",
    "figures/delays.svg",
    "figures/neurons.svg",
];
/// How the name of an event file begins (TensorBoard looks for this) and ends (it is ours).
const EVENTS: (&str, &str) = ("events.out.tfevents.", ".colearn");

/// Whether a run writes the text `name` in its folder.
pub(crate) fn is_text(name: &str) -> bool {
    TEXTS.contains(&name) || FIGURES.contains(&name)
}

/// The name of an event file that is begun so many seconds after the start of 1970.
pub(crate) fn event_file(seconds: f64) -> String {
    format!("{}{seconds:010.0}{}", EVENTS.0, EVENTS.1)
}

/// The event files in `folder`, in order.
pub(crate) fn event_files(folder: &Path) -> Vec<PathBuf> {
    let is_one = |name: &str| name.starts_with(EVENTS.0) && name.ends_with(EVENTS.1);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_one))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// The first thing in `folder` that has a name which a run writes: a file, a folder, or a link wherever it leads.
pub(crate) fn in_the_way(folder: &Path) -> Option<PathBuf> {
    let RunFiles { best, last, previous, .. } = RunFiles::in_folder(folder);
    let texts = TEXTS.iter().chain(&FIGURES).map(|name| folder.join(name));
    let mut fixed = texts.chain([best, last, previous]);
    fixed.find(|path| path.symlink_metadata().is_ok()).or_else(|| event_files(folder).into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_run_is_in_the_way_and_no_other() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        std::fs::create_dir(folder.join("figures")).unwrap();
        for other in
            [".lock", "notes.txt", "config.toml.bak", "figures/mine.svg", "events.out.tfevents.1.host"]
        {
            std::fs::write(folder.join(other), "mine").unwrap();
        }
        assert_eq!(in_the_way(folder), None);
        let events = event_file(1.7e9);
        assert_eq!(events, "events.out.tfevents.1700000000.colearn");
        let names = ["best.ckpt", "last.ckpt", "previous.ckpt", &events];
        for name in TEXTS.into_iter().chain(FIGURES).chain(names) {
            std::fs::write(folder.join(name), "mine").unwrap();
            assert_eq!(in_the_way(folder), Some(folder.join(name)));
            std::fs::remove_file(folder.join(name)).unwrap();
        }
        assert!(is_text(EVALUATION) && is_text("figures/raster.svg") && !is_text("notes.txt"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nowhere_is_in_the_way() {
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("nowhere", place.path().join(METRICS)).unwrap();
        assert_eq!(in_the_way(place.path()), Some(place.path().join(METRICS)));
    }
}
