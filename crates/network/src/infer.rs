//! The network without a tape: inference, traces for figures, and the calibration of initial activity.

use crate::network::{Delays, LayerUnits, Network};
use crate::normalise::{affine, statistics, sum};
use crate::pooling;
use colearn_layers::{infer_gated_sequence, infer_sequence};
use colearn_synapses::Synapse;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{Pool, Real, Sequence, SequenceShape, on_workers};
use ndarray::{Array1, Array2, Array3, ArrayView3};
use rayon::prelude::*;

/// Scores and activity of one batch.
#[derive(Clone, Debug)]
pub struct Inference<F> {
    /// Scores (B, classes).
    pub scores: Array2<F>,
    /// Mean spikes per unit and step of every hidden layer; of layers without spikes the mean absolute output.
    pub rates: Vec<f64>,
}

/// Everything that happened in a network over one batch: what figures are drawn from.
#[derive(Clone, Debug)]
pub struct NetworkTrace<F> {
    /// Output (T, B, N) of every hidden layer.
    pub spikes: Vec<Array3<F>>,
    /// Readout membranes (T, B, classes).
    pub membrane: Array3<F>,
    /// Scores (B, classes).
    pub scores: Array2<F>,
}

impl<F: Real> Network<F> {
    /// Scores of input (T, B, C) with the running statistics, without dropout. Buffers come from `pool` and, but for
    /// the scores, go back to it.
    ///
    /// # Panics
    /// If the input's channels are not the network's inputs.
    #[must_use]
    #[track_caller]
    pub fn infer(&self, input: &ArrayView3<'_, F>, delays: Delays, pool: &mut Pool<F>) -> Inference<F> {
        self.assert_channels(input);
        on_workers(|| {
            if let Some(outputs) = self.run_blocks(input, delays, false, pool) {
                let rates =
                    (0..self.hidden_layers()).map(|k| outputs.rate(k, self.dim_of(k, input))).collect();
                return Inference { scores: outputs.scores, rates };
            }
            let (outputs, scores) = self.run_layers(input, delays, pool);
            let rates = outputs[..self.hidden_layers()].iter().map(mean_magnitude).collect();
            for output in outputs {
                output.recycle(pool);
            }
            Inference { scores, rates }
        })
    }

    /// As [`Network::infer`], with every layer's output.
    ///
    /// # Panics
    /// If the input's channels are not the network's inputs.
    #[must_use]
    #[track_caller]
    pub fn trace(&self, input: &ArrayView3<'_, F>, delays: Delays, pool: &mut Pool<F>) -> NetworkTrace<F> {
        self.assert_channels(input);
        let (outputs, scores) = if let Some(outputs) = self.run_blocks(input, delays, true, pool) {
            let sequence = |k| outputs.sequence(k, self.dim_of(k, input), pool);
            let sequences = (0..self.layers.len()).map(sequence).collect();
            (sequences, outputs.scores)
        } else {
            self.run_layers(input, delays, pool)
        };
        let array = |output: Sequence<F>| {
            let array = output.to_array(pool);
            output.recycle(pool);
            array
        };
        let mut spikes: Vec<_> = outputs.into_iter().map(array).collect();
        let membrane = spikes.pop().expect("the readout is a layer");
        NetworkTrace { spikes, membrane, scores }
    }

    /// The outputs of all layers, one layer after the other, and the scores.
    fn run_layers(
        &self,
        input: &ArrayView3<'_, F>,
        delays: Delays,
        pool: &mut Pool<F>,
    ) -> (Vec<Sequence<F>>, Array2<F>) {
        let input = Sequence::from_array(input, pool);
        let mut outputs: Vec<Sequence<F>> = Vec::new();
        for k in 0..self.layers.len() {
            let current = self.current(k, outputs.last().unwrap_or(&input), delays, pool);
            let output = self.fire(k, &current, self.running_affine(k).into(), delays, pool);
            current.recycle(pool);
            outputs.push(output);
        }
        input.recycle(pool);
        let membrane = outputs.last().expect("the readout is a layer");
        let scores = pooling::forward((membrane.values(), membrane.shape()), self.pooling());
        (outputs, scores)
    }

    /// Shape (T, B, N) of a layer's output for `input` (T, B, C).
    fn dim_of(&self, layer: usize, input: &ArrayView3<'_, F>) -> SequenceShape {
        SequenceShape::of_array(input).with_units(self.matrix(self.layers[layer].weight).ncols())
    }

    #[track_caller]
    pub(crate) fn assert_channels(&self, input: &ArrayView3<'_, F>) {
        let (channels, dim) = (self.inputs(), input.dim());
        assert_eq!(dim.2, channels, "channels of the input {dim:?} and of the network");
    }

    /// The synaptic current of a layer, before normalisation.
    pub(crate) fn current(
        &self,
        k: usize,
        signal: &Sequence<F>,
        delays: Delays,
        pool: &mut Pool<F>,
    ) -> Sequence<F> {
        let synapse = self.synapse(&self.layers[k], delays).map(|index| self.matrix(index));
        synapse.by_ref().forward_sequence(signal, pool)
    }

    /// The neuron's output of a layer for synaptic sums and the scale and shift of its normalisation.
    pub(crate) fn fire(
        &self,
        k: usize,
        current: &Sequence<F>,
        [scale, shift]: [Array1<F>; 2],
        delays: Delays,
        pool: &mut Pool<F>,
    ) -> Sequence<F> {
        let layer = &self.layers[k];
        let recurrent = self.recurrent(layer, delays).map(|synapse| synapse.map(|index| self.matrix(index)));
        let recurrent = recurrent.as_ref().map(Synapse::by_ref);
        let affine = Some([&scale, &shift].map(|a| a.as_slice().expect("one axis")));
        match self.units_of(k) {
            LayerUnits::Neurons(neuron) => {
                let values = self.neuron_values(layer);
                infer_sequence(neuron, current, affine, &values, recurrent, pool)
            }
            LayerUnits::Gated(unit) => {
                let weights = recurrent.expect("gated layers are recurrent");
                infer_gated_sequence(unit, current, affine, weights.weight(), pool)
            }
        }
    }

    /// Sets the gains of the hidden layers so that on this batch (T, B, C) each fires at `norm.initial_rate`, first
    /// layer first, and starts the running statistics from this batch. A rate of 0 keeps the gains as they are, and so do
    /// layers without spikes.
    ///
    /// The gain is found by bisection between 1/16 and 64; a rate outside what these reach leaves the nearest end.
    ///
    /// # Panics
    /// If the input's channels are not the network's inputs.
    #[track_caller]
    pub fn calibrate(&mut self, input: &ArrayView3<'_, F>) {
        let rate = self.description.config.norm.initial_rate;
        let target = if self.description.is_spiking() { rate } else { 0.0 };
        let pool = &mut Pool::default();
        let mut signal = Sequence::from_array(input, pool);
        for k in 0..self.layers.len() {
            let current = self.current(k, &signal, Delays::Stored, pool);
            self.running[k] = statistics((current.values(), current.shape()));
            if k < self.hidden_layers() {
                signal = if target > 0.0 {
                    self.calibrate_layer(k, &current, target, pool)
                } else {
                    self.fire(k, &current, self.running_affine(k).into(), Delays::Stored, pool)
                };
            }
        }
    }

    /// Finds the gain of one layer and returns its output with it.
    fn calibrate_layer(
        &mut self,
        k: usize,
        current: &Sequence<F>,
        target: f64,
        pool: &mut Pool<F>,
    ) -> Sequence<F> {
        let epsilon = F::of(self.description.config.norm.epsilon);
        let units = current.shape().units;
        let output = |network: &Self, gain: f64, pool: &mut Pool<F>| {
            let gain = Array1::from_elem(units, F::of(gain));
            let (scale, shift) = affine(&network.running[k], &gain, &Array1::zeros(units), epsilon);
            network.fire(k, current, [scale, shift], Delays::Stored, pool)
        };
        let (mut low, mut high) = (-4.0f64, 6.0f64);
        for _ in 0..16 {
            let middle = 0.5 * (low + high);
            let spikes = output(self, middle.exp2(), pool);
            if mean_magnitude(&spikes) < target {
                low = middle;
            } else {
                high = middle;
            }
            spikes.recycle(pool);
        }
        let gain = (0.5 * (low + high)).exp2();
        let index = self.layers[k].gain;
        self.parameters[index].value.fill(F::of(gain));
        output(self, gain, pool)
    }
}

/// Mean of all magnitudes, in chunks of a fixed size that are added in order.
fn mean_magnitude<F: Real>(output: &Sequence<F>) -> f64 {
    // Summed in f64: an f32 sum of millions of spikes would stop counting.
    let (all, shape) = (output.values(), output.shape());
    let parts: Vec<f64> = all.par_chunks(1 << 14).map(|chunk| dispatch(Magnitude(chunk))).collect();
    parts.iter().sum::<f64>() / (shape.values() * shape.units).max(1) as f64
}

/// Σ |x| in `f64`.
struct Magnitude<'a, F>(&'a [F]);

impl<F: Real> Kernel for Magnitude<'_, F> {
    type Output = f64;
    #[inline(always)]
    fn run<L: Level>(self) -> f64 {
        sum(self.0, |x| Real::as_f64(x.abs()))
    }
}
