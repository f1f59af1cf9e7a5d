//! Every wrong spike file ends in a message with the file, the item, what was found and what was expected.

#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use colearn_data::spike_file::SpikeFile;
use colearn_data::{DataError, Spikes};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spike_files").join(name)
}

fn unpacked(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(fixture(name)).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn open_and_read_all(path: &Path) -> Result<Vec<(Spikes, bool)>, DataError> {
    let file = SpikeFile::open(path)?;
    file.read_range(0..file.len(), 700)
}

/// The message without the folder of the file.
fn message(path: &Path) -> String {
    let error = open_and_read_all(path).expect_err("a wrong file").to_string();
    error.replace(&format!("{}/", path.parent().unwrap().display()), "")
}

#[test]
fn structure_that_is_not_as_in_shd_is_named() {
    let layout = "spikes/times, spikes/units and labels, as in the layout of SHD";
    let floats = "variable-length sequences of float16, float32 or float64";
    let sequences = "variable-length sequences of integers of 1, 2, 4 or 8 bytes";
    let integers = "integers of 1, 2, 4 or 8 bytes";
    for (name, item, found, expected) in [
        ("no_times", "spikes/times", "no data set of this name", layout),
        ("no_units", "spikes/units", "no data set of this name", layout),
        ("no_spikes", "spikes/times", "no data set of this name", layout),
        ("no_labels", "labels", "no data set of this name", layout),
        ("string_times", "spikes/times", "strings of 3 bytes", floats),
        ("integer_times", "spikes/times", "variable-length sequences of unsigned 2-byte integers", floats),
        ("compound_times", "spikes/times", "records of time, unit", floats),
        ("scalar_times", "spikes/times", "4-byte floating-point numbers", floats),
        (
            "bfloat_times",
            "spikes/times",
            "sequences of 2-byte floating-point numbers that are not IEEE 754",
            floats,
        ),
        (
            "float_units",
            "spikes/units",
            "variable-length sequences of 4-byte floating-point numbers",
            sequences,
        ),
        ("float_labels", "labels", "4-byte floating-point numbers", integers),
        ("float_speakers", "extra/speaker", "8-byte floating-point numbers", integers),
        ("integer_keys", "extra/keys", "signed 8-byte integers", "strings"),
        ("few_labels", "labels", "4 samples", "5 as in spikes/times"),
        ("few_speakers", "extra/speaker", "3 samples", "5 as in spikes/times"),
        ("few_units", "spikes/units", "4 samples", "5 as in spikes/times"),
        ("labels_of_two_dimensions", "labels", "a data set of shape [5, 2]", "one dimension, the sample"),
    ] {
        let name = format!("bad_{name}.h5.gz");
        let expected = format!("{name}, {item}: found {found}; expected {expected}");
        assert_eq!(message(&fixture(&name)), expected);
    }
}

#[test]
fn values_that_cannot_be_are_named_with_their_place() {
    let key = "a label below 6, the length of extra/keys";
    let time = "a finite number of seconds of at least 0";
    for (name, item, found, expected) in [
        ("label_out_of_range", "labels", "label 6 of sample 2", key),
        ("negative_label", "labels", "label -1 of sample 3", key),
        (
            "huge_speaker",
            "extra/speaker",
            "speaker 18446744073709551615 of sample 1",
            "speakers that fit into 64 bits with sign",
        ),
        ("short_units", "sample 3", "300 times and 299 units", "one unit for each time"),
        ("channel_out_of_range", "sample 3", "unit 700 of spike 17", "a unit below 700"),
        ("negative_unit", "sample 0", "unit -1 of spike 2", "a unit from 0 to 699"),
        ("unit_beyond_u16", "sample 4", "unit 65539 of spike 5", "a unit from 0 to 699"),
        ("nan_time", "sample 3", "time NaN of spike 250", time),
        ("negative_time", "sample 0", "time -0.25 of spike 0", time),
        ("infinite_time", "sample 2", "time inf of spike 0", time),
    ] {
        let name = format!("bad_{name}.h5.gz");
        let expected = format!("{name}, {item}: found {found}; expected {expected}");
        assert_eq!(message(&fixture(&name)), expected);
    }
}

#[test]
fn one_wrong_sample_does_not_keep_the_others_from_being_read() {
    let file = SpikeFile::open(fixture("bad_nan_time.h5.gz")).unwrap();
    assert_eq!(file.read(4, 700).unwrap().0.len(), 12);
    assert!(file.read(3, 700).is_err());
    let first_wrong = file.map_samples([4, 3, 0, 3], 200, |_, _, _| ()).unwrap_err().to_string();
    assert!(first_wrong.contains("sample 4: found unit"), "{first_wrong}");
}

#[test]
fn spikes_out_of_order_are_sorted_and_told() {
    let samples = open_and_read_all(&fixture("bad_unsorted_time.h5.gz")).unwrap();
    let flags: Vec<bool> = samples.iter().map(|(_, unsorted)| *unsorted).collect();
    assert_eq!(flags, [false, false, false, true, false]);
    let (sorted, _) = &samples[3];
    assert!(sorted.times_s().is_sorted());
    assert_eq!((sorted.len(), sorted.times_s()[0]), (300, 0.0));
    let good = SpikeFile::open(fixture("good_h5py_contiguous_f32.h5.gz")).unwrap().read(3, 700).unwrap().0;
    assert_eq!(sorted.units()[0], good.units()[299]);
    assert_eq!(sorted.units()[1..], good.units()[..299]);
}

#[test]
fn what_is_no_hdf5_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    let expected = "expected an HDF5 file in the layout of SHD, plain or gzipped";
    for (content, found) in [
        (&b""[..], "an empty file"),
        (b"a,b\n1,2\n", "a file that begins with \"a,b\\n1,2\\n\""),
        (b"x", "a file that begins with \"x\""),
        (&[0; 3000], "a file that begins with \"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\""),
    ] {
        fs::write(&path, content).unwrap();
        assert_eq!(message(&path), format!("a.h5: found {found}; {expected}"));
    }
    let inner = folder.path().join("folder.h5");
    fs::create_dir(&inner).unwrap();
    assert_eq!(message(&inner), format!("folder.h5: found a folder; {expected}"));
    assert!(message(&folder.path().join("none.h5")).starts_with("none.h5: cannot be read: "));
}

#[test]
fn a_file_that_is_cut_off_is_an_error_wherever_it_ends() {
    let whole = unpacked("good_tables_gzip_f16.h5.gz");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (found, expected) = (whole.len() - 1, whole.len());
    assert_eq!(
        message(&path),
        format!("a.h5: found {found} bytes: the file is cut off; expected {expected} bytes")
    );
    for name in
        ["good_tables_gzip_f16.h5.gz", "good_h5py_contiguous_f64.h5.gz", "good_latest_chunked_f32.h5.gz"]
    {
        let whole = unpacked(name);
        for length in (0..whole.len()).step_by(97) {
            let error = SpikeFile::from_bytes("a.h5", whole[..length].to_vec()).unwrap_err().to_string();
            assert!(error.starts_with("a.h5: found ") && error.contains("; expected "), "{length}: {error}");
        }
    }
}

#[test]
fn damaged_gzip_is_named() {
    let packed = fs::read(fixture("good_latest_gzip_f16.h5.gz")).unwrap();
    let error = |bytes: &[u8]| SpikeFile::from_bytes("a.h5.gz", bytes.to_vec()).unwrap_err().to_string();
    for length in (2..packed.len()).step_by(61) {
        let message = error(&packed[..length]);
        assert_eq!(
            message, "a.h5.gz: found gzip that is cut off; expected a whole gzipped HDF5 file",
            "{length}"
        );
    }
    let mut changed = packed.clone();
    let middle = packed.len() / 2;
    changed[middle..middle + 8].fill(0);
    assert!(error(&changed).starts_with("a.h5.gz: found damaged gzip ("), "{}", error(&changed));
    let mut text = GzEncoder::new(Vec::new(), Compression::fast());
    text.write_all(b"label,time\n").unwrap();
    let message = error(&text.finish().unwrap());
    assert!(message.starts_with("a.h5.gz: found a file that begins with \"label,ti\"; "), "{message}");
}

#[test]
fn references_that_lead_nowhere_are_named() {
    let good = unpacked("good_h5py_contiguous_f16.h5.gz");
    // Sample 3 has 300 times and units of 2 bytes; the reference to them is count, address of the heap, number of the object.
    let counts: Vec<usize> =
        (0..good.len() - 16).filter(|at| good[*at..*at + 4] == 300u32.to_le_bytes()).collect();
    let reference = *counts.iter().find(|at| good[**at + 12..**at + 16] != [0; 4]).unwrap();
    let heap =
        usize::try_from(u64::from_le_bytes(good[reference + 4..reference + 12].try_into().unwrap())).unwrap();
    assert_eq!(good[heap..heap + 4], *b"GCOL");
    let changed = |at: usize, with: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        SpikeFile::from_bytes("a.h5", bytes).unwrap_err().to_string()
    };
    for (at, with, message) in [
        (
            reference,
            &u32::MAX.to_le_bytes()[..],
            "found 4294967295 values in 600 bytes; expected room for all values",
        ),
        (reference + 4, &8u64.to_le_bytes(), "found no heap at 0x8; expected a global heap collection"),
        (
            reference + 4,
            &u64::MAX.to_le_bytes(),
            "found no heap at 0xffffffffffffffff; expected a global heap",
        ),
        (reference + 12, &9999u32.to_le_bytes(), "found no object 9999 in the heap at"),
        (reference + 12, &0u32.to_le_bytes(), "found a sequence of 300 values that is nowhere; expected"),
        (heap, b"gCOL", "found no heap at"),
        (heap + 8, &(1u64 << 40).to_le_bytes(), "found a heap of 1099511627776 bytes at"),
        (heap + 8, &u64::MAX.to_le_bytes(), "found a heap of 18446744073709551615 bytes at"),
        (heap + 24, &(1u64 << 40).to_le_bytes(), "found an object of 1099511627776 bytes at"),
    ] {
        let error = changed(at, with);
        assert!(error.starts_with("a.h5, spikes/") && error.contains(message), "{error}");
    }
}

#[test]
fn a_file_cannot_claim_more_than_it_can_hold() {
    // One dimension of 5 samples, in the version of the message that h5py writes; a file of 11 kB claims 2^40 of them.
    let good = unpacked("good_h5py_contiguous_f32.h5.gz");
    let mut claim = good.clone();
    let message = [&[1, 1, 1, 0, 0, 0, 0, 0][..], &5u64.to_le_bytes(), &5u64.to_le_bytes()].concat();
    let mut changed = 0;
    for at in 0..good.len() - message.len() {
        if good[at..at + message.len()] == message {
            claim[at + 8..at + 16].copy_from_slice(&(1u64 << 40).to_le_bytes());
            claim[at + 16..at + 24].copy_from_slice(&(1u64 << 40).to_le_bytes());
            changed += 1;
        }
    }
    assert_eq!(changed, 4, "times, units, labels, speakers");
    let error = SpikeFile::from_bytes("a.h5", claim).unwrap_err().to_string();
    assert!(error.contains("1099511627776 elements") && error.contains("read limit"), "{error}");
}

/// h5py's gzip with another number in the place of its own: what a file says of a filter that is not undone.
#[test]
fn a_filter_that_is_not_undone_is_named() {
    let good = unpacked("good_h5py_gzip_f32.h5.gz");
    // A filter of the first version of the message: number, length of the name, flags, count of values, and the name.
    let places: Vec<usize> = (8..good.len() - 8).filter(|at| good[*at..*at + 8] == *b"deflate\0").collect();
    assert!(!places.is_empty());
    let with = |id: u16| {
        let mut bytes = good.clone();
        for at in &places {
            assert_eq!(bytes[at - 8..at - 6], 1u16.to_le_bytes());
            bytes[at - 8..at - 6].copy_from_slice(&id.to_le_bytes());
        }
        SpikeFile::from_bytes("a.h5", bytes).map(|file| file.len())
    };
    assert_eq!(with(1).unwrap(), 5);
    for (id, name) in [
        (32_000, "lzf (HDF5 filter 32000)"),
        (32_001, "blosc (HDF5 filter 32001)"),
        (32_015, "zstd (HDF5 filter 32015)"),
        (32_008, "bitshuffle (HDF5 filter 32008)"),
        (307, "bzip2 (HDF5 filter 307)"),
        (4_711, "HDF5 filter 4711"),
    ] {
        let message = with(id).unwrap_err().to_string();
        // The first of the packed data sets that is read.
        let expected =
            format!("a.h5, extra/speaker: found values packed with {name}; expected values packed");
        assert!(message.starts_with(&expected), "{message}");
    }
}
