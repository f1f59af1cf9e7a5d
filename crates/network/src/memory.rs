//! What a training step needs of memory, from the configuration alone.

use crate::ValidNetwork;
use crate::config::{DropoutMask, HiddenModel};
use colearn_tape::LANES;

/// Bytes of an `f32`.
const NUMBER: usize = 4;

/// Steps that kernels round up to.
const BLOCK_STEPS: usize = 10;

/// Numbers of scratch for each step of the backward scans of hidden layers and readout: eight tasks of 32 samples each,
/// with states, outputs, slopes, inputs and gradients.
const SCAN: usize = 8 * 32 * (6 + 5);

impl ValidNetwork {
    /// Bytes that a training step in `f32` holds at once at most, for a batch of `batch` samples of `steps` steps: input,
    /// what each layer keeps for its backward pass, the gradients that are under way, scratch of the kernels, parameters
    /// with their copies on the tape, gradients and two moments. Not the program, the data set and the network of the
    /// best epoch.
    ///
    /// A layer without recurrence keeps its synaptic sums and its outputs (T, B, N each) and computes its states a second
    /// time; one with delays keeps the rows of its input that are not zero, counted here as if all were; a recurrent one
    /// keeps currents and states as well.
    #[must_use]
    pub fn training_bytes(&self, batch: usize, steps: usize) -> usize {
        let sequence = |units: usize| steps * batch * units;
        let lanes = |units: usize| steps * batch.next_multiple_of(LANES) * units;
        let layers = self.layers();
        let widest = layers.iter().map(|&(_, units)| units).max().unwrap_or(0);
        let mut numbers = sequence(self.inputs) + 2 * sequence(widest) + 2 * sequence(self.classes);
        numbers += steps * SCAN;
        let mut scratch = 0;
        for (k, &(inputs, units)) in layers.iter().enumerate() {
            let (is_readout, gates) = (k + 1 == layers.len(), self.columns(k) / units);
            numbers += sequence(gates * units) + sequence(units);
            if !is_readout && self.config.network.dropout > 0.0 {
                let mask = self.config.network.dropout_mask == DropoutMask::Step;
                numbers += sequence(units) + if mask { sequence(units) } else { batch * units };
            }
            if self.is_recurrent(k) {
                // Normalised currents; currents and states in blocks; spikes or gradients in blocks.
                let states = match self.config.neuron.model {
                    HiddenModel::Spiking(model) => model.states(),
                    HiddenModel::Gated(_) => 0,
                };
                numbers += sequence(gates * units) + (gates + states) * lanes(units);
                scratch = scratch.max(lanes(units));
                if gates > 1 {
                    // Gradients of candidate and gates, in units and in blocks; the state after the reset.
                    numbers += 2 * sequence(gates * units) + 2 * lanes(units);
                    scratch = scratch.max(lanes(gates * units));
                }
            }
            if self.has_delays(k) {
                numbers += lanes(inputs) * 9 / 8;
                let reach = self.config.synapse.max_delay + 1;
                let rows = steps.next_multiple_of(BLOCK_STEPS) + reach;
                let packed = |units: usize| LANES * units * rows;
                // Two packed blocks (forward and backward), their sums, and tables and sums of every synapse.
                scratch = scratch.max(packed(inputs) + 2 * packed(units) + (3 * 3 + 2 + 16) * inputs * units);
            }
        }
        numbers += scratch + 5 * self.parameter_count();
        numbers * NUMBER
    }
}
