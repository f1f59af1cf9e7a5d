//! What is read from the folder of one run.

use std::path::Path;

use anyhow::{Context, Result};
use colearn_eval::Interval;
use colearn_network::{Network, ParameterKind};
use colearn_store::{LARGEST_TABLE, read_text};
use colearn_train::{Checkpoint, RunFiles, initial_generator};

use crate::runs::comparison::binomial;
use crate::runs::experiment::Experiment;
use crate::runs::figures::Pair;
use crate::runs::run_folder::{EVALUATION, EXAMPLE, METRICS};
use crate::runs::stored::{Example, StoredEvaluation, StoredRun, read};

/// A finished run with everything the page shows of it.
pub(crate) struct Run {
    pub(crate) stored: StoredRun,
    pub(crate) epochs: Vec<Epoch>,
    /// Missing in folders from before it was written.
    pub(crate) evaluation: Option<StoredEvaluation>,
    /// Missing in folders from before it was written.
    pub(crate) example: Option<Example>,
    /// The network of the best epoch and before training, or why it cannot be had.
    pub(crate) networks: Result<Networks, String>,
    /// What is there and cannot be read, with the reason: it is then missing, and costs neither this run nor others.
    pub(crate) damage: Vec<String>,
}

impl AsRef<StoredRun> for Run {
    fn as_ref(&self) -> &StoredRun {
        &self.stored
    }
}

/// A row of `metrics.csv`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Epoch {
    pub(crate) number: u32,
    pub(crate) train_loss: f64,
    pub(crate) train_accuracy: f64,
    pub(crate) validation_loss: f64,
    pub(crate) validation_accuracy: f64,
    pub(crate) rates: Vec<f64>,
}

/// A network before training and at its best epoch.
pub(crate) struct Networks {
    /// Whether the hidden layers spike: without, only sizes are of use here.
    pub(crate) spiking: bool,
    pub(crate) best: Network<f32>,
    pub(crate) initial: Network<f32>,
    pub(crate) steps: usize,
    pub(crate) step_ms: f64,
}

impl Run {
    /// With the other files of its folder.
    pub(crate) fn read(stored: StoredRun) -> Result<Self> {
        let folder = stored.folder.as_path();
        let metrics = folder.join(METRICS);
        let text = read_text(&metrics, LARGEST_TABLE)?;
        stored.origin.check_text(&metrics, &text)?;
        let best = RunFiles::in_folder(folder).best;
        // A file that is no checkpoint is said on the page; one of another run would be believed.
        let networks = match Checkpoint::load(&best) {
            Err(error) => Err(error.to_string()),
            Ok(checkpoint) => {
                stored.origin.check_checkpoint(&best, &checkpoint, true)?;
                Networks::of(checkpoint, &best).map_err(|error| format!("{error:#}"))
            }
        };
        let mut epochs = epochs(&text);
        if networks.as_ref().is_ok_and(|networks| !networks.spiking) {
            // What such a run records there are no rates of spikes.
            for epoch in &mut epochs {
                epoch.rates.clear();
            }
        }
        let mut damage = Vec::new();
        let evaluation = unless_unreadable(read(&folder.join(EVALUATION), &stored.origin), &mut damage)?;
        let example = unless_unreadable(Example::read(&folder.join(EXAMPLE), &stored.origin), &mut damage)?;
        Ok(Self { stored, epochs, evaluation, example, networks, damage })
    }

    /// The seed, and who is left out.
    pub(crate) fn name(&self) -> String {
        let seed = self.stored.seed();
        match &self.stored.experiment.data.leave_out {
            None => seed.to_string(),
            Some(speaker) => format!("{seed} without {speaker}"),
        }
    }

    /// Number of classes, where it is known.
    pub(crate) fn classes(&self) -> Option<usize> {
        self.stored
            .classes
            .or_else(|| self.networks.as_ref().ok().map(|networks| networks.best.classes()))
            .filter(|classes| *classes > 0)
    }

    /// 95 % Wilson interval of the accuracy of this one run, as shares.
    pub(crate) fn binomial(&self) -> Option<Interval> {
        binomial(self.stored.accuracy, self.stored.samples)
    }

    /// The networks of this run if they spike.
    pub(crate) fn spiking(&self) -> Option<&Networks> {
        self.networks.as_ref().ok().filter(|networks| networks.spiking)
    }

    /// Why this run has no spiking network to look into.
    pub(crate) fn without_network(&self) -> Option<String> {
        match &self.networks {
            Ok(networks) if networks.spiking => None,
            Ok(_) => Some("a network without spikes, which has none of this".to_owned()),
            Err(reason) => Some(format!("no spiking network to look into ({reason})")),
        }
    }
}

/// What a file holds; nothing, with the reason among `damage`, where it is no JSON of its kind: that costs its sections alone.
/// A file of another run or of changed bytes is an error, as for every other file of a folder.
fn unless_unreadable<T>(found: Result<Option<T>>, damage: &mut Vec<String>) -> Result<Option<T>> {
    match found {
        Err(error) if error.is::<serde_json::Error>() => {
            damage.push(format!("{error:#}"));
            Ok(None)
        }
        other => other,
    }
}

impl Networks {
    fn of(checkpoint: Checkpoint, file: &Path) -> Result<Self> {
        let experiment = Experiment::from_toml(&checkpoint.experiment)
            .with_context(|| format!("{}: the experiment in the checkpoint", file.display()))?;
        let description =
            experiment.network().validate(checkpoint.channels, checkpoint.classes.len().max(1))?;
        let mut best = Network::new(&description, &mut initial_generator(checkpoint.seed));
        let mut initial = best.clone();
        best.restore(checkpoint.network)?;
        initial.restore(checkpoint.initial)?;
        let spiking = description.is_spiking();
        Ok(Self { spiking, best, initial, steps: checkpoint.steps, step_ms: 1e3 * experiment.data.step_s })
    }

    /// Names of the hidden layers.
    pub(crate) fn hidden(&self) -> Vec<String> {
        (0..self.best.hidden_layers()).map(|layer| self.best.layer_name(layer)).collect()
    }

    /// Whether a parameter of this kind is there.
    pub(crate) fn has(&self, kind: ParameterKind) -> bool {
        self.best.parameters().iter().any(|parameter| parameter.kind == kind)
    }

    /// Before and after training.
    pub(crate) fn pair(&self) -> Pair<'_> {
        (&self.initial, &self.best)
    }
}

/// The rows of `metrics.csv`, by the names of its columns; what is no number is NaN.
fn epochs(text: &str) -> Vec<Epoch> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |names: &[&str]| head.iter().position(|name| names.contains(name));
    let columns = [
        column(&["train_loss"]),
        column(&["train_accuracy"]),
        column(&["validation_loss", "test_selects_loss"]),
        column(&["validation_accuracy", "test_selects_accuracy"]),
    ];
    let rates: Vec<usize> = (head.iter().enumerate())
        .filter(|(_, name)| name.starts_with("rate_hidden"))
        .map(|(index, _)| index)
        .collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |column: Option<usize>| -> f64 {
            column.and_then(|index| cells.get(index)?.parse().ok()).unwrap_or(f64::NAN)
        };
        let [train_loss, train_accuracy, validation_loss, validation_accuracy] = columns.map(number);
        let number_of_epoch = cells.first()?.parse().ok()?;
        let rates = rates.iter().map(|index| number(Some(*index))).collect();
        Some(Epoch {
            number: number_of_epoch,
            train_loss,
            train_accuracy,
            validation_loss,
            validation_accuracy,
            rates,
        })
    };
    lines.filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_by_name() {
        let text = "epoch,train_loss,rate_hidden0,test_selects_accuracy,new\n1,0.5,0.1,0.75,x\n2,,0.2,NaN,\nbroken\n";
        let found = epochs(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].number, found[0].train_loss.to_bits()), (1, 0.5_f64.to_bits()));
        assert_eq!(found[0].rates, [0.1]);
        assert!((found[0].validation_accuracy - 0.75).abs() < 1e-12);
        assert!(found[1].train_loss.is_nan() && found[0].train_accuracy.is_nan());
        assert_eq!(epochs(""), []);
    }
}
