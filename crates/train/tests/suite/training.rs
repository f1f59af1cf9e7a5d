//! Whole runs of a tiny network on a tiny synthetic set.

use crate::common::{
    CHANNELS, STEPS, StopAfter, changed, dataset, fresh, go, network, resumed, settings, split, timeless,
};
use colearn_data::{Augmentation, Content, Dataset, Pad, Sample, Split};
use colearn_network::config::Clamp;
use colearn_network::{BASELINE_NAMES, Delays, Parameter};
use colearn_tape::Pool;
use colearn_train::{
    BatchEvent, Checkpoint, EpochRecord, Outcome, RunFiles, ScheduleKind, Silent, TrainConfig, TrainError,
    Trainer, Watcher, evaluate,
};
use ndarray::Array2;
use tempfile::tempdir;

fn values(sample: &mut Sample) -> &mut Array2<f32> {
    match &mut sample.content {
        Content::Features { values, .. } => values,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_that_stops_anywhere_goes_on_with_the_same_bits() {
    let data = dataset();
    let config = TrainConfig { delay_schedule_kind: ScheduleKind::Plateau, clip_norm: 0.5, ..settings() };
    let mut whole = fresh(&data, &config);
    assert_eq!(whole.run(&mut Silent, &go()).unwrap(), Outcome::Finished);
    let expected = timeless(&whole);
    assert_eq!(expected.history.len(), 3);

    let folder = tempdir().unwrap();
    let files = RunFiles::in_folder(folder.path());
    for batches in 1..9 {
        let flag = go();
        let mut first = fresh(&data, &config).with_files(files.clone());
        let outcome = first.run(&mut StopAfter { batches, flag: &flag }, &flag).unwrap();
        assert_eq!(outcome, Outcome::Stopped);
        drop(first);
        let mut second = resumed(&data, &config, Checkpoint::load(&files.last).unwrap());
        assert_eq!(second.run(&mut Silent, &go()).unwrap(), Outcome::Finished);
        assert_eq!(timeless(&second), expected, "stopped after {batches} batches");
    }
}

#[test]
fn a_run_without_spikes_goes_on_with_the_same_bits_and_learns_the_task() {
    let data = dataset();
    let config = TrainConfig { epochs: 8, ..settings() }.validate().unwrap();
    for model in BASELINE_NAMES {
        let network = |seed| changed(seed, |c| c.set_model(model).unwrap());
        let mut whole = Trainer::new(network(5), &data, &config, "text".to_owned()).unwrap();
        assert_eq!(whole.run(&mut Silent, &go()).unwrap(), Outcome::Finished);
        assert!(whole.best().unwrap().accuracy >= 0.9, "{model}: {:?}", whole.history());
        let flag = go();
        let mut first = Trainer::new(network(5), &data, &config, "text".to_owned()).unwrap();
        first.run(&mut StopAfter { batches: 8, flag: &flag }, &flag).unwrap();
        let mut second = Trainer::resume(network(9), &data, &config, first.checkpoint()).unwrap();
        second.run(&mut Silent, &go()).unwrap();
        assert_eq!(timeless(&second), timeless(&whole), "{model}");
    }
}

/// With a large step some stored decays leave their bounds; clamped as stored none does, and all that is used is inside.
#[test]
fn stored_values_stay_within_their_bounds_if_asked_for() {
    let data = dataset();
    let config = TrainConfig { learning_rate: 0.1, ..settings() }.validate().unwrap();
    for (clamp, expected) in [(Clamp::Used, true), (Clamp::Stored, false)] {
        let network = changed(5, |c| c.neuron.clamp = clamp);
        let mut trainer = Trainer::new(network, &data, &config, "text".to_owned()).unwrap();
        trainer.run(&mut Silent, &go()).unwrap();
        let outside = |p: &Parameter<f32>| {
            let (low, high) = p.bounds.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
            p.value.iter().any(|x| !(low..=high).contains(x))
        };
        assert_eq!(trainer.network().parameters().iter().any(outside), expected, "{clamp:?}");
    }
}

#[test]
fn seeds_make_runs() {
    let data = dataset();
    let run = |seed| {
        let mut trainer = fresh(&data, &TrainConfig { seed, epochs: 1, ..settings() });
        trainer.run(&mut Silent, &go()).unwrap();
        timeless(&trainer).network
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// Batches of samples that are shorter than configured are computed for as long as they last: the mean says so, and rates
/// times steps are the spikes that there were.
#[test]
fn rates_and_steps_are_those_that_were_computed() {
    let long = split(3, 1);
    let mut mixed = long.clone();
    let shortened = 5;
    let sample = values(&mut mixed.samples[1]);
    *sample = sample.slice(ndarray::s![..shortened, ..]).to_owned();
    // Driven enough that both layers spike.
    let network = changed(1, |config| config.norm.gain = 4.0);
    let result = |split: &Split, batch| {
        evaluate(&network, split, 20, batch, Delays::Rounded, &mut Pool::default()).unwrap()
    };
    let mixed = mixed.padded(Pad::Longest);
    let found = result(&mixed, 1);
    assert!((found.steps - (2 * STEPS + shortened) as f64 / 3.0).abs() < 1e-12, "{}", found.steps);
    let parts: Vec<_> = (mixed.samples.iter())
        .map(|sample| result(&Split::as_they_are(vec![sample.clone()]).padded(Pad::Longest), 1))
        .collect();
    for layer in 0..2 {
        let spikes: f64 = parts.iter().map(|part| part.rates[layer] * part.steps).sum();
        assert!(spikes > 0.0);
        assert!((found.rates[layer] * found.steps - spikes / 3.0).abs() < 1e-6 * spikes, "layer {layer}");
    }
    // The longest sample of a batch counts, or the configured steps.
    assert!((result(&mixed, 3).steps - STEPS as f64).abs() < 1e-12);
    assert!((result(&long, 2).steps - 20.0).abs() < 1e-12);
}

#[derive(Default)]
struct Diary {
    batches: Vec<BatchEvent>,
    epochs: Vec<(EpochRecord, bool)>,
}

impl Watcher for Diary {
    fn batch(&mut self, event: &BatchEvent) {
        self.batches.push(event.clone());
    }

    fn epoch(&mut self, record: &EpochRecord, improved: bool) {
        self.epochs.push((record.clone(), improved));
    }
}

#[test]
fn a_watcher_sees_every_batch_and_epoch_and_the_task_is_learned() {
    let data = dataset();
    let mut diary = Diary::default();
    let config = TrainConfig { epochs: 12, validate_unrounded: true, ..settings() };
    let mut trainer = fresh(&data, &config);
    trainer.run(&mut diary, &go()).unwrap();

    assert_eq!(diary.batches.len(), 12 * 3);
    assert!(diary.batches.iter().all(|event| event.batches == 3 && event.gradient_norm > 0.0));
    let records: Vec<EpochRecord> = diary.epochs.iter().map(|(record, _)| record.clone()).collect();
    assert_eq!(records, trainer.history());
    assert!(records.iter().all(|record| record.hidden_rates.len() == 2));
    assert!(records.iter().all(|record| record.validation_accuracy_unrounded.is_some()));
    assert!(records[0].spread > records[5].spread);
    let (first, last) = (&records[0], &records[11]);
    assert!(last.train_loss < 0.7 * first.train_loss, "{} to {}", first.train_loss, last.train_loss);

    let best = trainer.best().unwrap();
    assert!(best.accuracy >= 0.9, "{}", best.accuracy);
    let last_improvement = diary.epochs.iter().rfind(|(_, improved)| *improved).unwrap();
    assert_eq!(last_improvement.0.epoch, best.epoch);
    let mut again = network(0);
    again.restore(best.network.clone()).unwrap();
    let result = evaluate(&again, &data.validation, STEPS, 3, Delays::Rounded, &mut Pool::default()).unwrap();
    assert!((result.evaluation.accuracy() - best.accuracy).abs() < 1e-12);
}

#[test]
fn training_ends_early_when_nothing_improves() {
    let data = dataset();
    // So small a rate changes no answer and no rounded delay.
    let config = TrainConfig { epochs: 9, early_stop: 2, learning_rate: 1e-30, ..settings() };
    let mut trainer = fresh(&data, &config);
    assert_eq!(trainer.run(&mut Silent, &go()).unwrap(), Outcome::EarlyStopped);
    let done = trainer.history().len();
    assert!(done < 9);
    assert_eq!(done, trainer.best().unwrap().epoch + 3);
    // A run that has ended stays ended.
    let mut again = resumed(&data, &config, trainer.checkpoint());
    assert_eq!(again.run(&mut Silent, &go()).unwrap(), Outcome::EarlyStopped);
    assert_eq!(again.history().len(), done);
}

#[test]
fn the_best_file_holds_the_best_network() {
    let data = dataset();
    let folder = tempdir().unwrap();
    let files = RunFiles::in_folder(folder.path());
    let mut trainer = fresh(&data, &settings()).with_files(files.clone());
    trainer.run(&mut Silent, &go()).unwrap();
    let best = trainer.best().unwrap();
    let stored = Checkpoint::load(&files.best).unwrap();
    assert_eq!(stored.network, best.network);
    assert_eq!(stored.epoch, best.epoch + 1);
    assert_eq!(stored.experiment, "text");
    let (mut last, mut now) = (Checkpoint::load(&files.last).unwrap(), trainer.checkpoint());
    // The clock has gone on.
    let wall = |of: &mut Checkpoint| std::mem::take(&mut of.times.as_mut().unwrap().wall);
    assert!(wall(&mut last) <= wall(&mut now));
    assert_eq!(last, now);
    let names = std::fs::read_dir(files.last.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 3, "nothing is left beside the checkpoints");
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let data = dataset();
    let config = settings().validate().unwrap();
    let checkpoint = fresh(&data, &settings()).checkpoint();
    let message = |result: Result<Trainer<'_>, TrainError>| result.map(drop).unwrap_err().to_string();

    let resume = |data, checkpoint| message(Trainer::resume(network(5), data, &config, checkpoint));
    let other = Checkpoint { seed: 6, ..checkpoint.clone() };
    assert_eq!(resume(&data, other), "seed: found 5; expected 6, as in the checkpoint");
    let other = Checkpoint { classes: vec!["early".to_owned()], ..checkpoint.clone() };
    let text = resume(&data, other);
    assert_eq!(text, "classes: found [\"early\", \"late\"]; expected [\"early\"], as in the checkpoint");
    let mut other = checkpoint.clone();
    other.normaliser.deviation[3] = 2.0;
    assert_eq!(
        resume(&data, other),
        "standard deviation of band 3 in the training split: found 1.0; expected 2.0, as in the checkpoint"
    );
    let other = Checkpoint { dataset: "another name".to_owned(), ..checkpoint };
    assert!(Trainer::resume(network(5), &data, &config, other).is_ok(), "a name is no fact");

    let new = |data| message(Trainer::new(network(5), data, &config, String::new()));
    let empty = Dataset { validation: Split::default(), ..data.clone() };
    assert_eq!(new(&empty), "early or late: the validation split is empty; expected at least one sample");
    let mut narrow = data.clone();
    *values(&mut narrow.train.samples[3]) = Array2::zeros((STEPS, CHANNELS - 1));
    assert!(new(&narrow).starts_with("input channels of sample \"0-3\": found 5; expected 6"));
    let jitter = Augmentation { time_jitter: 1.0, ..Augmentation::default() };
    let jittered = TrainConfig { augment: jitter, ..settings() }.validate().unwrap();
    assert_eq!(
        message(Trainer::new(network(5), &data, &jittered, String::new())),
        "train.augment.time_jitter: found 1; expected nothing: this set has features, not spikes"
    );
    let mut more = data.clone();
    more.classes.push("never".to_owned());
    assert_eq!(new(&more), "classes of the data: found 3; expected 2");
}

#[test]
fn a_checkpoint_with_impossible_counts_is_refused() {
    let data = dataset();
    let config = settings().validate().unwrap();
    let good = fresh(&data, &settings()).checkpoint();
    let changed = |change: fn(&mut Checkpoint)| {
        let mut checkpoint = good.clone();
        change(&mut checkpoint);
        Trainer::resume(network(5), &data, &config, checkpoint).map(drop).unwrap_err().to_string()
    };
    let samples = data.train.len();
    for (message, expected) in [
        (
            changed(|c| c.epoch = usize::MAX),
            "finished epochs in the checkpoint: found 18446744073709551615; expected",
        ),
        (
            changed(|c| c.progress.batches = usize::MAX),
            &format!(
                "batches of the present epoch in the checkpoint: found {}; expected at most {samples}",
                usize::MAX
            ),
        ),
        (
            changed(|c| c.progress.samples = 1 << 60),
            "samples of the present epoch in the checkpoint: found 1152921504",
        ),
        (
            changed(|c| c.progress.skipped = 1),
            "skipped batches of the present epoch in the checkpoint: found 1; expected at most 0",
        ),
        (
            changed(|c| c.progress.correct = 1),
            "right answers of the present epoch in the checkpoint: found 1; expected at most 0",
        ),
        (
            changed(|c| c.waiting = 1),
            "epochs without a better one in the checkpoint: found 1; expected at most 0",
        ),
        (
            changed(|c| c.schedule.waiting = usize::MAX),
            "epochs since the schedule's best one in the checkpoint: found",
        ),
        (
            changed(|c| c.delay_schedule.waiting = 7),
            "epochs since the delay schedule's best one in the checkpoint: found",
        ),
        (changed(|c| c.optimiser.steps = u64::MAX), "steps of the optimiser in the checkpoint: found"),
    ] {
        assert!(message.starts_with(expected), "{message}");
    }
}
