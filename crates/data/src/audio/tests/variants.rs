//! The many forms of wav that programs write, made here byte by byte, and what each holds.

use super::*;

/// Values of 16 bits that every form with enough bits must give back.
const VALUES: [i32; 10] = [0, 1, -1, 12_345, -12_345, 32_767, -32_768, 256, -256, 77];
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;
const STANDARD: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
const AMBISONIC: [u8; 14] = [0, 0, 0x21, 0x07, 0xd3, 0x11, 0x86, 0x44, 0xc8, 0xc1, 0xca, 0, 0, 0];

fn chunk(id: [u8; 4], size: u32, body: &[u8]) -> Vec<u8> {
    [id.as_slice(), &size.to_le_bytes(), body].concat()
}

fn whole(id: [u8; 4], body: &[u8]) -> Vec<u8> {
    let padding: &[u8] = if body.len().is_multiple_of(2) { &[] } else { &[0] };
    chunk(id, u32::try_from(body.len()).unwrap(), &[body, padding].concat())
}

fn file(id: [u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    let size = u32::try_from(body.len() + 4).unwrap();
    [id.as_slice(), &size.to_le_bytes(), b"WAVE", &body].concat()
}

/// A fmt chunk at 16 kHz; `more` comes behind its first 16 bytes.
fn fmt(tag: u16, channels: u16, block: u16, bits: u16, more: &[u8]) -> Vec<u8> {
    let rate = 16_000_u32;
    let fields = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    let rates = [rate.to_le_bytes(), (rate * u32::from(block)).to_le_bytes()].concat();
    let sizes = [block.to_le_bytes(), bits.to_le_bytes()].concat();
    whole(*b"fmt ", &[&fields, &rates, &sizes, more].concat())
}

/// What EXTENSIBLE has behind the first 16 bytes.
fn extension(valid: u16, tag: u16, kind: [u8; 14], more: &[u8]) -> Vec<u8> {
    let size = u16::try_from(22 + more.len()).unwrap();
    let head = [size.to_le_bytes(), valid.to_le_bytes(), [4, 0], [0, 0], tag.to_le_bytes()].concat();
    [&head, kind.as_slice(), more].concat()
}

/// The values as integers of `bytes` bytes, those of 16 bits in the upper two and `low` in the others.
fn integers(bytes: usize, low: u8) -> Vec<u8> {
    let one = |&value: &i32| {
        let [a, b, ..] = value.to_le_bytes();
        [vec![low; bytes - 2], vec![a, b]].concat()
    };
    VALUES.iter().flat_map(one).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "16 bits fit")]
fn floats(bytes: usize) -> Vec<u8> {
    let one = |&value: &i32| {
        let value = f64::from(value) / 32_768.0;
        if bytes == 8 { value.to_le_bytes().to_vec() } else { (value as f32).to_le_bytes().to_vec() }
    };
    VALUES.iter().flat_map(one).collect()
}

fn expected() -> Vec<f32> {
    VALUES.iter().map(|&value| value as f32 / 32_768.0).collect()
}

fn plain(tag: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    file(*b"RIFF", &[fmt(tag, 1, bits.div_ceil(8), bits, &[]), whole(*b"data", data)])
}

/// Codings and headers of one channel.
fn codings() -> Vec<(&'static str, Vec<u8>)> {
    let with = |head: Vec<u8>, data: &[u8]| file(*b"RIFF", &[head, whole(*b"data", data)]);
    let (i16s, i24s, i32s) = (integers(2, 0), integers(3, 0), integers(4, 0));
    let right: Vec<u8> = VALUES.iter().flat_map(|value| (value << 8).to_le_bytes()).collect();
    let ext = |block, bits, valid, tag, data: &[u8]| {
        with(fmt(EXTENSIBLE, 1, block, bits, &extension(valid, tag, STANDARD, &[])), data)
    };
    let mut byte_rate = plain(PCM, 16, &i16s);
    byte_rate[28..32].fill(0);
    vec![
        ("16 bits", plain(PCM, 16, &i16s)),
        ("24 bits", plain(PCM, 24, &i24s)),
        ("32 bits", plain(PCM, 32, &i32s)),
        ("12 bits in 16", plain(PCM, 12, &i16s)),
        ("20 bits in 24", plain(PCM, 20, &i24s)),
        ("24 bits below in 32", with(fmt(PCM, 1, 4, 24, &[]), &right)),
        ("24 bits above in 32", with(fmt(PCM, 1, 4, 24, &[]), &i32s)),
        ("fmt of 18 bytes", with(fmt(PCM, 1, 2, 16, &[0, 0]), &i16s)),
        ("fmt of 18 bytes, 32 bits", with(fmt(PCM, 1, 4, 32, &[0, 0]), &i32s)),
        ("fmt of 18 bytes, size of extension wrong", with(fmt(PCM, 1, 2, 16, &[9, 9]), &i16s)),
        ("fmt of 40 bytes", with(fmt(PCM, 1, 2, 16, &[0; 24]), &i16s)),
        ("no byte rate", byte_rate),
        ("no block size", with(fmt(PCM, 1, 0, 16, &[]), &i16s)),
        ("float", plain(FLOAT, 32, &floats(4))),
        ("float, fmt of 18 bytes", with(fmt(FLOAT, 1, 4, 32, &[0, 0]), &floats(4))),
        ("float, fmt of 40 bytes", with(fmt(FLOAT, 1, 4, 32, &[0; 24]), &floats(4))),
        ("double", plain(FLOAT, 64, &floats(8))),
        ("double, fmt of 18 bytes", with(fmt(FLOAT, 1, 8, 64, &[0, 0]), &floats(8))),
        ("extensible 16", ext(2, 16, 16, PCM, &i16s)),
        ("extensible 24", ext(3, 24, 24, PCM, &i24s)),
        ("extensible 32", ext(4, 32, 32, PCM, &i32s)),
        ("extensible 24 in 32", ext(4, 32, 24, PCM, &i32s)),
        ("extensible 20 in 24", ext(3, 24, 20, PCM, &i24s)),
        ("extensible 16 in 32", ext(4, 32, 16, PCM, &i32s)),
        ("extensible without valid bits", ext(2, 16, 0, PCM, &i16s)),
        ("extensible float", ext(4, 32, 32, FLOAT, &floats(4))),
        ("extensible double", ext(8, 64, 64, FLOAT, &floats(8))),
        (
            "extensible, longer",
            with(fmt(EXTENSIBLE, 1, 2, 16, &extension(16, PCM, STANDARD, &[1, 2])), &i16s),
        ),
        ("ambisonic", with(fmt(EXTENSIBLE, 1, 2, 16, &extension(16, PCM, AMBISONIC, &[])), &i16s)),
    ]
}

/// What may lie around the sound of 16 bits.
fn containers() -> Vec<(&'static str, Vec<u8>)> {
    let sound = integers(2, 0);
    let head = || fmt(PCM, 1, 2, 16, &[]);
    let data = || whole(*b"data", &sound);
    let list = whole(*b"LIST", b"INFOISFT\x03\0\0\0abc");
    let unpadded = list[..list.len() - 1].to_vec();
    let of_size = |size| file(*b"RIFF", &[head(), chunk(*b"data", size, &sound)]);
    let long = [[0_u8; 8], (sound.len() as u64).to_le_bytes(), [0; 8], [0; 8]].concat();
    let ds64 = whole(*b"ds64", &long[..28]);
    let endless =
        |id| file(id, &[ds64.clone(), head(), chunk(*b"data", u32::MAX, &[&sound[..], &list].concat())]);
    let rest = 0x7fff_ffff - 36;
    vec![
        ("a LIST chunk with padding", file(*b"RIFF", &[head(), list.clone(), data()])),
        ("a LIST chunk without padding", file(*b"RIFF", &[head(), unpadded, data()])),
        (
            "chunks before fmt",
            file(*b"RIFF", &[whole(*b"JUNK", &[0; 28]), whole(*b"fact", &[1; 4]), head(), data()]),
        ),
        ("a chunk behind", file(*b"RIFF", &[head(), data(), list.clone()])),
        ("bytes behind", [file(*b"RIFF", &[head(), data()]), vec![7; 5]].concat()),
        ("size of all bits", of_size(u32::MAX)),
        ("size 0", of_size(0)),
        ("size of sox", of_size(0x7fff_f000)),
        ("size of arecord", of_size(0x8000_0000)),
        ("size of 31 bits", of_size(0x7fff_ffff)),
        ("the file's size of 31 bits", of_size(rest)),
        (
            "a stream with half a frame",
            file(*b"RIFF", &[head(), chunk(*b"data", u32::MAX, &[&sound[..], &[3]].concat())]),
        ),
        ("RF64", endless(*b"RF64")),
        ("BW64", endless(*b"BW64")),
        ("RF64 that needs none", file(*b"RF64", &[ds64.clone(), head(), data()])),
        ("RF64 without ds64", file(*b"RF64", &[head(), chunk(*b"data", u32::MAX, &sound)])),
        ("an ID3v2 tag before", [b"ID3\x03\0\0\0\0\x01\x02".as_slice(), &[b'x'; 130], &of_size(0)].concat()),
        ("a wrong size of the file", {
            let mut bytes = file(*b"RIFF", &[head(), data()]);
            bytes[4..8].copy_from_slice(&3_u32.to_le_bytes());
            bytes
        }),
    ]
}

#[test]
fn every_form_of_the_same_sound_gives_the_same_samples() {
    for (form, bytes) in codings().into_iter().chain(containers()) {
        let audio = decode_wav(&bytes, form).unwrap();
        assert_eq!(audio, Audio { samples: expected(), rate: 16_000 }, "{form}");
        assert_eq!(decode(&bytes, form).unwrap(), audio, "{form}");
    }
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "the rounding is that of the decoder")]
fn all_bits_of_a_container_count() {
    for (bits, valid, bytes) in [(24, 24, 3), (32, 32, 4), (32, 24, 4)] {
        let head = fmt(EXTENSIBLE, 1, bits / 8, bits, &extension(valid, PCM, STANDARD, &[]));
        let wav = file(*b"RIFF", &[head, whole(*b"data", &integers(bytes, 0x40))]);
        let low = if bytes == 3 { 0x40 } else { 0x4040 };
        let scale = 2.0_f64.powi(i32::from(bits) - 1);
        let wanted = VALUES
            .map(|v| ((f64::from(v) * 2.0_f64.powi(i32::from(bits) - 16) + f64::from(low)) / scale) as f32);
        assert_eq!(decode_wav(&wav, "x.wav").unwrap().samples, wanted, "{valid} in {bits}");
    }
}

#[test]
fn frames_of_every_coding_are_averaged() {
    let channels = 3_u16;
    for (tag, bits, data) in [
        (PCM, 16, integers(2, 0)),
        (PCM, 24, integers(3, 0)),
        (PCM, 32, integers(4, 0)),
        (FLOAT, 32, floats(4)),
        (FLOAT, 64, floats(8)),
    ] {
        let bytes = usize::from(bits / 8);
        let data = &data[..9 * bytes];
        let mean: Vec<f32> = VALUES[..9]
            .chunks_exact(3)
            .map(|frame| frame.iter().sum::<i32>() as f32 / (3.0 * 32_768.0))
            .collect();
        // Two spellings of the block's size.
        for block in [channels * bits / 8, bits / 8] {
            let wav = file(*b"RIFF", &[fmt(tag, channels, block, bits, &[]), whole(*b"data", data)]);
            let found = decode_wav(&wav, "x.wav").unwrap().samples;
            assert!(
                found.iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-7),
                "{tag} {bits}: {found:?} {mean:?}"
            );
            assert_eq!(found.len(), 3);
        }
    }
}

#[test]
fn a_clip_without_sound_is_empty_and_no_stream() {
    let list = || whole(*b"LIST", b"INFOISFT\x03\0\0\0abc");
    for chunks in [vec![], vec![list()], vec![list(), whole(*b"id3 ", &[0; 7])]] {
        let bytes = file(*b"RIFF", &[vec![fmt(PCM, 1, 2, 16, &[]), whole(*b"data", &[])], chunks].concat());
        assert_eq!(decode_wav(&bytes, "x.wav").unwrap().samples, []);
    }
}

#[test]
fn companded_sound_follows_g711() {
    let read = |tag, data: &[u8]| decode_wav(&plain(tag, 8, data), "x.wav").unwrap().samples;
    let (a_law, mu_law) =
        (read(6, &[0xd5, 0x55, 0xaa, 0x2a, 0x80]), read(7, &[0xff, 0x7f, 0x80, 0x00, 0x8f]));
    assert_eq!(
        a_law.iter().map(|x| x * 32_768.0).collect::<Vec<_>>(),
        [8.0, -8.0, 32_256.0, -32_256.0, 5_504.0]
    );
    assert_eq!(
        mu_law.iter().map(|x| x * 32_768.0).collect::<Vec<_>>(),
        [0.0, 0.0, 32_124.0, -32_124.0, 16_764.0]
    );
    // The upper half of the codes is the lower one with the other sign, and sizes fall or rise along all codes.
    let codes: Vec<u8> = (0..=255).collect();
    for (tag, inverted) in [(6, 0x55), (7, 0xff)] {
        let all = read(tag, &codes);
        let size = |code: u8| all[usize::from(code ^ inverted)].abs();
        assert!((0..127).all(|code| size(code) < size(code + 1)), "{tag}");
        assert!((0..128).all(|code| (all[code] + all[code + 128]).abs() < 1e-9), "{tag}");
    }
}

#[test]
fn what_is_not_read_is_called_by_its_name() {
    let sound = integers(2, 0);
    let coding = |tag: u16, bits: u16| plain(tag, bits, &sound);
    let head = |channels, block| fmt(PCM, channels, block, 16, &[]);
    let data = || whole(*b"data", &sound);
    let mut rate = plain(PCM, 16, &sound);
    rate[24..28].copy_from_slice(&4_000_000_000_u32.to_le_bytes());
    let long = file(*b"RIFF", &[fmt(PCM, 1, 1, 8, &[]), whole(*b"data", &vec![128; LONGEST + 2])]);
    let all_in_use = file(*b"RIFF", &[fmt(PCM, 1, 4, 24, &[]), whole(*b"data", &integers(4, 9))]);
    let unknown = file(*b"RIFF", &[fmt(EXTENSIBLE, 1, 2, 16, &extension(16, PCM, [1; 14], &[])), data()]);
    let start = |bytes: &[u8]| [bytes, &[0; 40]].concat();
    for (bytes, says) in [
        (
            coding(2, 4),
            "the coding Microsoft ADPCM (0x0002); expected integers of 1 to 32 bits, floats of 32 or 64",
        ),
        (coding(0x11, 4), "the coding IMA ADPCM (0x0011)"),
        (coding(0x55, 0), "the coding MP3 (0x0055)"),
        (coding(0x1234, 16), "the coding 0x1234"),
        (coding(FLOAT, 16), "floats of 16 bits"),
        (coding(PCM, 64), "integers of 64 bits"),
        (coding(PCM, 0), "integers of 0 bits"),
        (unknown, "a coding by an unknown identifier"),
        (
            file(*b"RIFF", &[fmt(EXTENSIBLE, 1, 2, 16, &[0, 0]), data()]),
            "an extensible fmt chunk of 18 bytes",
        ),
        (
            file(*b"RIFF", &[whole(*b"fmt ", &[1; 14]), data()]),
            "a fmt chunk of 14 bytes; expected at least 16",
        ),
        (
            file(*b"RIFF", &[head(2, 6), data()]),
            "frames of 6 bytes; expected 4 bytes for 2 channel(s) of 16 bits",
        ),
        (file(*b"RIFF", &[head(0, 0), data()]), "no channel"),
        (
            file(*b"RIFF", &[head(1, 2), whole(*b"data", &sound[1..])]),
            "a data chunk of 19 bytes; expected whole frames of 2 bytes (1 channel(s) of 16 bits)",
        ),
        (file(*b"RIFF", &[head(1, 2)]), "no data chunk; expected a wav file"),
        (file(*b"RIFF", &[data(), head(1, 2)]), "a data chunk before any fmt chunk"),
        (rate, "a sample rate of 4000000000 Hz; expected a sample rate of 8000 to 384000 Hz"),
        (
            long,
            "a recording of 67108866 samples (4194 s); expected at most 67108864 samples, the longest recording",
        ),
        (all_in_use, "samples of 24 bits in four bytes that are all in use"),
        (
            plain(FLOAT, 64, &1e300_f64.to_le_bytes()),
            "a sample of 1e300; expected finite samples of at most 65536",
        ),
        (start(b"RIFX"), "another kind of file: RIFX"),
        (start(b"RIFF\x20\0\0\0AVI "), "another kind of file: RIFF, but not of the kind WAVE"),
        (start(b"riff\x2e\x91\xcf\x11"), "another kind of file: Wave64"),
        (start(b"FORM\0\0\0\x40AIFF"), "another kind of file: AIFF"),
        (start(b"NIST_1A\n   1024\n"), "another kind of file: NIST SPHERE"),
        (start(b"OggS"), "another kind of file: Ogg"),
        (start(b"\xff\xfb\x90\x64"), "another kind of file: MP3"),
        (start(b"ID3\x03\0\0\0\0\0\x02xx\xff\xfb\x90"), "another kind of file: MP3"),
        (start(b"\0\0\0\x20ftypM4A "), "another kind of file: MPEG-4"),
        (start(b"hello"), "no known sound: it begins with the bytes 68 65 6c 6c"),
    ] {
        let text = message(decode_wav(&bytes, "a.wav"));
        assert!(text.contains(&format!("a.wav: found {says}")), "{text:?} should say {says:?}");
    }
}

#[test]
fn a_stream_may_end_anywhere_and_any_other_file_not() {
    for (form, bytes) in codings() {
        for cut in [1, 2, 7] {
            let text = message(decode_wav(&bytes[..bytes.len() - cut], form));
            assert!(text.contains("bytes; expected 10 samples, as the header says"), "{form}: {text}");
        }
    }
}
