//! The network on a tape: one training pass.

use crate::config::Pooling;
use crate::network::{Delays, LayerUnits, Network};
use crate::normalise::{Statistics, statistics_of};
use crate::{dropout, pooling};
use colearn_layers::{scan_gated_normalised, scan_normalised};
use colearn_tape::{Real, Sequence, SequenceVar, Tape, Var};
use ndarray::ArrayRef3;
use rand_chacha::ChaCha8Rng;

/// What a recorded pass left on the tape.
#[derive(Clone, Debug)]
pub struct Recording<F> {
    /// Scores (B, classes): cross-entropy of them is the loss.
    pub scores: Var,
    /// Every parameter's leaf, in the order of [`Network::parameters`]; frozen ones have no gradient.
    pub parameters: Vec<Var>,
    /// Output (T, B, N) of every hidden layer's neuron, before dropout.
    pub spikes: Vec<SequenceVar>,
    /// Readout membranes (T, B, classes).
    pub membrane: SequenceVar,
    /// This batch's statistics of every layer, for [`Network::absorb`].
    pub statistics: Vec<Statistics<F>>,
}

impl<F: Real> Network<F> {
    /// Records one training pass over input (T, B, C): batch statistics are this batch's, dropout is drawn from `rng`.
    ///
    /// # Panics
    /// If the input's channels are not the network's inputs.
    #[track_caller]
    pub fn record(&self, tape: &mut Tape<F>, input: &ArrayRef3<F>, rng: &mut ChaCha8Rng) -> Recording<F> {
        assert_eq!(
            input.dim().2,
            self.inputs(),
            "channels of the input {:?} and of the network",
            input.dim()
        );
        let config = &self.description.config;
        let parameters: Vec<Var> = self
            .parameters
            .iter()
            .map(|p| if p.trainable { tape.leaf(&p.value) } else { tape.constant(p.value.clone()) })
            .collect();
        let value = Sequence::from_array(input, tape.pool()).into_value();
        let mut signal = SequenceVar { var: tape.pooled_constant(value), batch: input.dim().1 };
        let mut recording = Recording {
            scores: parameters[0],
            membrane: signal,
            parameters,
            spikes: Vec::new(),
            statistics: Vec::new(),
        };
        for k in 0..self.layers.len() {
            signal = self.record_layer(tape, k, signal, &mut recording);
            if k < self.hidden_layers() {
                recording.spikes.push(signal);
                if config.network.dropout > 0.0 {
                    signal = dropout::record(
                        tape,
                        signal,
                        config.network.dropout,
                        config.network.dropout_mask,
                        rng,
                    );
                }
            }
        }
        recording.membrane = signal;
        recording.scores = pooling::record(tape, signal, self.pooling());
        recording
    }

    /// Synapse, normalisation and neuron of one layer.
    fn record_layer(
        &self,
        tape: &mut Tape<F>,
        k: usize,
        signal: SequenceVar,
        recording: &mut Recording<F>,
    ) -> SequenceVar {
        let layer = &self.layers[k];
        let var = |index: usize| recording.parameters[index];
        let current = self.synapse(layer, Delays::Stored).map(var).record(tape, signal);
        let epsilon = F::of(self.description.config.norm.epsilon);
        let norm = [var(layer.gain), var(layer.bias)];
        let neuron: Vec<Var> = layer.neuron.iter().map(|&index| var(index)).collect();
        let recurrent = self.recurrent(layer, Delays::Stored).map(|synapse| synapse.map(var));
        let statistics = statistics_of(tape, current);
        let of_batch = statistics.norm(epsilon);
        let output = match self.units_of(k) {
            LayerUnits::Neurons(units) => {
                scan_normalised(tape, units, current, norm, of_batch, &neuron, recurrent)
            }
            LayerUnits::Gated(unit) => {
                let recurrent = recurrent.expect("gated layers are recurrent");
                scan_gated_normalised(tape, unit, current, norm, of_batch, *recurrent.weight())
            }
        };
        // A layer's sums and its dropped-out input may be computed again.
        tape.forget(current.var);
        tape.forget(signal.var);
        recording.statistics.push(statistics);
        output
    }

    pub(crate) fn pooling(&self) -> Pooling {
        self.description.config.readout.pooling
    }

    /// Moves the running statistics towards those of a recorded batch: r ← (1 − m) r + m s, with the unbiased
    /// variance, as PyTorch does.
    pub fn absorb(&mut self, recording: &Recording<F>) {
        let momentum = F::of(self.description.config.norm.momentum);
        for (running, batch) in self.running.iter_mut().zip(&recording.statistics) {
            let count = F::of(batch.count as f64);
            let unbiased = if batch.count > 1 { count / (count - F::one()) } else { F::one() };
            let toward = |r: &mut F, s: F| *r += momentum * (s - *r);
            running.mean.iter_mut().zip(&batch.mean).for_each(|(r, &s)| toward(r, s));
            running.variance.iter_mut().zip(&batch.variance).for_each(|(r, &s)| toward(r, s * unbiased));
        }
    }
}
