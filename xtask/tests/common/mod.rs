//! A tiny data set on disk, and the program run on it.

use std::path::Path;
use std::process::{Command, Output};

const RATE: u32 = 8000;
const WORDS: [(&str, f32); 3] = [("hiss", 0.0), ("high", 1900.0), ("low", 400.0)];

/// A folder of three words by `speakers` speakers, two clips each: a low tone, a high tone and noise, 0.12 s long.
pub(crate) fn words(root: &Path, speakers: usize) {
    words_at(root, speakers, RATE);
}

/// The same at another sample rate.
pub(crate) fn words_at(root: &Path, speakers: usize, rate: u32) {
    for (word, pitch) in WORDS {
        let folder = root.join(word);
        std::fs::create_dir_all(&folder).unwrap();
        for speaker in 0..speakers {
            for take in 0..2 {
                let seed = speaker * 2 + take;
                let name = format!("speaker{speaker}_nohash_{take}.wav");
                std::fs::write(folder.join(name), wav(&clip(pitch, seed, rate), rate, 1)).unwrap();
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "samples are at most 0.62 · 20000")]
fn clip(pitch: f32, seed: usize, rate: u32) -> Vec<i16> {
    let mut state = 12_345 + 7919 * u32::try_from(seed).unwrap();
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
    };
    let tuned = pitch * (1.0 + 0.02 * (seed % 5) as f32);
    let sample = |n: usize| {
        let tone = (std::f32::consts::TAU * tuned * n as f32 / rate as f32).sin();
        let value = if pitch > 0.0 { 0.6 * tone + 0.02 * noise() } else { 0.3 * noise() };
        (value * 20_000.0) as i16
    };
    (0..rate as usize * 12 / 100).map(sample).collect()
}

/// Samples of 16 bits, those of several channels in turn, as a WAV file.
pub(crate) fn wav(samples: &[i16], rate: u32, channels: u16) -> Vec<u8> {
    let size = u32::try_from(2 * samples.len()).unwrap();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    for number in [1, channels] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(rate.to_le_bytes());
    bytes.extend((2 * rate * u32::from(channels)).to_le_bytes());
    for number in [2 * channels, 16] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// Options of a training that takes a fraction of a second.
pub(crate) const TINY: &str = "--data words --root words --set data.steps=12 --set data.bands=10 --set data.step_s=0.01 \
                        --set data.validation_share=0.25 --set network.hidden=[8] --set train.batch=6 \
                        --set synapse.max_delay=4 --set train.epochs=2 --threads 1";

/// The program in `folder` with the words of `line` as arguments. `--epochs` takes the place of the epochs in [`TINY`]: the
/// program refuses two values of one key.
pub(crate) fn command(folder: &Path, line: &str) -> Command {
    let shorter =
        if line.contains(" --epochs ") { line.replace("--set train.epochs=2 ", "") } else { line.to_owned() };
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    // As a shell starts it, not as cargo does: the program sets its heap by itself.
    command.args(shorter.split_whitespace()).current_dir(folder).env_remove("GLIBC_TUNABLES");
    command
}

/// What a run of the program in `folder` with the words of `line` as arguments says.
pub(crate) fn xtask(folder: &Path, line: &str) -> Output {
    command(folder, line).output().unwrap()
}

/// The standard output of a run that must succeed.
pub(crate) fn succeed(folder: &Path, line: &str) -> String {
    let output = xtask(folder, line);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {} {error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The message of a run that must end with exit code 2: one line that starts with `error: `.
pub(crate) fn fail(folder: &Path, line: &str) -> String {
    let output = xtask(folder, line);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {error}");
    assert!(!error.contains("panicked"), "{line}: {error}");
    error
}
