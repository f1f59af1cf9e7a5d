//! `eval --npz --record`: arrays hold what JSON and the run's own files say.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod common;

use std::fs::{self, File};
use std::path::Path;

use common::{TINY, fail, succeed, words};
use ndarray::{Array1, Array2, Ix1, Ix2, OwnedRepr};
use ndarray_npy::{NpzReader, ReadableElement};
use serde_json::Value;
use tempfile::tempdir;

fn table<E: ReadableElement>(file: &Path, name: &str) -> Array2<E> {
    let mut archive = NpzReader::new(File::open(file).unwrap()).unwrap();
    archive.by_name::<OwnedRepr<E>, Ix2>(&format!("{name}.npy")).unwrap()
}

fn list(file: &Path, name: &str) -> Array1<i64> {
    let mut archive = NpzReader::new(File::open(file).unwrap()).unwrap();
    archive.by_name::<OwnedRepr<i64>, Ix1>(&format!("{name}.npy")).unwrap()
}

/// The texts of the first array, which lies in the archive as it is.
fn ids(file: &Path) -> Vec<String> {
    let bytes = fs::read(file).unwrap();
    let array = &bytes[30 + "id.npy".len()..];
    let head = 10 + usize::from(u16::from_le_bytes([array[8], array[9]]));
    let words = String::from_utf8_lossy(&array[10..head]).into_owned();
    let number = |after: &str| -> usize {
        let rest = words.split_once(after).unwrap().1;
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    let (length, count) = (number("<U"), number("'shape': ("));
    let texts = array[head..head + 4 * length * count].chunks(4 * length);
    let letter = |code: &[u8]| char::from_u32(u32::from_le_bytes(code.try_into().unwrap())).unwrap();
    texts.map(|text| text.chunks(4).map(letter).filter(|letter| *letter != '\0').collect()).collect()
}

/// Rows of numbers in JSON.
fn rows(value: &Value) -> Array2<f64> {
    let shape: Vec<u64> = value["dim"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    let data = value["data"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    Array2::from_shape_vec([0, 1].map(|axis| usize::try_from(shape[axis]).unwrap()), data).unwrap()
}

#[test]
fn arrays_hold_what_is_said_of_every_sample_and_the_way_of_the_chosen_ones() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 8);
    succeed(here, &format!("train {TINY} --out run"));
    let example: Value =
        serde_json::from_str(&fs::read_to_string(here.join("run/example.json")).unwrap()).unwrap();
    let first = example["id"].as_str().unwrap();
    let line = format!("eval --checkpoint run --split test --json --npz all.npz --record {first}");
    let said: Value = serde_json::from_str(&succeed(here, &line)).unwrap();
    let file = here.join("all.npz");
    let predictions = said["predictions"].as_array().unwrap();
    let classes: Vec<&str> =
        said["classes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    let (scores, truth) = (table::<f32>(&file, "scores"), list(&file, "true_class"));
    let (predicted, ids) = (list(&file, "predicted_class"), ids(&file));
    assert_eq!([truth.len(), predicted.len(), ids.len(), scores.nrows()], [predictions.len(); 4]);
    let class = |place: i64| classes[usize::try_from(place).unwrap()];
    for (place, sample) in predictions.iter().enumerate() {
        assert_eq!(ids[place], sample["id"].as_str().unwrap());
        assert_eq!(class(truth[place]), sample["true_class"]);
        assert_eq!(class(predicted[place]), sample["predicted_class"]);
        for (found, expected) in scores.row(place).iter().zip(sample["scores"].as_array().unwrap()) {
            assert!((f64::from(*found) - expected.as_f64().unwrap()).abs() < 1e-6, "{sample}");
        }
    }
    // The run's own example is the same sample on the same way.
    let close = |found: Array2<f32>, expected: &Value| {
        let expected = rows(expected);
        assert_eq!(found.dim(), expected.dim());
        assert!(found.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5));
    };
    close(table(&file, "record0_input"), &example["input"]);
    close(table(&file, "record0_membrane"), &example["readout"]);
    let spikes = table::<u8>(&file, "record0_hidden0");
    let stored = example["layers"][0]["spikes"].as_array().unwrap();
    assert_eq!(spikes.iter().map(|&spike| usize::from(spike)).sum::<usize>(), stored.len());
    for spike in stored {
        let place = [0, 1].map(|axis| usize::try_from(spike[axis].as_u64().unwrap()).unwrap());
        assert_eq!(spikes[place], 1);
    }
    // Of a network without spikes outputs are numbers, and what is no such archive stays.
    succeed(here, &format!("train {TINY} --config gru --out gru"));
    succeed(here, &format!("eval --checkpoint gru --split test --npz all.npz --record {first},{}", ids[1]));
    assert!(table::<f32>(&file, "record1_hidden0").iter().any(|output| output.fract().abs() > 0.0));
    for (line, message) in [
        ("--npz run/best.ckpt", "run/best.ckpt: is there and is no archive of predictions"),
        ("--npz all.npz --record none", "--record none: no such sample in the test split; expected some of "),
    ] {
        let error = fail(here, &format!("eval --checkpoint run --split test {line}"));
        assert!(error.starts_with(&format!("error: {message}")), "{error}");
    }
    let error = fail(here, &format!("eval --checkpoint run --record {first}"));
    assert!(error.contains("--npz <FILE>"), "{error}");
}
