//! A newcomer's path: own clips of four words, as people record and name them, from the folder to the test's accuracy.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

#[expect(dead_code, reason = "the training tests use the rest")]
mod common;

use std::f32::consts::TAU;
use std::fs;
use std::path::Path;

use common::{fail, succeed, wav};
use serde_json::Value;
use tempfile::tempdir;

/// A word: its name, how its files are called, and where its two formants move to, in Hz.
type Word = (&'static str, fn(usize) -> String, [(f32, f32); 2]);

const WORDS: [Word; 4] = [
    ("apple", |n| format!("apple_{n:03}"), [(700.0, 700.0), (1200.0, 1200.0)]),
    ("banana", |n| format!("Banana ({n})"), [(300.0, 800.0), (2300.0, 900.0)]),
    ("cherry", |n| format!("cherry-{n}"), [(800.0, 300.0), (1000.0, 2500.0)]),
    ("mango", |n| format!("rec {n}"), [(400.0, 400.0), (2000.0, 2600.0)]),
];

/// Clip `number` of a word at `rate`: one of five voices, 0.35 to 0.6 s, each a little different.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "samples and lengths are small")]
fn clip([first, second]: [(f32, f32); 2], number: usize, rate: u32) -> Vec<i16> {
    let part = |step: usize| (number * step % 20) as f32 / 20.0;
    let pitch = 110.0 * (1.0 + 0.13 * (number % 5) as f32) + 5.0 * part(7);
    let samples = (rate as f32 * (0.35 + 0.25 * part(13))) as usize;
    let sample = |n: usize| {
        let (t, u) = (n as f32 / rate as f32, n as f32 / samples as f32);
        let at = |(from, to): (f32, f32)| from + (to - from) * u;
        let near = |hz: f32, formant: f32| 1.0 / (1.0 + ((hz - formant) / 150.0).powi(2));
        let voice = (1..=16_u8).map(|harmonic| {
            let hz = f32::from(harmonic) * pitch;
            (near(hz, at(first)) + 0.6 * near(hz, at(second))) * (TAU * (hz * t).fract()).sin()
        });
        let ends = (10.0 * u).min(10.0 * (1.0 - u)).min(1.0);
        (4000.0 * ends * voice.sum::<f32>()) as i16
    };
    (0..samples).map(sample).collect()
}

/// Twenty clips of every word: most at 22.05 kHz, some at 16 and 44.1 kHz, one in stereo.
fn record(root: &Path) {
    for (word, name, formants) in WORDS {
        fs::create_dir_all(root.join(word)).unwrap();
        for number in 0..20 {
            let rate = match number {
                7 | 8 => 16_000,
                3 => 44_100,
                _ => 22_050,
            };
            let samples = clip(formants, number, rate);
            let (samples, channels) = if (word, number) == ("mango", 11) {
                (samples.iter().flat_map(|&sample| [sample, sample]).collect(), 2)
            } else {
                (samples, 1)
            };
            fs::write(root.join(word).join(name(number) + ".wav"), wav(&samples, rate, channels)).unwrap();
        }
    }
}

#[test]
fn own_words_of_mixed_rates_and_names_come_to_a_right_test_accuracy() {
    let place = tempdir().unwrap();
    let here = place.path();
    record(&here.join("words"));
    let error = fail(here, "train --data words --root words --out run");
    for said in ["68 at 22050 Hz", "8 at 16000 Hz", "4 at 44100 Hz"] {
        assert!(error.contains(said), "{said}: {error}");
    }
    // What the message says to add is added.
    let key = error.split_once("--set ").unwrap().1.split_whitespace().next().unwrap();
    assert_eq!(key, "data.rate=16000", "{error}");
    let output = succeed(here, &format!("train --data words --root words --out run --set {key}"));
    for said in [
        "words: 64 training, 8 validation, 8 test utterances; 4 classes",
        "files are named after their word, such as banana/Banana (0): the names tell no speaker",
        "no list: the recordings of every class were divided into 64 for training, 8 for validation and 8 for test",
    ] {
        assert!(output.contains(said), "{said}: {output}");
    }
    assert!(!output.contains("warning"), "{output}");

    let summary: Value =
        serde_json::from_str(&fs::read_to_string(here.join("run/summary.json")).unwrap()).unwrap();
    for split in ["train", "validation", "test"] {
        let accuracy = summary[format!("{split}_accuracy")].as_f64().unwrap();
        assert!(accuracy >= 0.98, "{split}: {accuracy}: {output}");
        let line = format!("eval --checkpoint run/best.ckpt --split {split} --json");
        let report: Value = serde_json::from_str(&succeed(here, &line)).unwrap();
        assert_eq!(report["accuracy"].as_f64(), Some(accuracy), "{split}");
    }
    // Validation follows what is learned: its loss ends far below chance (ln 4), and no epoch is far above.
    let metrics = fs::read_to_string(here.join("run/metrics.csv")).unwrap();
    let column =
        metrics.lines().next().unwrap().split(',').position(|name| name == "validation_loss").unwrap();
    let losses: Vec<f64> =
        metrics.lines().skip(1).map(|line| line.split(',').nth(column).unwrap().parse().unwrap()).collect();
    assert!(*losses.last().unwrap() < 0.3, "{losses:?}");
    assert!(losses.iter().all(|&loss| loss < 3.0), "{losses:?}");
}
