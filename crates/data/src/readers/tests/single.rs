//! Sounds of no set become what sounds of a set become.

use std::path::Path;

use super::{assert_says, config};
use crate::testing::{write_tone, write_words};
use crate::{DataName, LoadOptions, SoundReader};

#[test]
fn a_single_sound_is_what_it_was_in_its_set() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &["no", "yes"], 4);
    for (rate, subtract_mean) in [(None, false), (Some(11_025), true)] {
        let mut config = config(DataName::Words, place.path());
        (config.rate, config.subtract_mean) = (rate, subtract_mean);
        let set = config.load_with(&LoadOptions::default()).unwrap();
        let reader = SoundReader::new(&config, set.facts.rate.unwrap(), &set.normaliser).unwrap();
        let files = SoundReader::files(place.path()).unwrap();
        let all = [&set.train, &set.validation, set.test.as_ref().unwrap()];
        assert_eq!(files.len(), all.iter().map(|split| split.len()).sum::<usize>());
        for split in all {
            for (index, sample) in split.samples.iter().enumerate() {
                let file = files.iter().find(|file| file.to_string_lossy().contains(&sample.id)).unwrap();
                let single = reader.split(vec![reader.read(file).unwrap()]);
                let found = single.features(0, set.steps).unwrap();
                assert_eq!(found, split.features(index, set.steps).unwrap(), "{}", sample.id);
            }
        }
    }
}

#[test]
fn folders_are_gone_through_and_hidden_files_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::create_dir_all(at("b/deep")).unwrap();
    std::fs::create_dir_all(at(".hidden")).unwrap();
    let names = ["z.wav", "a.wav", "b/c.wav", "b/deep/d.wav"];
    for name in names.iter().chain(&[".x.wav", ".hidden/y.wav"]) {
        write_tone(&at(name), 8_000, 800, 1);
    }
    std::fs::write(at("notes.txt"), "none").unwrap();
    let found = SoundReader::files(place.path()).unwrap();
    assert_eq!(found, ["a.wav", "z.wav", "b/c.wav", "b/deep/d.wav"].map(at));
    assert_eq!(SoundReader::files(&at("notes.txt")).unwrap(), [at("notes.txt")], "a file is what it is");
    std::fs::create_dir(at("empty")).unwrap();
    let error = SoundReader::files(&at("empty")).unwrap_err().to_string();
    assert_says(&error, &["empty", "no sound", "wav or flac"]);
}

#[test]
fn what_cannot_be_heard_is_named() {
    let place = tempfile::tempdir().unwrap();
    let usual = config(DataName::Words, place.path());
    let normaliser = crate::Normaliser::identity(usual.bands);
    let reader = SoundReader::new(&usual, 8_000, &normaliser).unwrap();
    let short = place.path().join("short.wav");
    write_tone(&short, 8_000, 20, 1);
    let error = |file: &Path| reader.read(file).unwrap_err().to_string();
    assert_says(&error(&short), &["short.wav", "shorter than one analysis window"]);
    assert_says(&error(&place.path().join("none.wav")), &["none.wav"]);
    let spikes = config(DataName::Shd, place.path());
    let error = SoundReader::new(&spikes, 8_000, &normaliser).unwrap_err().to_string();
    assert_says(&error, &["shd", "a set of spikes", "trained on sound"]);
}
