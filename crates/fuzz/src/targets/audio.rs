//! Sound files, and the front ends behind them.

use std::io::Cursor;
use std::path::Path;

use colearn_data::audio::{Audio, decode_flac, decode_wav};
use colearn_data::{DataError, LogMel, LogMelConfig, MelDb, MelDbConfig};
use hound::{SampleFormat, WavSpec, WavWriter};

use super::{Outcome, Target};
use crate::mutate::Form;

#[derive(Debug)]
pub(super) struct Wav;

#[derive(Debug)]
pub(super) struct Flac;

impl Target for Wav {
    fn name(&self) -> &'static str {
        "wav"
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        [(1, 8), (1, 16), (2, 16), (1, 24), (3, 32)]
            .map(|(channels, bits)| wav(8_000, channels, bits, SampleFormat::Int, 600))
            .into_iter()
            .chain([wav(44_100, 2, 32, SampleFormat::Float, 1_200)])
            .collect()
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        decode_wav(input, "case.wav").and_then(|audio| features(&audio)).into()
    }
}

impl Target for Flac {
    fn name(&self) -> &'static str {
        "flac"
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![
            include_bytes!("../../../data/tests/fixtures/mono16.flac").to_vec(),
            include_bytes!("../../../data/tests/fixtures/stereo24.flac").to_vec(),
        ]
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        decode_flac(input, "case.flac").and_then(|audio| features(&audio)).into()
    }
}

/// Both front ends, as loading a set would use them. A frame must hold numbers alone.
fn features(audio: &Audio) -> Result<(), DataError> {
    let log_mel = LogMel::new(audio.rate, &LogMelConfig::default())?.features(&audio.samples);
    assert!(log_mel.iter().all(|value| value.is_finite()), "log-mel of finite samples holds no number");
    let mel_db = MelDb::new(audio.rate, &MelDbConfig::default())?.features(&audio.samples);
    assert!(mel_db.iter().all(|value| value.is_finite()), "decibels of finite samples hold no number");
    Ok(())
}

/// A falling ramp over and over, `frames` samples a channel.
pub(super) fn wav(rate: u32, channels: u16, bits: u16, format: SampleFormat, frames: i32) -> Vec<u8> {
    let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: format };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).expect("a vector takes every header");
    for i in 0..frames * i32::from(channels) {
        let written = match format {
            SampleFormat::Float => writer.write_sample((40 - i % 80) as f32 / 40.0),
            SampleFormat::Int => writer.write_sample(40 - i % 80),
        };
        written.expect("a vector takes every sample");
    }
    writer.finalize().expect("a vector takes every header");
    bytes.into_inner()
}
