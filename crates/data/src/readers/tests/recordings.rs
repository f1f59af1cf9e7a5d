//! What lies in folders, by every reader: nothing comes twice, nothing is left out in silence.

use super::*;
use crate::FrontEndName;

const TEN: [&str; 10] = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"];

/// The complaint of whoever makes features, and of whoever wants the sounds alone, which is the same.
fn refusal(config: &DataConfig) -> String {
    let text = error(config);
    assert_eq!(config.sounds().unwrap_err().to_string(), text);
    text
}

#[test]
fn a_recording_that_comes_twice_is_refused() {
    for (name, first, second) in [
        (DataName::Fsdd, "0_ann_6.flac", "0_ann_6.wav"),
        (DataName::Fsdd, "0_ann_6.WAV", "0_ann_6.wav"),
        (DataName::Fsdd, "0_ann_06.wav", "0_ann_6.wav"),
        (DataName::Fsdd, "0_ann_6.wav", "00_ann_6.wav"),
        (DataName::Words, "go/s00_x_0.flac", "go/s00_x_0.wav"),
        (DataName::Words, "go/s00_x_0.Wav", "go/s00_x_0.wav"),
        (DataName::Gsc, "go/s00_x_0.flac", "go/s00_x_0.wav"),
    ] {
        let place = tempfile::tempdir().unwrap();
        match name {
            DataName::Fsdd => write_fsdd(place.path(), &["ann", "bob"], 7),
            _ => write_words(place.path(), &["go", "stop"], 4),
        }
        let config = config(name, place.path());
        let known = [first, second].map(|file| place.path().join(file));
        for path in known.iter().filter(|path| !path.exists()) {
            fs::write(path, "x").unwrap();
        }
        let mut both = known.map(|path| path.display().to_string());
        both.sort();
        let [first, second] = &both;
        let text = refusal(&config);
        assert_says(&text, &[": found in ", &format!("{first} and again in {second}; expected it once")]);
    }
}

#[test]
fn background_noise_that_comes_twice_is_refused_and_short_noise_is_told() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &TEN, 6);
    write_tone(&place.path().join("_background_noise_/hum.wav"), 16_000, 20_000, 3);
    write_tone(&place.path().join("_background_noise_/click.wav"), 16_000, 200, 3);
    fs::write(place.path().join("_background_noise_/README.md"), "x").unwrap();
    let twelve = DataConfig { task: Task::Twelve, ..config(DataName::Gsc, place.path()) };
    let notes = twelve.sounds().map(|sounds| sounds.notes.join("\n")).unwrap();
    assert_says(
        &notes,
        &[
            "left out of _background_noise_: 1 md",
            "1 recording of _background_noise_ shorter than a second: left out",
        ],
    );
    fs::write(place.path().join("_background_noise_/hum.flac"), "x").unwrap();
    assert_says(&error(&twelve), &["_background_noise_/hum: found in ", "hum.flac and again in ", "hum.wav"]);
}

#[test]
fn what_is_left_out_is_told() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    write_words(place.path(), &["go", "stop", "_unknown_", "_background_noise_"], 6);
    let plain = config(DataName::Words, place.path()).load().unwrap();
    let gsc = config(DataName::Gsc, place.path()).load().unwrap().notes.join("\n");
    assert_says(
        &plain.notes.join("\n"),
        &[
            "folder \"_unknown_\" is no class, since its name begins with _: 12 sound files left out",
            "folder \"_background_noise_\" is no class",
        ],
    );
    assert_says(&gsc, &["folder \"_unknown_\" is no class"]);
    assert!(!gsc.contains("_background_noise_"), "Speech Commands have such a folder: {gsc}");

    fs::create_dir(path("empty")).unwrap();
    fs::create_dir(path("text")).unwrap();
    fs::create_dir(path("go/more")).unwrap();
    fs::create_dir(path("_nothing_")).unwrap();
    for name in [
        "text/a.TXT",
        "go/a.mp3",
        "go/b.mp3",
        "go/README",
        "stop/.a.wav",
        "go/._s00_x_0.wav",
        "go/.DS_Store",
        "b.flac",
    ] {
        fs::write(path(name), "x").unwrap();
    }
    let set = config(DataName::Words, place.path()).load().unwrap();
    assert_eq!((&set.classes, &set.train, &set.test), (&plain.classes, &plain.train, &plain.test));
    assert_says(
        &set.notes.join("\n"),
        &[
            "folder \"empty\" holds no sound file and is no class",
            "folder \"text\" holds no sound file and is no class",
            "left out of the class folders: 2 mp3, 1 txt, 1 without extension, 2 hidden sound files, 1 folder; sounds \
             are wav or flac files",
            "1 sound file in the root, in no class folder: left out",
        ],
    );
    assert!(!set.notes.join("\n").contains("_nothing_"));

    let digits = tempfile::tempdir().unwrap();
    write_fsdd(digits.path(), &["ann", "bob"], 8);
    fs::write(digits.path().join("0_ann_9.ogg"), "x").unwrap();
    let notes = config(DataName::Fsdd, digits.path()).load().unwrap().notes.join("\n");
    assert_says(&notes, &["left out of the recordings: 1 ogg"]);
}

#[test]
fn a_clip_without_samples_is_refused_whatever_is_made_of_it() {
    for name in [DataName::Fsdd, DataName::Words, DataName::Gsc] {
        let place = tempfile::tempdir().unwrap();
        let victim = if name == DataName::Fsdd { "3_ann_6.wav" } else { "go/s01_x_1.wav" };
        match name {
            DataName::Fsdd => write_fsdd(place.path(), &["ann", "bob"], 7),
            _ => write_words(place.path(), &["go", "stop"], 6),
        }
        let rate = if name == DataName::Fsdd { 8_000 } else { 16_000 };
        write_tone(&place.path().join(victim), rate, 0, 0);
        let expected = format!("{victim}: found no samples; expected at least one");
        for front_end in [FrontEndName::LogMel, FrontEndName::MelDb] {
            let mut config = config(name, place.path());
            config.set_front_end(front_end);
            assert_says(&error(&config), &[&expected]);
        }
        let sounds = config(name, place.path()).sounds().unwrap();
        let failed = sounds.splits.iter().flat_map(|(_, clips)| clips).find_map(|clip| clip.audio().err());
        assert_says(&failed.unwrap().to_string(), &[&expected]);
    }
}

#[test]
fn names_in_capitals_and_links_are_read() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &["go", "stop"], 6);
    let usual = config(DataName::Words, place.path());
    let plain = usual.load().unwrap();
    let file = place.path().join("go/s00_x_0.wav");
    fs::rename(&file, file.with_extension("WAV")).unwrap();
    #[cfg(unix)]
    {
        let elsewhere = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("stop"), elsewhere.path().join("stop"));
        fs::rename(&from, &to).unwrap();
        std::os::unix::fs::symlink(&to, &from).unwrap();
        let file = place.path().join("go/s01_x_0.wav");
        fs::rename(&file, elsewhere.path().join("sound")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("sound"), &file).unwrap();
        assert_eq!(usual.load().unwrap(), plain);
        fs::remove_file(elsewhere.path().join("sound")).unwrap();
        assert_says(&error(&usual), &["s01_x_0.wav: cannot be read"]);
    }
    #[cfg(not(unix))]
    assert_eq!(usual.load().unwrap(), plain);
}
