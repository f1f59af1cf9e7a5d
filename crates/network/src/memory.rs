//! What a training step needs of memory, from the configuration alone.

use crate::ValidNetwork;
use crate::config::{DropoutMask, HiddenModel};
use colearn_neurons::{recurrent_backward_scratch, recurrent_marks, recurrent_scratch};
use colearn_tape::LANES;
use colearn_tape::product::{self, Form};
use std::collections::BTreeMap;

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
    /// keeps currents as well and the states of every tenth step, a gated one candidates and gates. A tape that recomputes
    /// ([`colearn_tape::Tape::set_recompute`]) has sums, rows and inputs after dropout of one layer at a time.
    ///
    /// Above 128 units in a layer a step may hold more: the scans' scratch is counted as that of eight tasks, and wider layers
    /// have more of them.
    #[must_use]
    pub fn training_bytes(&self, batch: usize, steps: usize, recompute: bool) -> usize {
        let sequence = |units: usize| steps * batch * units;
        let lanes = |units: usize| steps * batch.next_multiple_of(LANES) * units;
        let layers = self.layers();
        let widest = layers.iter().map(|&(_, units)| units).max().unwrap_or(0);
        let mut numbers = sequence(self.inputs) + 2 * sequence(widest) + 2 * sequence(self.classes);
        numbers += steps * SCAN;
        let (columns, is_gated) =
            ((batch.div_ceil(LANES), steps * LANES), !self.config.neuron.model.is_spiking());
        let mut scratch = 0;
        // Scratch of products and of recurrent scans, as if spikes and inputs were sparse, by use and shape: layers of one shape
        // share it.
        let mut by_shape = BTreeMap::<(&str, usize, usize), usize>::new();
        let mut add_by_shape = |of, inputs, outputs, needed: usize| {
            let most = by_shape.entry((of, inputs, outputs)).or_default();
            *most = needed.max(*most);
        };
        // What recomputing keeps of one layer at a time: numbers of buffers by length, since the pool keeps them so.
        let mut passing = BTreeMap::<usize, usize>::new();
        for (k, &(inputs, units)) in layers.iter().enumerate() {
            let (is_readout, gates) = (k + 1 == layers.len(), self.columns(k) / units);
            let mut again = vec![sequence(gates * units)];
            numbers += sequence(units);
            if !is_readout && self.config.network.dropout > 0.0 {
                let mask = self.config.network.dropout_mask == DropoutMask::Step;
                numbers += if mask { sequence(units) } else { batch * units };
            }
            if k > 0 && self.config.network.dropout > 0.0 {
                again.push(sequence(inputs));
            }
            if self.is_recurrent(k) {
                match self.config.neuron.model {
                    HiddenModel::Spiking(model) => {
                        // Currents in blocks, and some of the states; spikes or gradients in blocks.
                        let (states, samples) = (model.states(), batch.next_multiple_of(LANES));
                        numbers += lanes(units) + recurrent_marks(steps) * states * samples * units;
                        let [_, over_columns] = product::scratch(Form::Events, units, units, columns);
                        // Beside the states of one step.
                        let forward = recurrent_scratch(units, batch) + states * samples * units;
                        let backward = recurrent_backward_scratch(states, units, batch);
                        let own = lanes(units) + forward + backward + over_columns;
                        add_by_shape("product", units, units, own);
                    }
                    HiddenModel::Gated(_) => {
                        // Candidates and gates in blocks. Their gradients in blocks and in order, which without gates is the
                        // gradient under way, and outputs, or states after the reset, in blocks.
                        numbers += gates * lanes(units);
                        let in_order = if gates > 1 { sequence(gates * units) } else { 0 };
                        let own = lanes(gates * units) + in_order + lanes(units);
                        let [_, over_columns] = product::scratch(Form::Dense, units, gates * units, columns);
                        add_by_shape("gated scan", units, gates * units, own + over_columns);
                    }
                }
            }
            if self.has_delays(k) {
                again.push(lanes(inputs) * 9 / 8);
                let reach = self.config.synapse.max_delay + 1;
                let rows = steps.next_multiple_of(BLOCK_STEPS) + reach;
                let packed = |units: usize| LANES * units * rows;
                // Two packed blocks (forward and backward), their sums, and tables and sums of every synapse.
                scratch = scratch.max(packed(inputs) + 2 * packed(units) + (3 * 3 + 2 + 16) * inputs * units);
            } else {
                // States of layers without spikes are hardly ever zero.
                let form = if k > 0 && is_gated { Form::Dense } else { Form::Events };
                let [over_rows, over_columns] = product::scratch(form, inputs, gates * units, columns);
                add_by_shape("product", inputs, gates * units, over_rows + over_columns);
            }
            if recompute {
                for &len in &again {
                    let count = again.iter().filter(|&&other| other == len).count();
                    let most = passing.entry(len).or_default();
                    *most = count.max(*most);
                }
            } else {
                numbers += again.iter().sum::<usize>();
            }
        }
        numbers += passing.iter().map(|(len, count)| len * count).sum::<usize>();
        numbers += by_shape.values().sum::<usize>();
        numbers += scratch + 5 * self.parameter_count();
        numbers * NUMBER
    }
}
