//! What a training step needs of memory, from the configuration alone.

use crate::ValidNetwork;
use crate::config::{DropoutMask, HiddenModel, Units};
use colearn_layers::{gated_buffers, scan_buffers};
use colearn_synapses::{Signals, Synapse};
use colearn_tape::{Buffers, Real, SequenceShape, StepBuffers};

/// Bytes of an `f32`.
const NUMBER: usize = 4;

/// The shape of a training step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingStep {
    /// Samples B.
    pub batch: usize,
    /// Steps T of the longest sample.
    pub steps: usize,
    /// Whether its tape recomputes ([`colearn_tape::Tape::set_recompute`]).
    pub recompute: bool,
    /// Largest spread σ of the delays' interpolation in steps ([`crate::Network::set_spread`]).
    pub spread: f64,
}

impl TrainingStep {
    fn sequence(self, units: usize) -> SequenceShape {
        SequenceShape { steps: self.steps, batch: self.batch, units }
    }
}

/// What is held at all times, and the most that is held in passing.
#[derive(Debug, Default)]
struct Held {
    kept: Buffers,
    passing: Buffers,
}

impl Held {
    /// At some moment there are `buffers` beside what is kept.
    fn at_once(&mut self, buffers: Buffers) {
        self.passing = std::mem::take(&mut self.passing).or(buffers);
    }

    fn keep(&mut self, buffers: Buffers) {
        self.kept = std::mem::take(&mut self.kept).and(buffers);
    }
}

impl ValidNetwork {
    /// Bytes that a training step in `f32` holds at once at most: input and its blocks, what each layer keeps for its
    /// backward pass, the gradients that are under way, scratch of the kernels, parameters with their copies on the tape,
    /// gradients and two moments. Not the program, the data set and the network of the best epoch.
    ///
    /// Every operation says what it takes ([`StepBuffers`]); of what depends on data, as if the worst came: all rows of a
    /// delayed layer's input have spikes, products take the form that needs more. A tape that recomputes has what can be
    /// computed again of one layer at a time. What threads hold for themselves, some hundred kilobytes, is not counted.
    #[must_use]
    pub fn training_bytes(&self, step: TrainingStep) -> usize {
        let mut held = Held::default();
        held.keep(Buffers::sequence(step.sequence(self.inputs)));
        for layer in 0..self.layers().len() {
            self.hold_layer(layer, step, &mut held);
        }
        // The gradients of membranes and, under way, of the readout's currents.
        let membranes = Buffers::sequence(step.sequence(self.classes));
        held.at_once(membranes.clone().and(membranes));
        let numbers = step.steps * step.batch * self.inputs + 5 * self.parameter_count();
        held.kept.and(held.passing).bytes::<f32>() + numbers * NUMBER
    }

    /// The buffers of one layer.
    fn hold_layer(&self, layer: usize, step: TrainingStep, held: &mut Held) {
        let (inputs, units) = self.layers()[layer];
        let sequence = |units: usize| Buffers::sequence(step.sequence(units));
        let signal = |kind: Signals, units: usize| match kind {
            Signals::Numbers => sequence(units),
            Signals::Spikes => Buffers::spikes(step.sequence(units)),
        };
        let (input, output) = (self.input_of(layer), self.input_of(layer + 1));
        let drops_out = self.config.network.dropout > 0.0;
        let (synapse, scan) = (self.synapse_buffers(layer, step), self.scan_buffers(layer, step));
        // What goes in after dropout, and the sums.
        let dropped = if layer > 0 && drops_out { signal(input, inputs) } else { Buffers::none() };
        let again = dropped.and(sequence(self.columns(layer)));
        held.keep(signal(output, units).and(scan.kept).and(synapse.kept));
        if drops_out && layer + 1 < self.layers().len() {
            let mask = self.config.network.dropout_mask;
            let steps = if mask == DropoutMask::Step { step.steps } else { 1 };
            held.keep(Buffers::spikes(SequenceShape { steps, ..step.sequence(units) }));
            held.at_once(sequence(units).and(sequence(units)));
        }
        let to_input = if layer > 0 { sequence(inputs) } else { Buffers::none() };
        let through_scan = sequence(units).and(sequence(self.columns(layer))).and(scan.backward);
        let through_synapse = sequence(self.columns(layer)).and(to_input).and(synapse.backward);
        let forward = synapse.forward.or(scan.forward);
        if step.recompute {
            let through_synapse = through_synapse.and(synapse.again);
            held.at_once(forward.or(through_scan).or(through_synapse).and(again));
        } else {
            held.keep(again.and(synapse.again));
            held.at_once(forward.or(through_scan).or(through_synapse));
        }
    }

    fn synapse_buffers(&self, layer: usize, step: TrainingStep) -> StepBuffers {
        let (inputs, _) = self.layers()[layer];
        let (shape, outputs) = (step.sequence(inputs), self.columns(layer));
        let form = || ((), self.config.synapse.in_training(f32::of(step.spread)));
        Synapse::new((), self.has_delays(layer).then(form)).buffers(shape, self.input_of(layer), outputs)
    }

    /// What goes into a layer, or comes out of the one before it.
    fn input_of(&self, layer: usize) -> Signals {
        let Some(before) = layer.checked_sub(1) else { return Signals::Numbers };
        let is_hidden = before < self.config.network.hidden.len();
        let spikes = matches!(&self.units, Units::Neurons(neuron) if neuron.sends_spikes());
        if is_hidden && spikes && !self.is_recurrent(before) { Signals::Spikes } else { Signals::Numbers }
    }

    fn scan_buffers(&self, layer: usize, step: TrainingStep) -> StepBuffers {
        let (_, units) = self.layers()[layer];
        let shape = step.sequence(units);
        if layer + 1 == self.layers().len() {
            return scan_buffers::<f32>(self.readout.model(), shape, None);
        }
        match self.config.neuron.model {
            HiddenModel::Spiking(model) => {
                let form = || ((), self.config.synapse.recurrent_in_training(f32::of(step.spread)));
                let delay = self.has_recurrent_delays(layer).then(form);
                scan_buffers(model, shape, self.is_recurrent(layer).then(|| Synapse::new((), delay)))
            }
            HiddenModel::Gated(model) => gated_buffers(model, shape),
        }
    }
}
