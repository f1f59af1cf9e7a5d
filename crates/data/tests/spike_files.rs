//! Spike files of h5py and PyTables against the values they were made from (`fixtures/make_spike_files.py`), and files
//! of our own writer.

#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use colearn_data::Spikes;
use colearn_data::spike_file::{SpikeFile, SpikeFileHead, SpikeFileWriter};
use flate2::read::GzDecoder;

const KEYS: [&str; 6] = ["null", "eins", "zwei", "drei", "vier", "fünf"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spike_files")
}

/// One line of `expected.csv`.
struct Expected {
    label: usize,
    speaker: i64,
    units: Vec<u16>,
    /// Bits of the float32 times of a float16, a float32 and a float64 file.
    times: [Vec<u32>; 3],
}

fn expected() -> Vec<Expected> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let bits = |text: &str| words(text).iter().map(|w| u32::from_str_radix(w, 16).unwrap()).collect();
    let mut table = csv::Reader::from_path(fixtures().join("expected.csv")).unwrap();
    let rows = table.records().map(|row| {
        let row = row.unwrap();
        Expected {
            label: row[0].parse().unwrap(),
            speaker: row[1].parse().unwrap(),
            units: words(&row[2]).iter().map(|word| word.parse().unwrap()).collect(),
            times: [bits(&row[3]), bits(&row[4]), bits(&row[5])],
        }
    });
    rows.collect()
}

fn good_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("good_"))
        .collect();
    files.sort();
    files
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn bits(spikes: &Spikes) -> Vec<u32> {
    spikes.times_s().iter().map(|time| time.to_bits()).collect()
}

fn check(file: &SpikeFile, path: &Path, expected: &[Expected]) {
    let name = path.display();
    let with_extra = !path.to_string_lossy().contains("no_extra");
    let kind = ["f16", "f32", "f64"].iter().position(|kind| path.to_string_lossy().contains(kind)).unwrap();
    let speakers: Vec<i64> = expected.iter().map(|sample| sample.speaker).collect();
    let labels: Vec<usize> = expected.iter().map(|sample| sample.label).collect();
    assert_eq!((file.len(), file.labels()), (expected.len(), labels.as_slice()), "{name}");
    assert_eq!(file.speakers(), with_extra.then_some(speakers.as_slice()), "{name}");
    assert_eq!(file.keys().is_some(), with_extra, "{name}");
    assert!(file.keys().is_none_or(|keys| keys == KEYS), "{name}: {:?}", file.keys());
    let all = file.read_range(0..file.len(), 700).unwrap();
    for index in [4, 0, 3, 1, 2] {
        let sample = &expected[index];
        let (spikes, unsorted) = file.read(index, 700).unwrap();
        assert_eq!(bits(&spikes), sample.times[kind], "{name}, sample {index}");
        assert_eq!(spikes.units(), sample.units, "{name}, sample {index}");
        assert_eq!((unsorted, spikes.len()), (false, file.spike_count(index)), "{name}, sample {index}");
        assert_eq!(all[index], (spikes, false), "{name}, sample {index}");
    }
}

#[test]
fn files_of_every_writer_layout_and_type_hold_the_exact_values() {
    let (expected, files, folder) = (expected(), good_files(), tempfile::tempdir().unwrap());
    assert_eq!(expected.iter().map(|sample| sample.units.len()).collect::<Vec<_>>(), [7, 0, 1, 300, 12]);
    assert_eq!(files.len(), 24 + 6 + 2);
    for path in files {
        check(&SpikeFile::open(&path).unwrap(), &path, &expected);
        if path.extension().is_some_and(|extension| extension == "gz") {
            // The same content as a plain file on disk, whose name tells nothing, and from memory.
            let bytes = unpacked(&path);
            let plain = folder.path().join("plain.h5.gz");
            fs::write(&plain, &bytes).unwrap();
            check(&SpikeFile::open(&plain).unwrap(), &path, &expected);
            check(&SpikeFile::from_bytes("memory", bytes).unwrap(), &path, &expected);
        }
    }
}

#[test]
fn one_open_file_serves_many_threads() {
    let (path, expected) = (fixtures().join("good_tables_gzip_f16.h5"), expected());
    let file = Arc::new(SpikeFile::open(path).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (file, expected) = (Arc::clone(&file), &expected);
            scope.spawn(move || {
                for turn in 0..50 {
                    let index = (turn + thread) % expected.len();
                    assert_eq!(bits(&file.read(index, 700).unwrap().0), expected[index].times[0]);
                }
            });
        }
    });
}

#[test]
fn samples_come_in_the_order_asked_for() {
    let file = SpikeFile::open(fixtures().join("good_latest_gzip_f16.h5")).unwrap();
    let sizes = file.map_samples(vec![3, 0, 3, 1], 700, |index, spikes, _| (index, spikes.len())).unwrap();
    assert_eq!(sizes, [(3, 300), (0, 7), (3, 300), (1, 0)]);
    assert!(file.read_range(2..2, 700).unwrap().is_empty());
    assert_eq!(format!("{file:?}").matches("samples: 5").count(), 1);
}

#[test]
#[should_panic(expected = "sample 5 of a spike file with 5 samples")]
fn a_sample_that_is_not_there_is_an_error_of_the_program() {
    let file = SpikeFile::open(fixtures().join("good_latest_gzip_f16.h5")).unwrap();
    let _ = file.read(5, 700);
}

/// Samples of changing size, many of them in one heap and some in heaps of their own.
fn samples(count: usize) -> Vec<Spikes> {
    let sizes = [0, 1, 3, 40, 0, 7, 9000, 2];
    let sample = |index: usize| {
        let spikes = sizes[index % sizes.len()];
        let times = (0..spikes).map(|spike| spike as f32 * 1e-4 + index as f32 * 1e-6).collect();
        let units = (0..spikes).map(|spike| u16::try_from((spike * 7 + index) % 700).unwrap()).collect();
        Spikes::checked(times, units, 700, "made up").unwrap().0
    };
    (0..count).map(sample).collect()
}

fn head(samples: usize) -> SpikeFileHead {
    SpikeFileHead {
        samples,
        keys: KEYS.map(str::to_owned).to_vec(),
        speakers: true,
        notes: vec![
            ("encoder".to_owned(), "log-mel, 40 bands".to_owned()),
            ("rest".to_owned(), String::new()),
        ],
    }
}

fn write(path: &Path, samples: &[Spikes]) {
    let mut writer = SpikeFileWriter::create(path, head(samples.len())).unwrap();
    for (index, spikes) in samples.iter().enumerate() {
        assert_eq!(writer.len(), index);
        writer.push(spikes, index % 6, Some(3 - i64::try_from(index).unwrap())).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    for count in [0, 1, 5, 83] {
        let (path, samples) = (folder.path().join("set.h5"), samples(count));
        write(&path, &samples);
        let file = SpikeFile::open(&path).unwrap();
        assert_eq!((file.len(), file.is_empty()), (count, count == 0));
        assert_eq!(file.labels(), (0..count).map(|index| index % 6).collect::<Vec<_>>());
        assert_eq!(file.keys().unwrap(), KEYS);
        let speakers: Vec<i64> = (0..count).map(|index| 3 - i64::try_from(index).unwrap()).collect();
        assert_eq!(file.speakers().unwrap(), speakers);
        for (index, (read, written)) in
            file.read_range(0..count, 700).unwrap().iter().zip(&samples).enumerate()
        {
            assert_eq!(read, &(written.clone(), false), "sample {index} of {count}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

/// The bytes are those that `make_spike_files.py` has found to be read by h5py and PyTables. After a change of the
/// writer, put what it writes in place of the fixture (gzipped) and run the script.
#[test]
fn the_bytes_written_are_those_that_other_libraries_have_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.h5");
    let notes = vec![("made by".to_owned(), "the tests".to_owned())];
    let samples = expected();
    let mut writer = SpikeFileWriter::create(&path, SpikeFileHead { notes, ..head(samples.len()) }).unwrap();
    for Expected { label, speaker, units, times } in samples {
        let times = times[1].iter().map(|bits| f32::from_bits(*bits)).collect();
        let (spikes, _) = Spikes::checked(times, units, 700, "expected.csv").unwrap();
        writer.push(&spikes, label, Some(speaker)).unwrap();
    }
    writer.finish().unwrap();
    assert!(fs::read(&path).unwrap() == unpacked(&fixtures().join("written_by_colearn.h5.gz")));
}

#[test]
fn the_old_file_stays_until_the_new_one_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.h5");
    write(&path, &samples(3));
    let before = fs::read(&path).unwrap();
    let mut writer = SpikeFileWriter::create(&path, head(2)).unwrap();
    writer.push(&samples(7)[6], 0, Some(0)).unwrap();
    assert!(fs::read(&path).unwrap() == before);
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.ends_with("set.h5: found 1 samples; expected 2 as announced"), "{error}");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn samples_that_do_not_fit_the_head_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.h5");
    let spikes = samples(2).remove(1);
    let refused = |head: SpikeFileHead, label: usize, speaker: Option<i64>, message: &str| {
        let mut writer = SpikeFileWriter::create(&path, head).unwrap();
        let error = writer.push(&spikes, label, speaker).unwrap_err().to_string();
        assert!(error.ends_with(message), "{error}");
        assert!(writer.is_empty());
    };
    let bare = SpikeFileHead { samples: 1, ..SpikeFileHead::default() };
    refused(head(0), 0, Some(0), "set.h5, sample 0: found one sample more; expected 0 samples");
    refused(head(1), 6, Some(0), "set.h5, sample 0: found label 6; expected a label below 6");
    refused(head(1), 0, None, "set.h5, sample 0: found no speaker; expected a speaker");
    refused(bare.clone(), 0, Some(0), "set.h5, sample 0: found a speaker; expected no speaker");
    refused(bare, 10_000, None, "set.h5, sample 0: found label 10000; expected a label below 10000");
    let named = |name: &str| (name.to_owned(), String::new());
    for (notes, message) in [
        (vec![named("a/b")], "found a note named \"a/b\"; expected a name without slashes"),
        (vec![named("a"), named("a")], "found two notes named \"a\"; expected each name once"),
    ] {
        let error =
            SpikeFileWriter::create(&path, SpikeFileHead { notes, ..head(1) }).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let keys = vec!["a\0b".to_owned()];
    let error = SpikeFileWriter::create(&path, SpikeFileHead { keys, ..head(1) }).unwrap_err().to_string();
    assert!(error.contains("cannot contain NUL"), "{error}");
    let error =
        SpikeFileWriter::create(folder.path().join("nowhere/set.h5"), head(1)).unwrap_err().to_string();
    assert!(error.contains("set.h5: cannot be written: "), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
