//! Numbers that are infinite or NaN, layers that do nothing, neurons that do not settle.

use crate::common::{changed, dataset, fresh, go, network, resumed, settings, timeless};
use colearn_data::{Content, Dataset, Sample};
use colearn_network::config::RunningStatistics;
use colearn_network::{Network, ParameterKind};
use colearn_train::{
    Checkpoint, EpochRecord, OnNonFinite, Outcome, RunFiles, SATURATED, ScheduleKind, Silent, TrainConfig,
    TrainError, Trainer, Warning, Watcher,
};
use ndarray::Array2;
use tempfile::tempdir;

fn values(sample: &mut Sample) -> &mut Array2<f32> {
    match &mut sample.content {
        Content::Features { values, .. } => values,
        other => panic!("{other:?}"),
    }
}

#[derive(Default)]
struct Warnings(Vec<Warning>);

impl Watcher for Warnings {
    fn warning(&mut self, warning: &Warning) {
        self.0.push(warning.clone());
    }
}

/// The set with NaN in the training samples of these places.
fn spoilt(places: impl IntoIterator<Item = usize>) -> Dataset {
    let mut data = dataset();
    for place in places {
        values(&mut data.train.samples[place])[[3, 2]] = f32::NAN;
    }
    data
}

#[test]
fn a_number_that_is_not_finite_ends_the_run_and_leaves_the_last_checkpoint() {
    let mut data = dataset();
    let folder = tempdir().unwrap();
    let files = RunFiles::in_folder(folder.path());
    let mut healthy = fresh(&data, &TrainConfig { epochs: 1, ..settings() }).with_files(files.clone());
    healthy.run(&mut Silent, &go()).unwrap();
    let before = std::fs::read(&files.last).unwrap();

    for sample in &mut data.train.samples {
        values(sample).fill(f32::NAN);
    }
    let checkpoint = Checkpoint::load(&files.last).unwrap();
    let mut broken = resumed(&data, &settings(), checkpoint).with_files(files.clone());
    let error = broken.run(&mut Silent, &go()).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { epoch: 1, batch: 0, .. }), "{error}");
    let expected = "epoch 2, batch 1: the input of the network is NaN; expected a finite number";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert_eq!(std::fs::read(&files.last).unwrap(), before);
}

/// Whatever is not finite, its place is named: a parameter, or the first thing that was computed with it.
#[test]
fn the_first_thing_that_is_not_finite_is_named() {
    let data = dataset();
    let named = |model: &str, change: &dyn Fn(&mut Network<f32>)| {
        let mut network = changed(5, |c| c.set_model(model).unwrap());
        network.calibrate(
            &colearn_data::Loader::new(&data.train, 12, 8, colearn_data::Order::Sequential)
                .next()
                .unwrap()
                .unwrap()
                .input
                .view(),
        );
        change(&mut network);
        let config = settings().validate().unwrap();
        let mut trainer = Trainer::new(network, &data, &config, String::new()).unwrap();
        match trainer.run(&mut Silent, &go()).unwrap_err() {
            TrainError::NotFinite { epoch: 0, batch: 0, what, .. } => what,
            other => panic!("{other}"),
        }
    };
    let set = |network: &mut Network<f32>, name: &str, value: f32| {
        let parameter = network.parameters_mut().iter_mut().find(|p| p.name == name).unwrap();
        parameter.value.iter_mut().for_each(|x| *x = value);
    };
    for name in ["hidden0.weight", "hidden1.delay", "hidden1.bias", "readout.weight", "readout.gain"] {
        let what = named("d-cadlif", &|network| set(network, name, f32::NAN));
        assert_eq!(what, format!("the parameter {name}"));
    }
    // Finite weights whose sums are not.
    let what = named("d-cadlif", &|network| set(network, "readout.weight", f32::MAX));
    assert_eq!(what, "the current of readout");
    let what = named("cadlif", &|network| set(network, "hidden0.weight", 3e38));
    assert_eq!(what, "the current of hidden0");
    // A gain that is finite, and takes finite currents of variance one beyond the largest number.
    let what = named("gru", &|network| set(network, "readout.gain", f32::MAX));
    assert_eq!(what, "the output of readout");
}

/// Silent units close to their threshold under a readout whose normalisation multiplies a current of no variance by almost
/// the largest number: the scores are equal, their derivatives overflow on the way through the readout's weights.
#[test]
fn a_gradient_that_is_not_finite_is_named() {
    let data = dataset();
    let mut network = changed(5, |c| {
        c.set_model("lif").unwrap();
        (c.norm.initial_rate, c.norm.epsilon, c.network.dropout) = (0.0, 1e-38, 0.0);
    });
    for parameter in network.parameters_mut() {
        match parameter.name.as_str() {
            "hidden1.bias" => parameter.value.fill(0.8),
            "hidden1.gain" => parameter.value.fill(0.0),
            "readout.gain" => parameter.value.fill(3e19),
            "readout.weight" => parameter.value.fill(1e20),
            _ => {}
        }
    }
    let config = settings().validate().unwrap();
    let mut trainer = Trainer::new(network, &data, &config, String::new()).unwrap();
    let before = trainer.network().state();
    let error = trainer.run(&mut Silent, &go()).unwrap_err();
    let TrainError::NotFinite { epoch: 0, batch: 0, what, .. } = error else { panic!("{error}") };
    assert!(what.starts_with("the gradient of hidden1."), "{what}");
    assert_eq!(trainer.network().state(), before, "no step, no statistics");
}

#[test]
fn a_step_to_infinity_is_noticed_before_anything_is_written() {
    let data = dataset();
    let folder = tempdir().unwrap();
    let files = RunFiles::in_folder(folder.path());
    // A rate that f32 holds, but not ten times as much, which the first step of Adam comes to.
    let schedule_kind = ScheduleKind::Constant;
    let config = TrainConfig { epochs: 1, batch: 22, learning_rate: 6e37, schedule_kind, ..settings() };
    for on_nonfinite in [OnNonFinite::Stop, OnNonFinite::Skip] {
        let config = TrainConfig { on_nonfinite, ..config.clone() };
        let mut trainer = fresh(&data, &config).with_files(files.clone());
        let error = trainer.run(&mut Silent, &go()).unwrap_err().to_string();
        assert!(
            error.starts_with("epoch 1, batch 1: after its step the parameter hidden0.weight is "),
            "{error}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_skipped_batch_changes_nothing_and_is_counted() {
    let skip = TrainConfig { on_nonfinite: OnNonFinite::Skip, batch: 1, epochs: 1, ..settings() };
    let data = spoilt([4, 9]);
    let mut watcher = Warnings::default();
    let mut trainer = fresh(&data, &skip);
    assert_eq!(trainer.run(&mut watcher, &go()).unwrap(), Outcome::Finished);
    let record: &EpochRecord = &trainer.history()[0];
    assert_eq!(record.skipped_batches, 2);
    assert!(record.train_loss.is_finite() && record.gradient_norm.is_finite());
    assert_eq!(trainer.checkpoint().optimiser.steps, 20);
    assert_eq!(trainer.network().state().first_not_finite(), None);
    let skipped = |w: &&Warning| matches!(w, Warning::Skipped { epoch: 0, what, .. } if what == "the input of the network");
    assert_eq!(watcher.0.iter().filter(skipped).count(), 2);

    // A batch that is skipped leaves parameters and running statistics to the bit: of two batches, the first one counts.
    // (Statistics that move: recomputed ones are those of the whole split, at the end of an epoch.)
    let two = TrainConfig { batch: 11, ..skip };
    let moving = |data| {
        let network = changed(two.seed, |c| c.norm.statistics = RunningStatistics::Moving);
        Trainer::new(network, data, &two.validate().unwrap(), "text".to_owned()).unwrap()
    };
    let second_is_spoilt = |&place: &usize| {
        let mut seen = Vec::new();
        let data = spoilt([place]);
        fresh(&data, &two).run(&mut Skips { seen: &mut seen }, &go()).unwrap();
        seen == [1]
    };
    let data = spoilt([(0..22).find(second_is_spoilt).unwrap()]);
    let (mut first, mut both) = (moving(&data), moving(&data));
    let flag = go();
    first.run(&mut crate::common::StopAfter { batches: 1, flag: &flag }, &flag).unwrap();
    both.run(&mut Silent, &go()).unwrap();
    assert_eq!(both.checkpoint().network, first.checkpoint().network);
    assert_eq!(both.checkpoint().optimiser, first.checkpoint().optimiser);
}

/// Notes the batches that were skipped.
struct Skips<'a> {
    seen: &'a mut Vec<usize>,
}

impl Watcher for Skips<'_> {
    fn warning(&mut self, warning: &Warning) {
        if let Warning::Skipped { batch, .. } = warning {
            self.seen.push(*batch);
        }
    }
}

#[test]
fn a_run_that_skips_goes_on_from_a_checkpoint_with_the_same_bits() {
    let skip = TrainConfig { on_nonfinite: OnNonFinite::Skip, batch: 4, ..settings() };
    let data = spoilt([3]);
    let mut whole = fresh(&data, &skip);
    whole.run(&mut Silent, &go()).unwrap();
    assert_eq!(whole.history().iter().map(|record| record.skipped_batches).sum::<usize>(), 3);
    for batches in 1..10 {
        let flag = go();
        let mut first = fresh(&data, &skip);
        first.run(&mut crate::common::StopAfter { batches, flag: &flag }, &flag).unwrap();
        let mut second = resumed(&data, &skip, first.checkpoint());
        second.run(&mut Silent, &go()).unwrap();
        assert_eq!(timeless(&second), timeless(&whole), "stopped after {batches} batches");
    }
}

#[test]
fn a_run_that_skips_a_whole_epoch_gives_up() {
    let data = spoilt(0..22);
    let skip = TrainConfig { on_nonfinite: OnNonFinite::Skip, ..settings() };
    let error = fresh(&data, &skip).run(&mut Silent, &go()).unwrap_err();
    assert!(matches!(error, TrainError::AllSkipped { epoch: 0, batches: 3, .. }), "{error}");
    let expected =
        "epoch 1: all 3 batches were skipped, since the input of the network was NaN in the last one";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn silent_and_saturated_layers_are_named_once() {
    let data = dataset();
    let config = TrainConfig { epochs: 3, learning_rate: 1e-30, ..settings() }.validate().unwrap();
    let run = |bias: f32| {
        let mut network = changed(5, |c| {
            c.set_model("lif").unwrap();
            c.norm.initial_rate = 0.0;
            c.network.dropout = 0.0;
        });
        let parameter = network.parameters_mut().iter_mut().find(|p| p.name == "hidden1.bias").unwrap();
        parameter.value.fill(bias);
        let mut trainer = Trainer::new(network, &data, &config, String::new()).unwrap();
        let mut watcher = Warnings::default();
        trainer.run(&mut watcher, &go()).unwrap();
        assert_eq!(trainer.history().len(), 3);
        (watcher.0, trainer.history()[0].hidden_rates[1])
    };
    let (warnings, rate) = run(-1e6);
    assert!(rate <= 0.0);
    assert_eq!(warnings, [Warning::Silent { layer: "hidden1".to_owned() }]);
    let (warnings, rate) = run(1e6);
    assert!(rate > SATURATED, "{rate}");
    assert_eq!(warnings, [Warning::Saturated { layer: "hidden1".to_owned(), rate }]);
    assert_eq!(run(0.5).0, []);
}

#[test]
fn unstable_neurons_are_counted_and_reported_once() {
    let data = dataset();
    let config = settings().validate().unwrap();
    let run = |model: &str| {
        let network = changed(5, |c| c.set_model(model).unwrap());
        let mut trainer = Trainer::new(network, &data, &config, String::new()).unwrap();
        let mut watcher = Warnings::default();
        trainer.run(&mut watcher, &go()).unwrap();
        let unstable = |w: &Warning| matches!(w, Warning::Unstable { units: 8, .. });
        let counts: Vec<Vec<usize>> = trainer.history().iter().map(|r| r.unstable_units.clone()).collect();
        assert_eq!(counts[2], trainer.network().unstable_units());
        (counts, watcher.0.iter().filter(|w| unstable(w)).count())
    };
    let (counts, warnings) = run("adlif");
    // a starts uniformly in ±1, and about half of it is below −(1 − β).
    assert!(counts.iter().flatten().all(|&n| n > 0 && n < 8), "{counts:?}");
    assert_eq!(warnings, 2, "one a layer");
    assert_eq!(run("cadlif"), (vec![vec![0, 0]; 3], 0));
}

#[test]
fn a_checkpoint_with_a_number_that_is_not_finite_is_refused_by_name() {
    let data = dataset();
    let config = settings().validate().unwrap();
    let mut trainer = fresh(&data, &TrainConfig { epochs: 1, ..settings() });
    trainer.run(&mut Silent, &go()).unwrap();
    let good = trainer.checkpoint();
    let refused = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = good.clone();
        change(&mut checkpoint);
        Trainer::resume(network(5), &data, &config, checkpoint).map(drop).unwrap_err().to_string()
    };
    for (message, expected) in [
        (
            refused(&|c| c.network.parameters[1].1.fill(f32::NAN)),
            "the saved state does not fit the network: hidden0.delay: found NaN, expected finite numbers",
        ),
        (
            refused(&|c| c.network.statistics[2].1[3] = f32::INFINITY),
            "the saved state does not fit the network: hidden1.running_mean: found inf, expected finite numbers",
        ),
        (
            refused(&|c| c.initial.parameters[0].1.fill(f32::NEG_INFINITY)),
            "hidden0.weight of the initial network in the checkpoint: found -inf; expected finite numbers",
        ),
        (
            refused(&|c| c.best.as_mut().unwrap().network.statistics[1].1.fill(f32::NAN)),
            "hidden0.running_variance of the best network in the checkpoint: found NaN; expected finite numbers",
        ),
        (
            refused(&|c| c.optimiser.second[1].fill(f32::NAN)),
            "optimiser state, second moment of hidden0.delay: found NaN; expected finite numbers",
        ),
    ] {
        assert_eq!(message, expected);
    }
    assert!(good.network.parameters[1].0 == "hidden0.delay" && ParameterKind::ALL.len() == 5);
}
