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

/// Forms that hound does not write: doubles, 24 bits in 32, mu-law, and sizes of 64 bits.
fn rare() -> Vec<Vec<u8>> {
    let chunk = |id: &[u8; 4], body: &[u8]| {
        let size = u32::try_from(body.len()).expect("small").to_le_bytes();
        [id.as_slice(), &size, body].concat()
    };
    let form = |id: &[u8; 4], tag: u16, bits: u16, more: &[u8]| {
        let block = bits / 8;
        let numbers = [tag, 1, 8_000, 0, 8_000 * block, 0, block, bits].map(u16::to_le_bytes).concat();
        let long = [[0_u8; 8], 4_000_u64.to_le_bytes(), [0; 8]].concat();
        let chunks =
            [chunk(b"ds64", &long), chunk(b"fmt ", &[&numbers, more].concat()), chunk(b"data", &[60; 4_000])];
        [id.as_slice(), &[0xff; 4], b"WAVE", &chunks.concat()].concat()
    };
    let mut long = form(b"RF64", 1, 16, &[]);
    let size = long.len() - 4_004;
    long[size..size + 4].fill(0xff);
    let identifier = b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";
    let extension = [b"\x16\0\x18\0\x04\0\0\0", identifier.as_slice()].concat();
    vec![form(b"RIFF", 3, 64, &[]), form(b"RIFF", 0xfffe, 32, &extension), form(b"RIFF", 7, 8, &[0, 0]), long]
}

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
            .chain(rare())
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
