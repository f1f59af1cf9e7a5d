//! What is known of a set: its rate, its front end, its fingerprints; and what is done about several rates.

use ndarray::Array2;

use super::*;
use crate::audio::read_audio;
use crate::{Content, DataFacts, LogMel, Resampler};

/// Ten digits by two speakers, some of them at other rates.
fn mixed(root: &Path) -> DataConfig {
    write_fsdd(root, &["ann", "bob"], 7);
    for (name, rate) in [("2_ann_6", 16_000), ("3_bob_5", 16_000), ("4_ann_1", 44_100)] {
        write_tone(&root.join(format!("{name}.wav")), rate, rate / 10, 3);
    }
    config(DataName::Fsdd, root)
}

fn features<'a>(set: &'a Dataset, id: &str) -> &'a Array2<f32> {
    let sample = set.splits().flat_map(|(_, split)| &split.samples).find(|sample| sample.id == id).unwrap();
    let Content::Features { values, .. } = &sample.content else { panic!("features of sound") };
    values
}

fn note<'a>(set: &'a Dataset, part: &str) -> &'a str {
    set.notes.iter().find(|note| note.contains(part)).map_or("", String::as_str)
}

#[test]
fn several_rates_are_counted_in_one_message_with_the_key_that_helps() {
    let place = tempfile::tempdir().unwrap();
    let config = mixed(place.path());
    let text = error(&config);
    assert_says(
        &text,
        &[
            &format!("{}: found files of several sample rates: 137 at 8000 Hz", place.path().display()),
            ", 2 at 16000 Hz (the first is 2_ann_6), 1 at 44100 Hz (the first is 4_ann_1); expected one rate: \
             --set data.rate=8000 resamples all of them to 8000 Hz, or name another rate",
        ],
    );
}

#[test]
fn sounds_of_other_rates_are_resampled_where_the_configuration_says_so() {
    let place = tempfile::tempdir().unwrap();
    let config = mixed(place.path());
    let set = DataConfig { rate: Some(8_000), ..config.clone() }.load().unwrap();
    assert_eq!(note(&set, "resampled"), "files resampled to 8000 Hz: 2 of 16000 Hz, 1 of 44100 Hz");
    for id in ["2_ann_6", "4_ann_1", "5_bob_3"] {
        let audio = read_audio(&place.path().join(format!("{id}.wav"))).unwrap();
        let samples = Resampler::new(audio.rate, 8_000).unwrap().resample(&audio.samples);
        let front = LogMel::new(8_000, &config.log_mel()).unwrap();
        assert_eq!(features(&set, id), front.features(&samples), "{id}");
    }
    let up = DataConfig { rate: Some(16_000), ..config }.load().unwrap();
    let expected = "files resampled to 16000 Hz: 137 of 8000 Hz, 1 of 44100 Hz; sound of 8000 Hz has nothing above 4000 Hz";
    assert_eq!(note(&up, "resampled"), expected);
    assert_eq!((set.facts.rate, up.facts.rate), (Some(8_000), Some(16_000)));
    assert_eq!(set.facts.splits, up.facts.splits, "contents are those of the files");
}

#[test]
fn features_of_resampled_sounds_in_a_cache_do_not_hide_several_rates() {
    let place = tempfile::tempdir().unwrap();
    let (root, cache) = (place.path().join("set"), place.path().join("cache"));
    let config = mixed(&root);
    let options = LoadOptions { cache: Some(&cache), ..LoadOptions::default() };
    let resampled = DataConfig { rate: Some(8_000), ..config.clone() };
    let first = resampled.load_with(&options).unwrap();
    let second = resampled.load_with(&options).unwrap();
    assert_eq!(note(&second, "come from the cache").split(" clips").next(), Some("features of 140"));
    assert_eq!((&second.facts, &second.train), (&first.facts, &first.train));
    assert_eq!(note(&second, "resampled"), note(&first, "resampled"));
    let text = config.load_with(&options).unwrap_err().to_string();
    assert_says(&text, &["137 at 8000 Hz", "2 at 16000 Hz", "1 at 44100 Hz", "--set data.rate=8000"]);
}

#[test]
fn effective_settings_of_a_front_end_are_known() {
    let place = tempfile::tempdir().unwrap();
    write_fsdd(place.path(), &["ann", "bob"], 7);
    let config = config(DataName::Fsdd, place.path());
    let facts = |config: &DataConfig| config.load().unwrap().facts;
    let value = |facts: &DataFacts, key: &str| {
        facts.front_end.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    };
    let usual = facts(&config);
    assert_eq!(value(&usual, "high_hz").as_deref(), Some("4000"), "half of the rate");
    assert_eq!(value(&usual, "rate").as_deref(), Some("8000"));
    let same = facts(&DataConfig { high_hz: Some(4_000.0), ..config.clone() });
    assert_eq!(same.difference(&usual), None);
    let other = facts(&DataConfig { rate: Some(16_000), ..config });
    let difference = other.difference(&usual).unwrap();
    assert_eq!(
        (difference.what.as_str(), difference.found.as_str(), difference.expected.as_str()),
        ("data.rate", "16000", "8000")
    );
}

#[test]
fn a_fingerprint_depends_on_what_is_in_a_split_and_not_on_where_it_lies() {
    let place = tempfile::tempdir().unwrap();
    let first = place.path().join("first");
    write_words(&first, &["go", "stop"], 6);
    let load = |root: &Path| config(DataName::Words, root).load().unwrap().facts;
    let facts = load(&first);
    assert_eq!(
        facts.splits.iter().map(|split| split.name.as_str()).collect::<Vec<_>>(),
        ["train", "validation", "test"]
    );
    let moved = place.path().join("moved");
    fs::rename(&first, &moved).unwrap();
    assert_eq!(load(&moved), facts);
    assert_eq!(load(&moved.join("..").join("moved").join(".")), facts);
    let victim = facts.split("train").unwrap();
    let clip = config(DataName::Words, &moved).load().unwrap().train.samples[0].id.clone();
    write_tone(&moved.join(format!("{clip}.wav")), 16_000, 1_201, 1);
    let changed = load(&moved);
    let difference = changed.difference(&facts).unwrap();
    assert_eq!(difference.what, "the train split");
    let fingerprint = &changed.split("train").unwrap().fingerprint;
    assert_ne!(fingerprint, &victim.fingerprint);
    let all = victim.contents.len();
    assert_eq!(
        difference.found,
        format!("{all} samples with the fingerprint {}, {} of them the same", &fingerprint[..12], all - 1)
    );
    assert_eq!(
        difference.expected,
        format!("{all} samples with the fingerprint {}", &victim.fingerprint[..12])
    );
    assert_eq!(changed.split("test"), facts.split("test"));
    assert_ne!(changed.set, facts.set);
}

#[test]
fn the_whole_set_has_one_fingerprint_however_it_is_split() {
    let place = tempfile::tempdir().unwrap();
    write_fsdd(place.path(), &["ann", "bob", "cem"], 7);
    let usual = config(DataName::Fsdd, place.path());
    let without = |speaker: &str| DataConfig { leave_out: Some(speaker.to_owned()), ..usual.clone() };
    let sets = [&usual, &without("ann"), &without("bob")].map(|config| config.load().unwrap().facts);
    assert_eq!(sets[0].set, sets[1].set);
    assert_eq!(sets[1].set, sets[2].set);
    assert_ne!(sets[1].splits, sets[2].splits);
    fs::rename(place.path().join("1_ann_2.wav"), place.path().join("2_ann_9.wav")).unwrap();
    assert_ne!(usual.load().unwrap().facts.set, sets[0].set, "a clip of another class");
}

#[test]
fn samples_on_two_sides_of_a_split_are_counted() {
    let place = tempfile::tempdir().unwrap();
    write_fsdd(place.path(), &["ann", "bob"], 7);
    let config = config(DataName::Fsdd, place.path());
    let clip = config.load().unwrap().train.samples[0].id.clone();
    for copy in ["7_bob_0.wav", "8_bob_1.wav"] {
        fs::copy(place.path().join(format!("{clip}.wav")), place.path().join(copy)).unwrap();
    }
    let set = config.load().unwrap();
    let said = note(&set, "of the test split are in training too");
    assert_eq!(said, "2 of 100 samples of the test split are in training too");
}
