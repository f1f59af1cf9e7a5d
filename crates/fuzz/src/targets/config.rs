//! The tables of an experiment that describe network and training.

use std::path::Path;

use colearn_network::{Delays, Network as Built, NetworkConfig, model_names};
use colearn_train::{Schedule, SpreadSchedule, TrainConfig, initial_generator};
use ndarray::Array3;
use serde::de::DeserializeOwned;

use super::{Outcome, Target};
use crate::mutate::Form;

const INPUTS: usize = 4;
const CLASSES: usize = 3;
/// Networks of more weights than this are checked but not built.
const MOST_WEIGHTS: usize = 1 << 16;

/// The tables of [`NetworkConfig`], and building and running what they describe.
#[derive(Debug)]
pub(super) struct Network;

/// The tables of [`TrainConfig`].
#[derive(Debug)]
pub(super) struct Train;

impl Target for Network {
    fn name(&self) -> &'static str {
        "network-config"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let mut small = NetworkConfig::default();
        small.network.hidden = vec![5, 4];
        let text = |config: &NetworkConfig| {
            toml::to_string(config).expect("a configuration can be written").into_bytes()
        };
        let of_model = |name: String| {
            let mut config = small.clone();
            config.set_model(&name).expect("every name is that of a model");
            text(&config)
        };
        let mut seeds = vec![
            text(&small),
            b"[network]\nhidden = [3]\n[neuron]\nmodel = \"se_adlif\"\nrecurrent = true\nfrozen = [\"a\", \"beta\"]\n\
              surrogate = { fast_sigmoid = { slope = 10.0 } }\n[neuron.bounds]\nalpha = [0.1, 0.9]\n[synapse]\n\
              kernel = \"gaussian\"\nmax_delay = 6\n[readout]\npooling = \"maximum\"\n"
                .to_vec(),
            b"[network]\nhidden = [3]\n[neuron]\nmodel = \"lif\"\nrecurrent = true\n[synapse]\nkernel = \"triangle\"\n\
              recurrent_delay = \"learned\"\nrecurrent_max_delay = 5\n"
                .to_vec(),
            b"[network]\nhidden = [2, 2, 2]\ndropout = 0.5\n[neuron]\nmodel = \"lif\"\nsurrogate = \"triangle\"\n[synapse]\n\
              delay = \"fixed\"\nkernel = \"smoothed\"\n[norm]\ngain = 2.0\ninitial_rate = 0.2\n"
                .to_vec(),
        ];
        seeds.extend(model_names().into_iter().map(of_model));
        seeds
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let config: NetworkConfig = match parsed(input) {
            Ok(config) => config,
            Err(message) => return Outcome::Refused(message),
        };
        let valid = match config.validate(INPUTS, CLASSES) {
            Ok(valid) => valid,
            Err(error) => return Err::<(), _>(error).into(),
        };
        let widest = config.synapse.max_delay.max(config.synapse.recurrent_max_delay);
        let weights: usize = valid.layers().iter().map(|(from, to)| from * to).sum();
        let recurrent: usize = config.network.hidden.iter().map(|units| units * units).sum();
        if (weights + recurrent).saturating_mul(widest) > MOST_WEIGHTS {
            return Outcome::Accepted;
        }
        let mut network = Built::<f32>::new(&valid, &mut initial_generator(1));
        let clip = Array3::from_shape_fn((7, 2, INPUTS), |(t, b, i)| ((t + 2 * b + 3 * i) % 5) as f32 - 1.5);
        network.calibrate(&clip.view());
        for delays in [Delays::Stored, Delays::Rounded] {
            let scores = network.infer(&clip.view(), delays, &mut colearn_tape::Pool::default()).scores;
            assert_eq!(scores.dim(), (2, CLASSES));
        }
        let state = network.state();
        network.restore(state).into()
    }
}

impl Target for Train {
    fn name(&self) -> &'static str {
        "train-config"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let text = toml::to_string(&TrainConfig::default()).expect("a configuration can be written");
        vec![
            text.into_bytes(),
            b"epochs = 3\nbatch = 4\nschedule_kind = \"plateau\"\nselection = \"loss\"\noptimiser = \"adamw\"\n[schedule]\n\
              patience = 2\nfactor = 0.25\n[augment]\ntime_shift = 4\n"
                .to_vec(),
        ]
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let config: TrainConfig = match parsed(input) {
            Ok(config) => config,
            Err(message) => return Outcome::Refused(message),
        };
        let valid = match config.validate() {
            Ok(valid) => valid,
            Err(error) => return Err::<(), _>(error).into(),
        };
        for kind in [valid.schedule_kind, valid.delay_schedule_kind] {
            let steps = valid.epochs as u64;
            let mut schedule = Schedule::new(kind, valid.schedule, steps);
            for step in [0, 1, steps / 2, steps.saturating_sub(1)] {
                let factor = schedule.factor(step);
                assert!(factor.is_finite() && factor >= 0.0, "factor {factor} in step {step} of {steps}");
                schedule.end_epoch(1.0);
            }
        }
        let spread = SpreadSchedule::new(valid.spread);
        for epoch in [0, valid.epochs / 2, valid.epochs - 1] {
            let sigma = spread.at(epoch, valid.epochs);
            assert!(sigma.is_finite() && sigma >= 0.0, "spread {sigma} in epoch {epoch}");
        }
        Outcome::Accepted
    }
}

fn parsed<T: DeserializeOwned>(input: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(input).map_err(|error| error.to_string())?;
    toml::from_str(text).map_err(|error| error.to_string())
}
