//! Signals, and small sets on disk, for the tests.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

/// The signal of the scripts beside the reference values: a chirp from 100 Hz to 0.45 of the rate, amplitude 0.5, with
/// noise of amplitude 0.05 and an offset of 0.1.
pub(crate) fn chirp(rate: u32, samples: u32) -> Vec<f32> {
    let (rate, count) = (f64::from(rate), f64::from(samples));
    let mut state = 12_345_u32;
    (0..samples)
        .map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let u = f64::from(i) / count;
            let phase =
                std::f64::consts::TAU * (count / rate) * (100.0 * u + 0.5 * (0.45 * rate - 100.0) * u * u);
            let noise = f64::from(state) / 2.0_f64.powi(31) - 1.0;
            #[expect(clippy::cast_possible_truncation, reason = "the front ends take single precision")]
            let sample = (0.5 * phase.sin() + 0.05 * noise + 0.1) as f32;
            sample
        })
        .collect()
}

/// A tone whose pitch depends on `voice`, `samples` samples at `rate`.
pub(crate) fn write_tone(path: &Path, rate: u32, samples: u32, voice: u32) {
    let spec =
        WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = WavWriter::create(path, spec).unwrap();
    let hz = 200.0 + 50.0 * f64::from(voice % 40);
    for i in 0..samples {
        let value = 8_000.0 * (std::f64::consts::TAU * hz * f64::from(i) / f64::from(rate)).sin();
        #[expect(clippy::cast_possible_truncation, reason = "an amplitude of 8000")]
        writer.write_sample(value as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// FSDD in small: every digit, each speaker, `indices` recordings.
pub(crate) fn write_fsdd(root: &Path, speakers: &[&str], indices: u32) {
    for digit in 0..10 {
        for (s, speaker) in speakers.iter().enumerate() {
            for index in 0..indices {
                let voice = digit * 7 + u32::try_from(s).unwrap() * 3 + index;
                write_tone(
                    &root.join(format!("{digit}_{speaker}_{index}.wav")),
                    8_000,
                    400 + 80 * index,
                    voice,
                );
            }
        }
    }
}

/// A folder of words: every word said twice by each of `speakers` speakers `s00`, `s01`, …
pub(crate) fn write_words(root: &Path, words: &[&str], speakers: u32) {
    for (w, word) in words.iter().enumerate() {
        for speaker in 0..speakers {
            for take in 0..2 {
                let path = root.join(word).join(format!("s{speaker:02}_x_{take}.wav"));
                write_tone(&path, 16_000, 1_200, u32::try_from(w).unwrap() * 5 + speaker);
            }
        }
    }
}
