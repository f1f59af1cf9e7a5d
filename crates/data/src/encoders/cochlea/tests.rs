use super::*;

/// No noise, no level, no middle ear: what remains is the model itself.
fn plain(channels: usize) -> CochleaConfig {
    CochleaConfig { channels, noise: 0.0, level: Level::Off, ear_hz: 0.0, ..CochleaConfig::default() }
}

fn cochlea(rate: u32, config: &CochleaConfig) -> Cochlea {
    Cochlea::new(rate, config).unwrap()
}

fn tone(hz: f64, amplitude: f64, rate: u32, seconds: f64) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a short sound")]
    let samples = (seconds * f64::from(rate)) as u32;
    #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
    let at = |n: u32| (amplitude * (TAU * hz * f64::from(n) / f64::from(rate)).sin()) as f32;
    (0..samples).map(at).collect()
}

/// Tones that come and go, under noise: a stand-in for speech.
fn babble(rate: u32, seconds: f64, seed: u64) -> Vec<f32> {
    let mut word = seed;
    let mut sound = tone(140.0, 0.2, rate, seconds);
    for (hz, amplitude) in [(560.0, 0.15), (1_680.0, 0.05), (2_520.0, 0.03)] {
        sound.iter_mut().zip(tone(hz, amplitude, rate, seconds)).for_each(|(x, y)| *x += y);
    }
    for (n, x) in sound.iter_mut().enumerate() {
        word = crate::encoders::mix(word);
        let syllable = (12.0 * n as f32 / rate as f32).sin().max(0.0);
        *x = *x * syllable + 0.01 * ((word >> 40) as f32 / 16_777_216.0 - 0.5);
    }
    sound
}

fn counts(spikes: &Spikes, channels: usize) -> Vec<usize> {
    let mut counts = vec![0; channels];
    spikes.units().iter().for_each(|&unit| counts[usize::from(unit)] += 1);
    counts
}

fn run(cochlea: &Cochlea, sound: &[f32]) -> Spikes {
    cochlea.encode(sound, 0, &mut Scratch::default())
}

#[test]
fn filters_match_the_independent_script() {
    let text = include_str!("../../../tests/fixtures/gammatone.csv");
    for line in text.lines() {
        let mut cells = line.split(',');
        let rate: u32 = cells.next().unwrap().parse().unwrap();
        let channel: usize = cells.next().unwrap().parse().unwrap();
        let values: Vec<f64> = cells.map(|cell| cell.parse().unwrap()).collect();
        let (hz, gain, response) = (values[0], values[1], &values[2..]);
        let config = CochleaConfig { order: ChannelOrder::LowFirst, ..plain(50) };
        let cochlea = cochlea(rate, &config);
        assert!((cochlea.centres_hz()[channel] - hz).abs() < 1e-6 * hz, "{rate}, {channel}: centre");

        let mut click = vec![0.0_f32; 7 * response.len()];
        click[0] = 1.0;
        let motion = cochlea.membrane(&click);
        let peak = response.iter().fold(0.0_f64, |most, x| x.abs().max(most));
        for (n, &expected) in response.iter().enumerate() {
            let found = f64::from(motion[[7 * n, channel]]);
            assert!((found - expected).abs() < 1e-4 * peak, "{rate}, {channel}, {n}: {found} for {expected}");
        }

        // The steady answer to a tone at the centre, as the length of its projection on cosine and sine.
        let motion = cochlea.membrane(&tone(hz, 1.0, rate, 0.5));
        let start = rate as usize / 4;
        let steady = motion.column(channel).iter().skip(start).copied().collect::<Vec<_>>();
        let project = |offset: f64| {
            let terms = steady
                .iter()
                .enumerate()
                .map(|(n, &y)| f64::from(y) * (TAU * hz * n as f64 / f64::from(rate) + offset).cos());
            2.0 * terms.sum::<f64>() / steady.len() as f64
        };
        let found = project(0.0).hypot(project(-TAU / 4.0));
        assert!((found - gain).abs() < 0.01 * gain, "{rate}, {channel}: gain {found} for {gain}");
    }
}

#[test]
fn a_tone_fires_most_on_the_channel_of_its_frequency() {
    let config = plain(100);
    let cochlea = cochlea(16_000, &config);
    for channel in [10, 35, 60, 85] {
        let hz = cochlea.centres_hz()[channel];
        let counts = counts(&run(&cochlea, &tone(hz, 0.05, 16_000, 0.5)), 100);
        let most = *counts.iter().max().unwrap();
        assert!(most > 0 && counts[channel] == most, "{hz} Hz, channel {channel}: {counts:?}");
        let far = |other: &usize| !(0.5..2.0).contains(&(cochlea.centres_hz()[*other] / hz));
        let stray: usize = (0..100).filter(far).map(|other| counts[other]).max().unwrap();
        assert!(2 * stray < most, "{hz} Hz: {stray} spikes an octave away, {most} at the centre");
    }
}

#[test]
fn silence_gives_spontaneous_spikes_of_the_noise_alone() {
    for rate in [8_000, 16_000, 48_000] {
        let silence = vec![0.0; rate as usize];
        let quiet = CochleaConfig { noise: 0.0, ..CochleaConfig::default() };
        assert!(run(&cochlea(rate, &quiet), &silence).is_empty());
        let spikes = run(&cochlea(rate, &CochleaConfig::default()), &silence);
        assert!(
            spikes.len() < 700,
            "{rate} Hz: {} spikes of 700 channels in a second of silence",
            spikes.len()
        );
    }
}

#[test]
fn louder_is_not_fewer_spikes() {
    let cochlea = cochlea(16_000, &plain(64));
    let sound = babble(16_000, 0.4, 3);
    let totals: Vec<usize> = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
        .iter()
        .map(|&gain| run(&cochlea, &sound.iter().map(|x| gain * x).collect::<Vec<_>>()).len())
        .collect();
    assert!(totals.is_sorted() && totals[5] > totals[2], "{totals:?}");
}

#[test]
fn an_onset_gives_more_than_steady_sound() {
    let cochlea = cochlea(16_000, &plain(64));
    for channel in [8, 24, 40] {
        let spikes = run(&cochlea, &tone(cochlea.centres_hz()[channel], 0.2, 16_000, 0.6));
        let own = |from: f32, to: f32| {
            spikes.iter().filter(|(t, u)| usize::from(*u) == channel && (from..to).contains(t)).count()
        };
        let (onset, steady) = (own(0.0, 0.06), own(0.54, 0.6));
        assert!(onset > steady && onset > 0, "channel {channel}: {onset} at the onset, {steady} at the end");
    }
}

#[test]
fn no_channel_fires_again_within_its_refractory_time() {
    for (rate, refractory_s) in [(8_000, 1e-3), (16_000, 2.03e-3), (44_100, 1e-3)] {
        let config = CochleaConfig { refractory_s, drive: 1e5, ..CochleaConfig::default() };
        let spikes = run(&cochlea(rate, &config), &babble(rate, 0.3, 1));
        let mut last = vec![f64::NEG_INFINITY; 700];
        let mut shortest = f64::INFINITY;
        for (time, unit) in spikes.iter() {
            let step = (f64::from(time) * f64::from(rate)).round();
            shortest = shortest.min((step - last[usize::from(unit)]) / f64::from(rate));
            last[usize::from(unit)] = step;
        }
        assert!(
            shortest >= refractory_s - 1e-9 && shortest < refractory_s + 1e-3,
            "{rate} Hz: {shortest} s after {refractory_s} s"
        );
    }
}

#[test]
fn later_sound_does_not_change_earlier_spikes() {
    let config = CochleaConfig { level: Level::Off, ..CochleaConfig::default() };
    let cochlea = cochlea(16_000, &config);
    let sound = babble(16_000, 0.4, 5);
    let mut other = sound.clone();
    other[3_200..].iter_mut().for_each(|x| *x = 0.3 - *x);
    let before = |spikes: &Spikes| spikes.iter().take_while(|(t, _)| *t < 0.2).collect::<Vec<_>>();
    let (first, second) = (run(&cochlea, &sound), run(&cochlea, &other));
    assert_eq!(before(&first), before(&second));
    assert!(!before(&first).is_empty() && first != second);
    // Cut short, the clip keeps the spikes it had.
    assert_eq!(before(&run(&cochlea, &sound[..3_200])), before(&first));
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let sound = babble(16_000, 0.3, 7);
    for config in [CochleaConfig::default(), CochleaConfig { channels: 37, ..plain(1) }] {
        let cochlea = cochlea(16_000, &config);
        let spikes = |set| cochlea.encode_on(set, &sound, 4, &mut Scratch::default());
        let expected = spikes(InstructionSet::Portable);
        assert!(!expected.is_empty());
        for set in InstructionSet::available() {
            assert_eq!(spikes(set), expected, "{set:?}");
        }
    }
}

#[test]
fn noise_depends_on_seed_and_index_alone() {
    let sound = babble(8_000, 0.2, 2);
    let with = |seed, index| {
        let config = CochleaConfig { seed, ..CochleaConfig::default() };
        cochlea(8_000, &config).encode(&sound, index, &mut Scratch::default())
    };
    assert_eq!(with(1, 2), with(1, 2));
    assert_ne!(with(1, 2), with(1, 3));
    assert_ne!(with(1, 2), with(2, 2));
    assert_ne!(with(1, 2), with(2, 1));
}

#[test]
fn a_quiet_clip_fires_as_a_loud_one_does() {
    let sound = babble(16_000, 0.3, 9);
    let quiet: Vec<f32> = sound.iter().map(|x| x / 64.0).collect();
    for level in [Level::Rms, Level::Peak] {
        let cochlea = cochlea(16_000, &CochleaConfig { level, ..CochleaConfig::default() });
        assert_eq!(run(&cochlea, &sound), run(&cochlea, &quiet), "{level:?}");
    }
    let raw = cochlea(16_000, &CochleaConfig { level: Level::Off, ..CochleaConfig::default() });
    assert!(run(&raw, &quiet).len() < run(&raw, &sound).len());
}

#[test]
fn every_rate_uses_every_channel_and_hears_the_same() {
    let totals: Vec<f64> = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000]
        .iter()
        .map(|&rate| {
            let cochlea = cochlea(rate, &CochleaConfig { high_hz: 3_500.0, ..plain(60) });
            assert_eq!(cochlea.channels(), 60);
            assert!((cochlea.centres_hz()[59] - 80.0).abs() < 1e-6);
            run(&cochlea, &tone(700.0, 0.1, rate, 0.4)).len() as f64
        })
        .collect();
    let usual = totals[2];
    assert!(totals.iter().all(|total| (total / usual - 1.0).abs() < 0.25), "{totals:?}");
    let top = |rate| cochlea(rate, &CochleaConfig::default()).centres_hz()[0];
    assert!((top(8_000) - 3_600.0).abs() < 1e-6 && (top(48_000) - 7_000.0).abs() < 1e-6);
}

#[test]
fn the_hair_cell_follows_its_equations() {
    // The equations once more, in steps a hundred times shorter.
    let rate = 16_000.0;
    let pools = Pools::new(rate, 1.0);
    let motion = |t: f64| if t < 0.05 { 0.0 } else { 150.0 * (TAU * 200.0 * t).sin() };
    let (fine, mut worst) = (100_u32, 0.0_f64);
    let dt = 1.0 / (rate * f64::from(fine));
    let [mut q, mut c, mut w] = pools.at_rest().map(|pool| f64::from(pool.0[0]));
    let start = c;
    let mut state = pools.at_rest();
    for n in 0..3_200_u32 {
        for m in 0..fine {
            let t = (f64::from(n) + (f64::from(m) + 0.5) / f64::from(fine)) / rate;
            let x = (motion(t) + 5.0).max(0.0);
            let k = 2_000.0 * x / (x + 300.0);
            let [dq, dc, dw] = [
                5.05 * (1.0 - q) - k * q + 66.3 * w,
                k * q - (2_500.0 + 6_580.0) * c,
                6_580.0 * c - 66.3 * w,
            ];
            (q, c, w) = (q + dt * dq, c + dt * dc, w + dt * dw);
        }
        #[expect(clippy::cast_possible_truncation, reason = "motion is f32")]
        let mut rows = [Lanes::splat(motion((f64::from(n) + 0.5) / rate) as f32)];
        pools.run(&mut state, &mut rows);
        worst = worst.max((f64::from(rows[0].0[3]) - c).abs());
        if n < 800 {
            assert!((c - start).abs() < 1e-5 * start, "silence is a rest");
        }
    }
    assert!(worst < 0.04 * 0.05, "{worst} against peaks of about 0.05");
    assert!((f64::from(state[0].0[0]) / q - 1.0).abs() < 0.02, "free transmitter {q}");
}

#[test]
fn values_that_cannot_work_are_named() {
    let wrong = |config: CochleaConfig, rate: u32| Cochlea::new(rate, &config).unwrap_err().to_string();
    let usual = CochleaConfig::default;
    for (message, expected) in [
        (wrong(CochleaConfig { channels: 0, ..usual() }, 16_000), "data.channels: 0; expected 1 to 65536"),
        (
            wrong(CochleaConfig { low_hz: f64::NAN, ..usual() }, 16_000),
            "data.low_hz: NaN; expected 20 to 3000",
        ),
        (wrong(CochleaConfig { high_hz: 50.0, ..usual() }, 16_000), "data.high_hz: 50; expected 84 to 21600"),
        (wrong(CochleaConfig { noise: -1.0, ..usual() }, 16_000), "data.noise: -1; expected 0 to 100"),
        (wrong(usual(), 7_999), "data.rate: 7999 Hz; expected a sample rate of 8000 to 48000 Hz"),
    ] {
        assert!(message.contains(expected), "{message}");
    }
    assert!(toml::from_str::<CochleaConfig>("chanels = 3").is_err());
    assert_eq!(toml::from_str::<CochleaConfig>("").unwrap(), usual());
}

#[test]
fn odd_samples_do_no_harm() {
    let cochlea = cochlea(16_000, &CochleaConfig { channels: 20, ..CochleaConfig::default() });
    assert!(run(&cochlea, &[]).is_empty());
    let mut sound = babble(16_000, 0.1, 1);
    let expected = {
        let mut zeroed = sound.clone();
        zeroed[100] = 0.0;
        run(&cochlea, &zeroed)
    };
    for odd in [f32::NAN, f32::INFINITY] {
        sound[100] = odd;
        assert_eq!(run(&cochlea, &sound), expected);
    }
    let huge = vec![f32::MAX; 500];
    assert!(run(&cochlea, &huge).times_s().iter().all(|t| t.is_finite()));
}
