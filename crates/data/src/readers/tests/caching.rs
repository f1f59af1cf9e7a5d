//! Features that were computed before.

use super::*;

fn load(config: &DataConfig, cache: &Path) -> Dataset {
    config.load_with(&LoadOptions { cache: Some(cache), ..LoadOptions::default() }).unwrap()
}

fn told(set: &Dataset, what: &str) -> bool {
    set.notes.iter().any(|note| note.contains(what))
}

/// All files below a folder, with their content.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

struct Place {
    _folder: tempfile::TempDir,
    config: DataConfig,
    cache: std::path::PathBuf,
    plain: Dataset,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("words");
        write_words(&root, &["go", "stop", "left"], 6);
        let config = config(DataName::Words, &root);
        let cache = folder.path().join("deep").join("cache");
        Self { plain: config.load().unwrap(), config, cache, _folder: folder }
    }

    fn wav(&self, name: &str) -> std::path::PathBuf {
        self.config.root.as_ref().unwrap().join(name)
    }
}

fn same_samples(a: &Dataset, b: &Dataset) -> bool {
    (&a.train, &a.validation, &a.test, &a.normaliser) == (&b.train, &b.validation, &b.test, &b.normaliser)
}

#[test]
fn the_second_time_features_come_from_the_cache_with_the_same_bits() {
    let place = Place::new();
    let first = load(&place.config, &place.cache);
    assert!(same_samples(&first, &place.plain));
    assert!(told(&first, "features of 36 clips were stored in the cache"), "{:?}", first.notes);
    let stored = files(&place.cache);
    let second = load(&place.config, &place.cache);
    assert!(same_samples(&second, &place.plain));
    assert!(told(&second, "features of 36 clips come from the cache"), "{:?}", second.notes);
    assert!(!told(&second, "stored in the cache"));
    assert_eq!(files(&place.cache), stored);
    // Another rule has entries of its own, another split of the same clips has not.
    let other = load(&DataConfig { bands: 7, ..place.config.clone() }, &place.cache);
    assert!(told(&other, "features of 36 clips were stored"));
    let left_out =
        load(&DataConfig { leave_out: Some("s01".to_owned()), ..place.config.clone() }, &place.cache);
    assert!(told(&left_out, "features of 36 clips come from the cache"));
}

#[test]
fn changed_sounds_are_computed_again_and_touched_ones_are_not() {
    let place = Place::new();
    load(&place.config, &place.cache);
    let victim = place.wav("go/s00_x_0.wav");
    write_tone(&victim, 16_000, 1_200, 39);
    let touched = place.wav("go/s00_x_1.wav");
    fs::write(&touched, fs::read(&touched).unwrap()).unwrap();
    let changed = load(&place.config, &place.cache);
    assert!(told(&changed, "features of 35 clips come from the cache"), "{:?}", changed.notes);
    assert!(told(&changed, "1 clips have changed since they were cached"), "{:?}", changed.notes);
    assert!(same_samples(&changed, &place.config.load().unwrap()));
    assert!(!same_samples(&changed, &place.plain));
    assert!(told(&load(&place.config, &place.cache), "features of 36 clips come from the cache"));
}

#[test]
fn damage_is_told_and_mended() {
    let place = Place::new();
    load(&place.config, &place.cache);
    let whole = files(&place.cache);
    assert!(whole.len() > 4, "several files");
    let (first, second, third) = (&whole[0], &whole[1], &whole[2]);
    fs::write(&first.0, &first.1[..first.1.len() / 2]).unwrap();
    let mut flipped = second.1.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&second.0, flipped).unwrap();
    fs::write(&third.0, "").unwrap();
    let mended = load(&place.config, &place.cache);
    assert!(same_samples(&mended, &place.plain));
    for (file, message) in [
        (first, "truncated feature cache"),
        (second, "damaged feature cache"),
        (third, "not a feature cache"),
    ] {
        let name = file.0.file_name().unwrap().to_string_lossy().into_owned();
        let note = mended.notes.iter().find(|note| note.contains(&name)).unwrap();
        assert_says(note, &[message, "; its features are computed again"]);
    }
    assert_eq!(files(&place.cache), whole);
}

#[test]
fn a_folder_that_cannot_be_made_is_told_and_no_obstacle() {
    let place = Place::new();
    let file = place.wav("file");
    fs::write(&file, "x").unwrap();
    let set = load(&place.config, &file.join("cache"));
    assert!(told(&set, "; not all features were cached"), "{:?}", set.notes);
    assert!(same_samples(&set, &place.plain));
}

#[test]
fn two_may_build_it_at_once() {
    let place = Place::new();
    let loads: Vec<Dataset> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| load(&place.config, &place.cache))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(loads.iter().all(|set| same_samples(set, &place.plain)));
    assert!(told(&load(&place.config, &place.cache), "features of 36 clips come from the cache"));
    assert!(files(&place.cache).iter().all(|(path, _)| path.extension().unwrap() == "cache"));
}
