//! The network one step of one sample at a time, event-driven.

use crate::config::Pooling;
use crate::network::{Delays, LayerUnits, Network};
use crate::pooling::Running;
use colearn_layers::{GatedStep, LayerStep};
use colearn_synapses::Synapse;
use colearn_synapses::stream::DelayLine;
use colearn_tape::Real;
use ndarray::Array1;

/// A network in use on a live signal, delays rounded. Scores after T steps are those of [`Network::infer`] over the T
/// steps but for rounding: sums run in another order. A current within that of the threshold may spike in one and not in
/// the other, which in `f32` happens now and then (tests allow one spike in 500) and then moves later steps too.
#[derive(Clone, Debug)]
pub struct Stream<F> {
    pooling: Pooling,
    layers: Vec<StreamLayer<F>>,
    scores: Array1<F>,
    steps: usize,
}

#[derive(Clone, Debug)]
struct StreamLayer<F> {
    line: DelayLine<F>,
    scale: Array1<F>,
    shift: Array1<F>,
    units: StreamUnits<F>,
    current: Vec<F>,
    output: Vec<F>,
}

#[derive(Clone, Debug)]
enum StreamUnits<F> {
    Neurons(Box<LayerStep<F>>),
    Gated(GatedStep<F>),
}

impl<F: Real> StreamUnits<F> {
    fn step(&mut self, current: &[F], output: &mut [F]) {
        match self {
            Self::Neurons(units) => output.copy_from_slice(units.step(current)),
            Self::Gated(units) => output.copy_from_slice(units.step(current)),
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Neurons(units) => units.reset(),
            Self::Gated(units) => units.reset(),
        }
    }
}

impl<F: Real> Network<F> {
    /// The network ready for the first step of a sample.
    #[must_use]
    pub fn stream(&self) -> Stream<F> {
        let layers = self.layers.iter().enumerate().map(|(k, layer)| {
            let matrices = |synapse: Synapse<F, usize>| synapse.map(|index| self.matrix(index));
            let synapse = matrices(self.synapse(layer, Delays::Rounded));
            let line = synapse.by_ref().stream();
            let (scale, shift) = self.running_affine(k);
            let recurrent = self.recurrent(layer, Delays::Rounded).map(matrices);
            let recurrent = recurrent.as_ref().map(Synapse::by_ref);
            let units = match (self.units_of(k), recurrent) {
                (LayerUnits::Neurons(neuron), recurrent) => {
                    let values = self.neuron_values(layer);
                    StreamUnits::Neurons(Box::new(LayerStep::new(neuron, &values, recurrent)))
                }
                (LayerUnits::Gated(unit), recurrent) => {
                    let recurrent = recurrent.expect("gated layers are recurrent");
                    StreamUnits::Gated(GatedStep::new(unit, recurrent.weight()))
                }
            };
            let zeros = |n| vec![F::zero(); n];
            let (current, output) = (zeros(synapse.weight().ncols()), zeros(self.description.layers()[k].1));
            StreamLayer { line, scale, shift, units, current, output }
        });
        let layers = layers.collect();
        let mut stream =
            Stream { pooling: self.pooling(), layers, scores: Array1::zeros(self.classes()), steps: 0 };
        stream.reset();
        stream
    }
}

impl<F: Real> Stream<F> {
    /// Takes one step's input (C values) and returns the scores (one a class) over the steps so far.
    ///
    /// # Panics
    /// If the input has the wrong length.
    #[track_caller]
    pub fn step(&mut self, input: &[F]) -> Vec<F> {
        let mut signal = input.to_vec();
        for layer in &mut self.layers {
            layer.line.step(&signal, &mut layer.current);
            for ((x, &scale), &shift) in layer.current.iter_mut().zip(&layer.scale).zip(&layer.shift) {
                *x = *x * scale + shift;
            }
            layer.units.step(&layer.current, &mut layer.output);
            signal.clone_from(&layer.output);
        }
        self.steps += 1;
        Running::resume(&mut self.scores.view_mut(), self.pooling).add(&mut signal);
        let mut scores = self.scores.clone();
        Running::resume(&mut scores.view_mut(), self.pooling).finish(self.steps);
        scores.to_vec()
    }

    /// Spikes, or outputs without spikes, of hidden layer `layer` in the last step.
    ///
    /// # Panics
    /// If there is no such layer.
    #[must_use]
    pub fn spikes(&self, layer: usize) -> &[F] {
        assert!(layer + 1 < self.layers.len(), "hidden layer {layer} of {}", self.layers.len() - 1);
        &self.layers[layer].output
    }

    /// Forgets the sample: the next step is the first of another one.
    pub fn reset(&mut self) {
        self.steps = 0;
        let start = if self.pooling == Pooling::Maximum { F::neg_infinity() } else { F::zero() };
        self.scores.fill(start);
        for layer in &mut self.layers {
            layer.line.reset();
            layer.units.reset();
            layer.output.fill(F::zero());
        }
    }
}
