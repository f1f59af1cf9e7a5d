//! The front end against an independent script and against what must hold for any signal.

use super::*;
use crate::testing::chirp;

/// The largest difference from a file of reference values, and how many there are.
fn compare(lines: &str) -> (f32, usize) {
    let (mut largest, mut compared) = (0.0_f32, 0);
    for line in lines.lines() {
        let mut fields = line.split(',');
        let mut whole = || fields.next().unwrap().parse::<usize>().unwrap();
        let (rate, bands, frame) = (u32::try_from(whole()).unwrap(), whole(), whole());
        let expected: Vec<f32> = fields.map(|field| field.parse().unwrap()).collect();
        assert_eq!(expected.len(), bands);
        let front = LogMel::new(rate, &LogMelConfig { bands, ..LogMelConfig::default() }).unwrap();
        let features = front.features(&chirp(rate, 2_400));
        for (value, expected) in features.row(frame).iter().zip(&expected) {
            assert!(value.is_finite(), "{rate} Hz, frame {frame}: {value}");
            largest = largest.max((value - expected).abs());
        }
        compared += bands;
    }
    (largest, compared)
}

#[test]
fn values_agree_with_the_independent_script() {
    let (largest, compared) = compare(include_str!("../../tests/fixtures/logmel.csv"));
    assert!(largest < 2e-4, "largest difference {largest}");
    assert_eq!(compared, 4 * (40 + 40 + 23));
}

#[test]
fn values_agree_with_torchaudio() {
    let (largest, compared) = compare(include_str!("../../tests/fixtures/logmel_torchaudio.csv"));
    assert!(largest < 4e-4, "largest difference {largest}");
    assert_eq!(compared, 4 * 40);
}

#[test]
fn only_whole_windows_become_frames() {
    let front = LogMel::new(8_000, &LogMelConfig::default()).unwrap();
    for (samples, frames) in [(0, 0), (199, 0), (200, 1), (279, 1), (280, 2), (8_000, 98)] {
        assert_eq!(front.frames(samples), frames, "{samples} samples");
        assert_eq!(front.features(&vec![0.1; samples]).dim(), (frames, 40), "{samples} samples");
    }
}

#[test]
fn silence_and_constants_lie_on_the_floor() {
    let front = LogMel::new(16_000, &LogMelConfig::default()).unwrap();
    for level in [0.0, 0.5] {
        let features = front.features(&[level; 800]);
        assert!(features.iter().all(|&v| (v - f32::EPSILON.ln()).abs() < 1e-6), "level {level}");
    }
}

#[test]
fn a_tone_is_loudest_in_its_own_band() {
    for rate in [8_000_u32, 11_025, 16_000, 22_050, 44_100] {
        let front = LogMel::new(rate, &LogMelConfig::default()).unwrap();
        let hz = 1_000.0_f32;
        let tone: Vec<f32> =
            (0..rate / 4).map(|i| (std::f32::consts::TAU * hz * i as f32 / rate as f32).sin()).collect();
        let features = front.features(&tone);
        let width = (mel(f64::from(rate) / 2.0) - mel(20.0)) / 41.0;
        let centre = |band: usize| mel(20.0) + (band + 1) as f64 * width;
        for row in features.rows() {
            let loudest = (0..40).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            assert!((centre(loudest) - mel(1_000.0)).abs() <= width, "{rate} Hz: band {loudest}");
        }
    }
}

#[test]
fn twice_the_amplitude_adds_two_logarithms_of_two() {
    let front = LogMel::new(8_000, &LogMelConfig::default()).unwrap();
    let soft: Vec<f32> = (0..2_000).map(|i| ((i * i % 97) as f32 / 97.0 - 0.5) * 0.4).collect();
    let loud: Vec<f32> = soft.iter().map(|s| 2.0 * s).collect();
    let difference = front.features(&loud) - front.features(&soft);
    assert!(difference.iter().all(|d| (d - 2.0 * 2.0_f32.ln()).abs() < 1e-4));
}

#[test]
fn thousands_of_bands_over_a_second_share_out_the_bins() {
    let config = LogMelConfig { bands: 10_000, window_s: 1.0, ..LogMelConfig::default() };
    let front = LogMel::new(384_000, &config).unwrap();
    // Each bin lies in at most two triangles.
    let weights: usize = front.bank.filters().iter().map(|filter| filter.weights.len()).sum();
    assert!((10_000..=524_288).contains(&weights), "{weights} weights");
}

#[test]
fn settings_that_cannot_work_are_named() {
    let base = LogMelConfig::default();
    for (config, key) in [
        (LogMelConfig { bands: 0, ..base.clone() }, "bands"),
        (LogMelConfig { bands: 120, ..base.clone() }, "bands"),
        (LogMelConfig { bands: 100_000, ..base.clone() }, "bands"),
        (LogMelConfig { window_s: 0.0, ..base.clone() }, "window_s"),
        (LogMelConfig { window_s: 1e9, ..base.clone() }, "window_s"),
        (LogMelConfig { step_s: f64::NAN, ..base.clone() }, "step_s"),
        (LogMelConfig { low_hz: -1.0, ..base.clone() }, "low_hz"),
        (LogMelConfig { low_hz: 5_000.0, ..base.clone() }, "low_hz"),
        (LogMelConfig { high_hz: Some(4_001.0), ..base.clone() }, "high_hz"),
    ] {
        let error = LogMel::new(8_000, &config).unwrap_err().to_string();
        assert!(error.starts_with(&format!("data.{key}: ")), "{config:?}: {error}");
    }
}
