//! Decoders on good, cut, damaged and absurd files.

use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};
use proptest::prelude::*;

use super::*;

mod tags;
mod variants;

const MONO_FLAC: &[u8] = include_bytes!("../../tests/fixtures/mono16.flac");
const STEREO_FLAC: &[u8] = include_bytes!("../../tests/fixtures/stereo24.flac");

/// What `tests/fixtures/make_sounds.py` puts into sample `i` of channel `c`.
fn fixture(i: i32, c: i32) -> f32 {
    ((i * i * 37 + c * 1_000) % 2_001 - 1_000) as f32 / 32_768.0
}

fn wav_int(bits: u16, channels: u16, rate: u32, samples: &[i32]) -> Vec<u8> {
    let spec =
        WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    for &sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn wav_float(samples: &[f32]) -> Vec<u8> {
    let spec =
        WavSpec { channels: 1, sample_rate: 8_000, bits_per_sample: 32, sample_format: SampleFormat::Float };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    for &sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn message(result: Result<Audio, DataError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn integers_of_every_size_are_scaled_to_one() {
    for bits in [8_u16, 16, 24, 32] {
        let top = 1_i64 << (bits - 1);
        let samples: Vec<i32> =
            [0, top / 2, -top / 2, -top, top / 4].map(|s| i32::try_from(s).unwrap()).to_vec();
        let audio = decode_wav(&wav_int(bits, 1, 16_000, &samples), "x.wav").unwrap();
        assert_eq!(audio, Audio { samples: vec![0.0, 0.5, -0.5, -1.0, 0.25], rate: 16_000 }, "{bits} bits");
    }
}

#[test]
fn floats_are_taken_as_they_are() {
    let samples = vec![0.0, 0.125, -1.0, 0.7];
    assert_eq!(decode_wav(&wav_float(&samples), "x.wav").unwrap().samples, samples);
    let text = message(decode_wav(&wav_float(&[0.0, f32::NAN]), "x.wav"));
    assert!(
        text.contains("x.wav: found a sample of NaN; expected finite samples of at most 65536"),
        "{text}"
    );
    // A front end would square such a sample to infinity.
    let text = message(decode_wav(&wav_float(&[0.0, -1e30]), "x.wav"));
    assert!(
        text.contains("x.wav: found a sample of -1000000000000000000000000000000; expected finite"),
        "{text}"
    );
    assert_eq!(decode_wav(&wav_float(&[1.5, -LOUDEST]), "x.wav").unwrap().samples, [1.5, -LOUDEST]);
}

#[test]
fn channels_are_averaged() {
    let audio = decode_wav(&wav_int(16, 2, 8_000, &[16_384, 0, -16_384, -16_384]), "x.wav").unwrap();
    assert_eq!(audio.samples, [0.25, -0.5]);
}

#[test]
fn flac_holds_what_was_put_in() {
    let mono = decode_flac(MONO_FLAC, "mono").unwrap();
    assert_eq!(mono, Audio { samples: (0..300).map(|i| fixture(i, 0)).collect(), rate: 8_000 });
    let stereo = decode_flac(STEREO_FLAC, "stereo").unwrap();
    assert_eq!(stereo.rate, 16_000);
    for (i, sample) in (0..300).zip(&stereo.samples) {
        let mean = 0.5 * (fixture(i, 0) + fixture(i, 1));
        assert!((sample - mean).abs() < 1e-6, "sample {i}: {sample} against {mean}");
    }
}

#[test]
fn no_beginning_of_a_file_passes_for_the_file() {
    let wav = wav_int(16, 1, 8_000, &(0..200).collect::<Vec<_>>());
    for length in 0..wav.len() {
        assert!(decode_wav(&wav[..length], "x.wav").is_err(), "{length} of {} bytes", wav.len());
    }
    for length in 0..MONO_FLAC.len() {
        assert!(
            decode_flac(&MONO_FLAC[..length], "x.flac").is_err(),
            "{length} of {} bytes",
            MONO_FLAC.len()
        );
    }
}

#[test]
fn messages_name_file_find_and_expectation() {
    let wav = wav_int(16, 1, 8_000, &(0..200).collect::<Vec<_>>());
    let cases = [
        (decode_wav(&[], "a.wav"), "a.wav: found an empty file (0 bytes); expected a wav file"),
        (decode_wav(MONO_FLAC, "a.wav"), "a.wav: found a FLAC stream; expected a wav file"),
        (decode_wav(&wav[..300], "a.wav"), "a.wav: found 300 bytes; expected 200 samples"),
        (decode_wav(&wav[..20], "a.wav"), "a.wav: found a file that ends too early; expected a wav file"),
        (
            decode_wav(&wav_int(16, 1, 4_000, &[0]), "a.wav"),
            "found a sample rate of 4000 Hz; expected a sample rate",
        ),
        (decode_flac(&[], "a.flac"), "a.flac: found an empty file (0 bytes); expected a FLAC stream"),
        (decode_flac(&wav, "a.flac"), "a.flac: found a wav file; expected a FLAC stream"),
        (decode_flac(&MONO_FLAC[..MONO_FLAC.len() - 9], "a.flac"), "expected 300 samples"),
    ];
    for (result, expected) in cases {
        let text = message(result);
        assert!(text.contains(expected), "{text:?} should contain {expected:?}");
    }
}

#[test]
fn headers_that_promise_absurd_sizes_are_refused() {
    let mut wav = wav_int(16, 1, 8_000, &[0; 50]);
    let data = wav.windows(4).position(|w| w == b"data").unwrap() + 4;
    wav[data..data + 4].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    let text = message(decode_wav(&wav, "a.wav"));
    assert!(text.contains("expected 2147483640 samples"), "{text}");
    // The sample count of STREAMINFO: 36 bits that end 16 bytes (the MD5 sum) before the block does.
    let mut flac = MONO_FLAC.to_vec();
    flac[4 + 4 + 13] |= 0x0f;
    flac[4 + 4 + 14] = 0xff;
    let text = message(decode_flac(&flac, "a.flac"));
    assert!(text.contains("a promise of") && text.contains("at most"), "{text}");
}

#[test]
fn unsupported_sizes_of_samples_are_named() {
    let mut wav = wav_int(16, 1, 8_000, &[0; 50]);
    let bits = wav.windows(4).position(|w| w == b"fmt ").unwrap() + 8 + 14;
    wav[bits..bits + 2].copy_from_slice(&40_u16.to_le_bytes());
    let text = message(decode_wav(&wav, "a.wav"));
    assert!(text.contains("a.wav: found integers of 40 bits; expected integers of 1 to 32 bits"), "{text}");
}

#[test]
fn folders_and_other_files_are_no_sound() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a.wav");
    std::fs::create_dir(&folder).unwrap();
    assert!(message(read_audio(&folder)).contains("a.wav: found a folder; expected a sound file"));
    let text = root.path().join("a.txt");
    std::fs::write(&text, "hello").unwrap();
    assert!(message(read_audio(&text)).contains("a.txt: found another kind of file; expected the extension"));
    let absent = message(read_audio(&root.path().join("b.wav")));
    assert!(absent.contains("b.wav: cannot be read"), "{absent}");
    let upper = root.path().join("C.FLAC");
    std::fs::write(&upper, MONO_FLAC).unwrap();
    assert_eq!(read_audio(&upper).unwrap().samples.len(), 300);
    // The content says what a file is, not its name.
    let misnamed = root.path().join("d.wav");
    std::fs::write(&misnamed, MONO_FLAC).unwrap();
    assert_eq!(read_audio(&misnamed).unwrap().samples.len(), 300);
    std::fs::write(&misnamed, "OggS and more").unwrap();
    assert!(
        message(read_audio(&misnamed))
            .contains("d.wav: found another kind of file: Ogg; expected a wav file")
    );
}

#[cfg(unix)]
#[test]
fn devices_are_not_read_and_links_to_files_are() {
    use std::os::unix::fs::symlink;

    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    symlink("/dev/zero", path("endless.wav")).unwrap();
    assert!(message(read_audio(&path("endless.wav"))).contains("endless.wav: found a device or a pipe"));
    std::fs::write(path("sound.flac"), MONO_FLAC).unwrap();
    symlink(path("sound.flac"), path("link.flac")).unwrap();
    assert_eq!(read_audio(&path("link.flac")).unwrap().samples.len(), 300);
    symlink(path("nothing"), path("broken.wav")).unwrap();
    assert!(message(read_audio(&path("broken.wav"))).contains("broken.wav: cannot be read"));
}

#[test]
fn a_file_larger_than_any_clip_is_refused_by_its_size() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("long.wav");
    // Holes alone: nothing is written.
    std::fs::File::create(&path).unwrap().set_len(LARGEST + 5).unwrap();
    let text = message(read_audio(&path));
    assert!(text.contains("long.wav: found 536870917 bytes; expected at most 536870912 bytes"), "{text}");
}

proptest! {
    /// Damage may go unnoticed or be an error; it never panics.
    #[test]
    fn damaged_files_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        which in 0..3_usize,
    ) {
        let mut bytes = [MONO_FLAC.to_vec(), STEREO_FLAC.to_vec(), wav_int(24, 2, 8_000, &[5; 64])][which].clone();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let result = if which == 2 { decode_wav(&bytes, "x") } else { decode_flac(&bytes, "x") };
        if let Ok(audio) = result {
            prop_assert!(audio.samples.len() <= 64 * bytes.len());
        }
    }
}
