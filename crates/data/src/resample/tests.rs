//! The resampler against an independent script and against what must hold for any signal.

use super::*;
use crate::testing::chirp;

#[test]
fn values_agree_with_the_independent_script() {
    let mut compared = 0;
    for line in include_str!("../../tests/fixtures/resample.csv").lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let (from, to) = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
        let first: usize = fields[2].parse().unwrap();
        let resampled = Resampler::new(from, to).unwrap().resample(&chirp(from, 400));
        for (j, expected) in (first..).zip(&fields[3..]) {
            let (value, expected) = (resampled[j], expected.parse::<f32>().unwrap());
            assert!((value - expected).abs() < 1e-6, "{from} to {to} Hz, sample {j}: {value}, {expected}");
            compared += 1;
        }
    }
    assert_eq!(compared, 5 * 3 * 6);
}

#[test]
fn the_length_is_rounded_up() {
    for (from, to, samples, expected) in [
        (16_000, 8_000, 0, 0),
        (16_000, 8_000, 1, 1),
        (16_000, 8_000, 15_999, 8_000),
        (22_050, 8_000, 22_050, 8_000),
        (8_000, 8_001, 8_000, 8_001),
        (8_000, 384_000, 3, 144),
    ] {
        let resampler = Resampler::new(from, to).unwrap();
        assert_eq!(resampler.length(samples), expected);
        assert_eq!(resampler.resample(&vec![0.5; samples]).len(), expected, "{samples}: {from} to {to} Hz");
    }
}

#[test]
fn equal_rates_change_nothing_and_low_tones_stay_what_they_are() {
    let samples = chirp(11_025, 50);
    assert_eq!(Resampler::new(11_025, 11_025).unwrap().resample(&samples), samples);
    for (from, to) in [(16_000, 8_000), (8_000, 16_000), (44_100, 8_000), (8_000, 11_025)] {
        let tone = |rate: u32, i: usize| (std::f32::consts::TAU * 440.0 * i as f32 / rate as f32).sin();
        let samples: Vec<f32> = (0..from as usize / 4).map(|i| tone(from, i)).collect();
        let resampled = Resampler::new(from, to).unwrap().resample(&samples);
        for (j, y) in resampled.iter().enumerate().take(resampled.len() - 100).skip(100) {
            assert!((y - tone(to, j)).abs() < 5e-3, "{from} to {to} Hz, sample {j}: {y}");
        }
    }
}

#[test]
fn what_the_lower_rate_cannot_hold_is_taken_out() {
    let tone: Vec<f32> =
        (0..4_000).map(|i| (std::f32::consts::TAU * 6_000.0 * i as f32 / 16_000.0).sin()).collect();
    let resampled = Resampler::new(16_000, 8_000).unwrap().resample(&tone);
    assert!(resampled[50..1_950].iter().all(|y| y.abs() < 0.01));
}

#[test]
fn coprime_rates_take_little_memory_and_impossible_ones_are_named() {
    let resampler = Resampler::new(383_987, 8_000).unwrap();
    let weights: usize = resampler.phases.iter().map(|phase| LANES * phase.weights.len()).sum();
    assert!(weights < 8_000 * 600, "{weights} weights");
    for (from, to, key) in [(0, 8_000, "rate"), (8_000, 0, "rate_hz"), (u32::MAX, 8_000, "rate")] {
        let error = Resampler::new(from, to).unwrap_err().to_string();
        assert!(error.starts_with(&format!("data.{key}: ")), "{error}");
    }
}
