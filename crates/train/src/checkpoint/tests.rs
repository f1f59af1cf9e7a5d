use std::fs;

use super::*;
use colearn_network::{Network, NetworkConfig};
use tempfile::tempdir;

use crate::config::TrainConfig;
use crate::optimiser::Optimiser;
use crate::random::initial_generator;

fn sample(seed: u64) -> Checkpoint {
    let mut config = NetworkConfig::default();
    config.network.hidden = vec![3];
    let network = Network::<f32>::new(&config.validate(2, 2).unwrap(), &mut initial_generator(seed));
    let record = EpochRecord {
        epoch: 0,
        train_loss: 0.5,
        train_accuracy: 0.75,
        validation_loss: 0.625,
        validation_accuracy: 0.5,
        validation_accuracy_unrounded: None,
        hidden_rates: vec![0.125],
        learning_rate: 1e-3,
        spread: 2.0,
        gradient_norm: 1.5,
        seconds: 0.25,
        samples_per_second: 400.0,
        skipped_batches: 1,
        unstable_units: vec![2],
        waited: Some(0.0625),
    };
    Checkpoint {
        experiment: "[train]\nepochs = 3\n".to_owned(),
        dataset: "words".to_owned(),
        classes: vec!["left".to_owned(), "höher".to_owned()],
        channels: 2,
        steps: 5,
        normaliser: Normaliser { mean: vec![0.5, -1.0], deviation: vec![1.0, 2.0] },
        seed,
        optimiser: Optimiser::new(&TrainConfig::default(), network.parameters()).state().clone(),
        schedule: ScheduleState { factor: 0.5, best: Some(0.625), waiting: 2 },
        delay_schedule: ScheduleState { factor: 1.0, best: None, waiting: 0 },
        epoch: 1,
        progress: EpochProgress { batches: 2, samples: 9, ..EpochProgress::default() },
        history: vec![record],
        best: Some(Best { epoch: 0, accuracy: 0.5, loss: 0.625, network: network.state() }),
        waiting: 0,
        run: Some("0123456789abcdef".repeat(2).parse().unwrap()),
        facts: Some(DataFacts { rate: Some(16_000), ..DataFacts::default() }),
        times: Some(Times { wall: 12.5, whole: false, waited: vec![Some(0.0625)], waiting: Some(0.0) }),
        initial: network.state(),
        network: network.state(),
    }
}

#[test]
fn what_was_saved_is_loaded() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("last.ckpt");
    for seed in [3, 4] {
        sample(seed).save(&path).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap(), sample(seed));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("some.ckpt");
    let whole = FORMAT.encode(&sample(1));
    let mut later = whole.clone();
    later[8..12].copy_from_slice(&6_u32.to_le_bytes());
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (bytes, message) in [
        (
            &b"RIFF\x00\x00\x00\x00WAVE"[..],
            "not a checkpoint of colearn: it begins with the bytes [52, 49, 46, 46",
        ),
        (&whole[..52], "truncated checkpoint: found 52 bytes; expected"),
        (&whole[..30], "truncated checkpoint: found 30 bytes; expected 52"),
        (&later, "checkpoint format 6; this version reads formats 2 to 5"),
        (&changed, "damaged checkpoint: the SHA-256 of the body is"),
        (&FORMAT.encode(&7_u8), "the body of the checkpoint does not decode"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("some.ckpt: {message}")), "{error}");
    }
}

#[test]
fn a_half_written_file_of_a_killed_run_does_not_matter() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("last.ckpt");
    sample(1).save(&path).unwrap();
    let half = FORMAT.encode(&sample(2));
    let part = folder.path().join("last.ckpt.4711-0.part");
    fs::write(&part, &half[..half.len() / 2]).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), sample(1));
    sample(3).save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), sample(3));
    assert!(!part.exists());
}

#[test]
fn system_errors_name_the_file() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("nowhere").join("best.ckpt");
    let read = Checkpoint::load(&missing).unwrap_err().to_string();
    assert!(read.contains("best.ckpt: cannot be read: "), "{read}");
    let written = sample(1).save(&missing).unwrap_err().to_string();
    assert!(written.contains("best.ckpt: cannot be written: "), "{written}");
}
