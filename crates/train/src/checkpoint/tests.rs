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

/// What `load` says about a file with these bytes.
fn problem(bytes: &[u8]) -> CheckpointProblem {
    let folder = tempdir().unwrap();
    let path = folder.path().join("some.ckpt");
    fs::write(&path, bytes).unwrap();
    let error = Checkpoint::load(&path).unwrap_err();
    assert!(error.to_string().contains("some.ckpt: "), "{error}");
    match error {
        TrainError::Checkpoint { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

#[test]
fn other_files_are_not_checkpoints() {
    for bytes in [&b""[..], b"RIFF\x00\x00\x00\x00WAVE", b"\x89PNG\r\n\x1a\n", b"co"] {
        let found = bytes[..bytes.len().min(8)].to_vec();
        assert_eq!(problem(bytes), CheckpointProblem::Magic { found, expected: MAGIC.to_vec() });
    }
}

#[test]
fn every_shorter_or_longer_file_is_noticed() {
    let whole = encode(&sample(1));
    let expected = whole.len() as u64;
    for length in [HEADER, HEADER + 1, whole.len() / 2, whole.len() - 1] {
        let found = length as u64;
        assert_eq!(problem(&whole[..length]), CheckpointProblem::Length { found, expected });
    }
    for length in 1..HEADER {
        let found = length as u64;
        assert_eq!(problem(&whole[..length]), CheckpointProblem::Length { found, expected: HEADER as u64 });
    }
    let overlong = [&whole[..], b"!"].concat();
    assert_eq!(problem(&overlong), CheckpointProblem::Length { found: expected + 1, expected });
    assert!(
        problem(&whole[..HEADER]).to_string().starts_with("truncated checkpoint: found 52 bytes; expected")
    );
    assert!(problem(&overlong).to_string().starts_with("overlong checkpoint"));
}

#[test]
fn a_changed_bit_anywhere_is_noticed() {
    let whole = encode(&sample(1));
    for place in (0..whole.len()).step_by(7).chain([0, 8, 12, 20, HEADER, whole.len() - 1]) {
        let mut bytes = whole.clone();
        bytes[place] ^= 4;
        let found = decode::<Checkpoint>(&bytes).unwrap_err();
        let fits = match place {
            0..8 => matches!(found, CheckpointProblem::Magic { .. }),
            8..12 => matches!(found, CheckpointProblem::Version { .. }),
            12..20 => matches!(found, CheckpointProblem::Length { .. }),
            _ => matches!(found, CheckpointProblem::Checksum { .. }),
        };
        assert!(fits, "bit of byte {place}: {found}");
    }
}

#[test]
fn a_later_format_is_named() {
    let mut bytes = encode(&sample(1));
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    assert_eq!(problem(&bytes).to_string(), "checkpoint format 2; this version reads format 1");
}

/// A file whose header fits this body.
fn with_body(body: &[u8]) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &FORMAT.to_le_bytes(), &(body.len() as u64).to_le_bytes()].concat();
    bytes.extend_from_slice(&Sha256::digest(body));
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn a_body_of_something_else_does_not_decode_and_cannot_ask_for_memory() {
    let huge_string = u64::MAX.to_le_bytes();
    let large_string = (1_u64 << 40).to_le_bytes();
    let right = codec().serialize(&sample(1)).unwrap();
    let with_rest = [&right[..], b"rest"].concat();
    for body in [&b""[..], b"short", &huge_string, &large_string, &with_rest, &right[..right.len() - 3]] {
        let found = problem(&with_body(body));
        assert!(matches!(found, CheckpointProblem::Body { .. }), "{found}");
    }
    assert_eq!(encode(&sample(1)), with_body(&right));
}

#[test]
fn a_half_written_file_of_a_killed_run_does_not_matter() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("last.ckpt");
    sample(1).save(&path).unwrap();
    let half = encode(&sample(2));
    fs::write(waiting_place(&path), &half[..half.len() / 2]).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), sample(1));
    sample(3).save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), sample(3));
    assert!(!waiting_place(&path).exists());
}

#[test]
fn system_errors_name_the_file() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("nowhere").join("best.ckpt");
    let read = Checkpoint::load(&missing).unwrap_err().to_string();
    assert!(read.contains("best.ckpt: cannot be read: "), "{read}");
    let written = sample(1).save(&missing).unwrap_err().to_string();
    assert!(written.contains("best.ckpt.part: cannot be written: "), "{written}");
}
