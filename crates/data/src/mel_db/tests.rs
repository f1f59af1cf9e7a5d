//! The front end against an independent script, torchaudio, and what must hold for any signal.

use super::*;
use crate::testing::chirp;

/// The largest difference from a file of reference values, and how many there are.
fn compare(lines: &str) -> (f32, usize) {
    let (mut largest, mut compared) = (0.0_f32, 0);
    for line in lines.lines() {
        let (rate, line) = line.split_once(',').unwrap();
        let (frame, values) = line.split_once(',').unwrap();
        let rate: u32 = rate.parse().unwrap();
        let front = MelDb::new(rate, &MelDbConfig::default()).unwrap();
        let features = front.features(&chirp(rate, rate * 3 / 4));
        assert_eq!(features.dim(), (101, 140));
        let row = features.row(frame.parse().unwrap());
        for (value, expected) in row.iter().zip(values.split(',')) {
            assert!(value.is_finite(), "{rate} Hz, frame {frame}: {value}");
            largest = largest.max((value - expected.parse::<f32>().unwrap()).abs());
            compared += 1;
        }
    }
    (largest, compared)
}

#[test]
fn values_agree_with_the_independent_script() {
    let (largest, compared) = compare(include_str!("../../tests/fixtures/mel_db.csv"));
    assert!(largest < 5e-3, "largest difference {largest} dB");
    assert_eq!(compared, 3 * 4 * 140);
}

#[test]
fn values_agree_with_torchaudio() {
    let (largest, compared) = compare(include_str!("../../tests/fixtures/mel_db_torchaudio.csv"));
    assert!(largest < 5e-3, "largest difference {largest} dB");
    assert_eq!(compared, 4 * 140);
}

#[test]
fn bands_without_any_frequency_are_constant_and_told() {
    let front = MelDb::new(16_000, &MelDbConfig::default()).unwrap();
    let features = front.features(&chirp(16_000, 16_000));
    let empty = front.empty_bands();
    assert_eq!(empty, (87..140).collect::<Vec<_>>());
    for band in 0..140 {
        let constant = features.column(band).iter().all(|&value| value.to_bits() == (-100.0_f32).to_bits());
        assert_eq!(constant, empty.contains(&band), "band {band}");
    }
    let within = MelDbConfig { bands: 40, high_hz: 4_000.0, ..MelDbConfig::default() };
    assert_eq!(MelDb::new(16_000, &within).unwrap().empty_bands(), [0; 0]);
}

#[test]
fn clips_of_any_length_give_the_same_number_of_frames() {
    let front = MelDb::new(16_000, &MelDbConfig::default()).unwrap();
    let long = chirp(16_000, 20_000);
    let cut = front.features(&long[..16_000]);
    assert_eq!(front.features(&long), cut);
    for samples in [0, 1, 15_999] {
        assert_eq!(front.features(&long[..samples]).dim(), (front.frames(), 140));
    }
    assert!(front.features(&[]).iter().all(|&value| (value + 100.0).abs() < 1e-4));
}

#[test]
fn ten_times_the_amplitude_adds_twenty_decibels() {
    let front =
        MelDb::new(8_000, &MelDbConfig { bands: 20, high_hz: 4_000.0, ..MelDbConfig::default() }).unwrap();
    let loud = chirp(8_000, 8_000);
    let soft: Vec<f32> = loud.iter().map(|s| 0.1 * s).collect();
    let difference = front.features(&loud) - front.features(&soft);
    assert!(difference.iter().all(|d| (d - 20.0).abs() < 1e-2), "{difference:?}");
}

#[test]
fn settings_that_cannot_work_are_named() {
    let base = MelDbConfig::default();
    for (config, key) in [
        (MelDbConfig { rate_hz: 0, ..base.clone() }, "rate_hz"),
        (MelDbConfig { rate_hz: u32::MAX, ..base.clone() }, "rate_hz"),
        (MelDbConfig { length_s: 0.0, ..base.clone() }, "length_s"),
        (MelDbConfig { length_s: 0.01, ..base.clone() }, "length_s"),
        (MelDbConfig { length_s: f64::NAN, ..base.clone() }, "length_s"),
        (MelDbConfig { length_s: 1e9, ..base.clone() }, "length_s"),
        (MelDbConfig { bands: 0, ..base.clone() }, "bands"),
        (MelDbConfig { bands: 1 << 40, ..base.clone() }, "bands"),
        (MelDbConfig { bands: 1, low_hz: 3_999.0, high_hz: 3_999.5, ..base.clone() }, "bands"),
        (MelDbConfig { window_s: 0.0, ..base.clone() }, "window_s"),
        (MelDbConfig { window_s: 0.032_2, ..base.clone() }, "window_s"),
        (MelDbConfig { step_s: f64::INFINITY, ..base.clone() }, "step_s"),
        (MelDbConfig { low_hz: -1.0, ..base.clone() }, "low_hz"),
        (MelDbConfig { low_hz: 4_000.0, ..base.clone() }, "low_hz"),
        (MelDbConfig { high_hz: 50.0, ..base.clone() }, "high_hz"),
        (MelDbConfig { high_hz: f64::INFINITY, ..base.clone() }, "high_hz"),
    ] {
        let error = MelDb::new(16_000, &config).unwrap_err().to_string();
        assert!(error.starts_with(&format!("data.{key}: ")), "{config:?}: {error}");
    }
}
