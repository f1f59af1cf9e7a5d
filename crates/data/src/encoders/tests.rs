use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;

fn tone(hz: f32, rate: u32, seconds: f32) -> Audio {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a short sound")]
    let samples = (seconds * rate as f32) as usize;
    let wave = |n: usize| 0.3 * (std::f32::consts::TAU * hz * n as f32 / rate as f32).sin();
    Audio { samples: (0..samples).map(wave).collect(), rate }
}

fn all() -> Vec<Encoder> {
    [
        EncoderConfig::Cochlea(CochleaConfig { channels: 33, ..CochleaConfig::default() }),
        EncoderConfig::LevelCrossing(LevelCrossingConfig::default()),
        EncoderConfig::Poisson(PoissonConfig::default()),
        EncoderConfig::Latency(LatencyConfig::default()),
    ]
    .map(|config| Encoder::new(config).unwrap())
    .into()
}

proptest! {
    #[test]
    fn level_crossing_gives_the_signal_back_within_a_threshold(
        values in prop::collection::vec(-2.0_f32..2.0, 1..60), threshold in 0.02..0.7_f64
    ) {
        let features = Array2::from_shape_vec((values.len(), 1), values.clone()).unwrap();
        let spikes = level_crossing(&features, 0.01, threshold).unwrap();
        for (step, &value) in values.iter().enumerate() {
            let end = (step as f64 + 1.0) * 0.01 + 1e-7;
            let moved: i32 = spikes
                .iter()
                .filter(|(time, _)| f64::from(*time) <= end)
                .map(|(_, unit)| if unit == 0 { 1 } else { -1 })
                .sum();
            let left = (f64::from(value) - threshold * f64::from(moved)).abs();
            prop_assert!(left < threshold * (1.0 + 1e-6), "step {step}: {value} is {left} off");
        }
    }

    #[test]
    fn latency_keeps_the_order_of_the_features(
        values in prop::collection::vec(0.0_f32..1.0, 2..40), logarithmic in any::<bool>()
    ) {
        let curve = if logarithmic { LatencyCurve::Logarithmic } else { LatencyCurve::Linear };
        let features = Array2::from_shape_vec((1, values.len()), values.clone()).unwrap();
        let spikes = latency(&features, 0.01, 0.2, curve).unwrap();
        let fired: Vec<u16> = spikes.units().to_vec();
        prop_assert_eq!(fired.len(), values.iter().filter(|&&x| f64::from(x) > 0.2).count());
        let times: Vec<(f32, f32)> =
            spikes.iter().map(|(time, unit)| (time, values[usize::from(unit)])).collect();
        for pair in times.windows(2) {
            prop_assert!(pair[0].0 < 0.01 && pair[1].0 < 0.01);
            prop_assert!(pair[0].1 >= pair[1].1 || pair[0].0.to_bits() == pair[1].0.to_bits(), "{:?}", times);
        }
    }
}

#[test]
fn level_crossings_lie_where_the_line_crosses() {
    let features = array![[0.35_f32, 0.0], [0.05, -0.25]];
    let spikes = level_crossing(&features, 0.1, 0.1).unwrap();
    let expected =
        [(0.028_571, 0), (0.057_143, 0), (0.085_714, 0), (0.14, 3), (0.15, 2), (0.18, 3), (0.183_333, 2)];
    assert_eq!(spikes.len(), expected.len());
    for ((time, unit), (when, which)) in spikes.iter().zip(expected) {
        assert!((time - when).abs() < 1e-5 && unit == which, "{spikes:?}");
    }
}

#[test]
fn latencies_follow_their_formulas() {
    let features = array![[1.0_f32, 0.6, 0.19], [0.1, 0.21, 2.0]];
    let linear = latency(&features, 1.0, 0.2, LatencyCurve::Linear).unwrap();
    let times = [(0.0, 0), (0.4995, 1), (1.0, 2), (1.0 + 0.999 * 0.79 / 0.8, 1)];
    for ((time, unit), (when, which)) in linear.iter().zip(times) {
        assert!((time - when).abs() < 1e-5 && unit == which, "{linear:?}");
    }
    assert_eq!(linear.len(), 4);
    let curved = latency(&features, 1.0, 0.2, LatencyCurve::Logarithmic).unwrap();
    let when = 0.999 * (0.6_f32 / 0.4).ln() / 101.0_f32.ln();
    assert!((curved.times_s()[1] - when).abs() < 1e-5, "{curved:?}");
}

#[test]
fn poisson_fires_at_the_rate_asked_for() {
    // 2000 steps of 10 ms on 3 channels: 20 s each. Beyond five standard deviations is one run in two million.
    let mut features = Array2::zeros((2_000, 3));
    features.column_mut(0).fill(1.0);
    features.column_mut(1).fill(0.1);
    let spikes = poisson(&features, 0.01, 150.0, 3, 0).unwrap();
    for (channel, mean) in [(0, 3_000.0_f64), (1, 300.0), (2, 0.0)] {
        let found = spikes.units().iter().filter(|&&unit| unit == channel).count() as f64;
        assert!((found - mean).abs() <= 5.0 * mean.sqrt(), "channel {channel}: {found} for {mean}");
    }
    // The number in a step has the variance of a Poisson number, equal to its mean.
    let mut steps = vec![0.0_f64; 2_000];
    for (time, unit) in spikes.iter() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a step below 2000")]
        let step = (f64::from(time) / 0.01) as usize;
        if unit == 0 {
            steps[step.min(1_999)] += 1.0;
        }
    }
    let mean = steps.iter().sum::<f64>() / 2_000.0;
    let variance = steps.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 1_999.0;
    assert!((variance / mean - 1.0).abs() < 0.16, "variance {variance}, mean {mean}");
}

#[test]
fn poisson_depends_on_seed_index_and_its_own_channel() {
    let mut features = Array2::from_elem((100, 2), 0.5);
    let with = |features: &Array2<f32>, seed, index| poisson(features, 0.01, 200.0, seed, index).unwrap();
    let of_first = |spikes: &Spikes| spikes.iter().filter(|(_, unit)| *unit == 0).collect::<Vec<_>>();
    let usual = with(&features, 1, 2);
    assert_eq!(usual, with(&features, 1, 2));
    assert_ne!(usual, with(&features, 2, 2));
    assert_ne!(usual, with(&features, 1, 3));
    assert_ne!(with(&features, 1, 2), with(&features, 2, 1));
    features.column_mut(1).fill(0.9);
    assert_eq!(of_first(&usual), of_first(&with(&features, 1, 2)));
}

#[test]
fn features_that_cannot_be_encoded_are_named() {
    let good = array![[0.5_f32]];
    let bad = array![[0.5_f32, f32::NAN]];
    for (result, expected) in [
        (level_crossing(&good, 0.0, 0.1), "data.step_s: 0; expected a positive number of seconds"),
        (level_crossing(&good, 0.1, 0.0), "data.threshold: 0; expected a positive number"),
        (level_crossing(&good, 0.1, 1e-9), "data.threshold: a change of"),
        (poisson(&bad, 0.1, 1.0, 0, 0), "data.features: NaN at step 0, channel 1; expected finite"),
        (poisson(&good, 0.1, 1e9, 0, 0), "data.most_hz: 5e7 spikes in step 0"),
        (latency(&good, 0.1, 1.0, LatencyCurve::Linear), "data.floor: 1; expected 0.001 to 0.99"),
    ] {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn each_encoder_keeps_to_its_channels_and_the_length_of_the_clip() {
    let names = ["cochlea", "level_crossing", "poisson", "latency"];
    for (encoder, name) in all().iter().zip(names) {
        assert_eq!(encoder.name(), name);
        assert!(!encoder.description().is_empty());
        for rate in [8_000, 44_100] {
            let spikes = encoder.encode(&tone(440.0, rate, 0.5)).unwrap();
            assert!(!spikes.is_empty(), "{name}");
            assert!(spikes.units().iter().all(|&unit| usize::from(unit) < encoder.channels()), "{name}");
            assert!(spikes.times_s().is_sorted() && *spikes.times_s().last().unwrap() < 0.5, "{name}");
        }
        assert!(encoder.encode(&Audio { samples: vec![], rate: 8_000 }).unwrap().is_empty(), "{name}");
        let silence = Audio { samples: vec![0.0; 4_000], rate: 8_000 };
        assert!(encoder.encode(&silence).unwrap().len() < 40, "{name}");
    }
}

#[test]
fn a_set_has_the_same_spikes_on_any_number_of_threads() {
    let clips: Vec<Audio> =
        (1..9).map(|k| tone(200.0 * k as f32, if k % 3 == 0 { 16_000 } else { 8_000 }, 0.1)).collect();
    for encoder in all() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| encoder.encode_all(&clips)).unwrap()
        };
        let (one, four) = (run(1), run(4));
        assert_eq!(one, four, "{}", encoder.name());
        let alone = encoder.encode_with(&clips[5], 5, &mut Scratch::default()).unwrap();
        assert_eq!(one[5], alone, "{}", encoder.name());
    }
}

#[test]
fn one_scratch_serves_encoders_and_rates_in_any_order() {
    let mut scratch = Scratch::default();
    for _ in 0..2 {
        for encoder in all() {
            for rate in [8_000, 16_000] {
                let clip = tone(300.0, rate, 0.2);
                let reused = encoder.encode_with(&clip, 0, &mut scratch).unwrap();
                assert_eq!(reused, encoder.encode(&clip).unwrap(), "{} at {rate}", encoder.name());
            }
        }
    }
}

#[test]
fn configurations_are_read_and_written_by_name() {
    for encoder in all() {
        let text = toml::to_string(encoder.config()).unwrap();
        assert!(text.contains(&format!("name = \"{}\"", encoder.name())), "{text}");
        assert_eq!(&toml::from_str::<EncoderConfig>(&text).unwrap(), encoder.config());
    }
    let short: EncoderConfig = toml::from_str("name = \"poisson\"\nfeatures = { bands = 8 }").unwrap();
    let EncoderConfig::Poisson(own) = short else { panic!("{short:?}") };
    assert_eq!((own.features.bands, own.features.window_s.to_bits()), (8, 0.025_f64.to_bits()));
    for text in [
        "name = \"poisson\"\nmost = 3",
        "name = \"cochlea\"\nchanels = 3",
        "name = \"cochlear\"",
        "name = \"latency\"\n[features]\nband = 3",
    ] {
        assert!(toml::from_str::<EncoderConfig>(text).is_err(), "{text}");
    }
    let bad = EncoderConfig::Latency(LatencyConfig { floor: 2.0, ..LatencyConfig::default() });
    assert!(Encoder::new(bad).unwrap_err().to_string().contains("data.floor: 2"));
}
