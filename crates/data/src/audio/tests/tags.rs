//! FLAC with something before or behind it.

use super::*;

/// The number of samples in STREAMINFO: the last four bytes of 36 bits, then 16 bytes of checksum.
const SAMPLES: std::ops::Range<usize> = 22..26;

fn with_samples(count: u32) -> Vec<u8> {
    let mut bytes = MONO_FLAC.to_vec();
    bytes[SAMPLES].copy_from_slice(&count.to_be_bytes());
    bytes
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn what_lies_around_a_stream_changes_nothing() {
    let sound = decode_flac(MONO_FLAC, "x").unwrap();
    // A tag of 200 bytes; one with a footer.
    let tag = joined(&[b"ID3\x04\0\0\0\0\x01\x48", &[0; 200]]);
    let footer = joined(&[b"ID3\x04\0\x10\0\0\0\x02xx", b"3DI\x04\0\x10\0\0\0\x02"]);
    let trailer = joined(&[b"TAG", &[b' '; 125]]);
    let endless = with_samples(0);
    for (what, bytes) in [
        ("ID3v2 before", joined(&[&tag, MONO_FLAC])),
        ("ID3v2 twice before", joined(&[&tag, &footer, MONO_FLAC])),
        ("ID3v1 behind", joined(&[MONO_FLAC, &trailer])),
        ("zeros behind", joined(&[MONO_FLAC, &[0; 50]])),
        ("a tag of APE behind", joined(&[MONO_FLAC, b"APETAGEX", &[1; 70]])),
        ("a byte behind", joined(&[MONO_FLAC, b"\xff"])),
        ("no number of samples", endless.clone()),
        ("no number of samples, ID3v1 behind", joined(&[&tag, &endless, &trailer])),
    ] {
        assert_eq!(decode_flac(&bytes, what).unwrap(), sound, "{what}");
        assert_eq!(decode(&bytes, what).unwrap(), sound, "{what}");
    }
}

#[test]
fn a_stream_of_another_length_is_refused() {
    let text = message(decode_flac(&with_samples(256), "a.flac"));
    assert!(text.contains("a.flac: found 300 samples; expected 256 samples"), "{text}");
    let text = message(decode_flac(&with_samples(301), "a.flac"));
    assert!(text.contains("a.flac: found 300 samples; expected 301 samples"), "{text}");
    let text = message(decode_flac(&joined(&[&with_samples(0), &[0; 50]]), "a.flac"));
    assert!(text.contains("expected whole frames to the end"), "{text}");
}

#[test]
fn depths_that_no_frame_can_name_are_refused_as_such() {
    let mut bytes = MONO_FLAC.to_vec();
    // Bits less one, in five bits across two bytes: 31.
    bytes[20] |= 1;
    bytes[21] |= 0xf0;
    let text = message(decode_flac(&bytes, "a.flac"));
    assert!(text.contains("a.flac: found 32 bits per sample; expected 8, 12, 16, 20 or 24"), "{text}");
}
