//! The assembled network: parameters by name, running statistics, and where each layer finds its own.

use crate::config::{Clamp, Delay, Start, Units, ValidNetwork};
use crate::initial::{orthogonal, uniform};
use crate::normalise::{Statistics, affine};
use crate::{Parameter, ParameterKind};
use colearn_layers::GatedUnit;
use colearn_neurons::{Neuron, ParameterRole, ParameterSpec, initial};
use colearn_synapses::{Delayed, Synapse};
use colearn_tape::Real;
use ndarray::{Array1, Array2, ArrayD, ArrayView1, ArrayView2, Axis, Ix1, Ix2, concatenate};
use rand_chacha::ChaCha8Rng;

/// What a layer is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LayerUnits<'a> {
    Neurons(&'a Neuron),
    Gated(GatedUnit),
}

/// Where a layer's parameters are in the network's list.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) weight: usize,
    pub(crate) delay: Option<usize>,
    pub(crate) gain: usize,
    pub(crate) bias: usize,
    pub(crate) neuron: Vec<usize>,
    pub(crate) recurrent: Option<usize>,
    pub(crate) recurrent_delay: Option<usize>,
}

/// A feed-forward network of spiking layers and a non-spiking readout.
///
/// Each hidden layer is synapse → batch normalisation → neuron → dropout, the readout is synapse → batch
/// normalisation → leaky integrator → pooling over time. See [`crate::NetworkConfig`] for the choices.
///
/// A hidden layer without spikes (`rnn`, `ligru`, `gru`) has the same form. Its matrices, gains and biases have the
/// columns of the candidates first, then those of the update gates, then those of the reset gates.
#[derive(Clone, Debug)]
pub struct Network<F> {
    pub(crate) description: ValidNetwork,
    pub(crate) parameters: Vec<Parameter<F>>,
    pub(crate) layers: Vec<Layer>,
    /// Running statistics of each layer's normalisation, used outside of training.
    pub(crate) running: Vec<Statistics<F>>,
    /// Spread of the delays' interpolation in steps.
    pub(crate) spread: F,
}

/// How delays are used in inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delays {
    /// As stored, with the training kernel and its present spread.
    Stored,
    /// Rounded to whole steps: the network that would be deployed, and that models are selected by.
    Rounded,
}

impl<F: Real> Network<F> {
    /// A network with random parameters: weights uniform in ±1/√I, delays uniform over their initial range (whole ones if
    /// they are fixed), neuron parameters uniform over their boxes or in the middle, gains as configured, biases zero.
    /// Recurrent weights are uniform in ±1/√N without a diagonal, those of layers without spikes orthogonal gate by gate;
    /// recurrent delays are uniform over their initial range, drawn from a stream of their own.
    ///
    /// Numbers are drawn in `f64` and rounded: networks of one seed start alike in `f32` and `f64`.
    #[must_use]
    pub fn new(description: &ValidNetwork, rng: &mut ChaCha8Rng) -> Self {
        let mut network = Self {
            description: description.clone(),
            parameters: Vec::new(),
            layers: Vec::new(),
            running: Vec::new(),
            spread: F::zero(),
        };
        // What else a seed draws does not depend on whether there are recurrent delays.
        let mut of_delays = rng.clone();
        of_delays.set_stream(!rng.get_stream());
        let shapes = description.layers();
        for (k, &shape) in shapes.iter().enumerate() {
            let name = description.layer_name(k);
            let layer = network.new_layer(k, &name, shape, [&mut *rng, &mut of_delays]);
            network.layers.push(layer);
            let columns = description.columns(k);
            let (mean, variance) = (Array1::zeros(columns), Array1::ones(columns));
            network.running.push(Statistics { mean, variance, count: 0 });
        }
        network
    }

    fn new_layer(
        &mut self,
        k: usize,
        name: &str,
        (inputs, units): (usize, usize),
        [rng, of_delays]: [&mut ChaCha8Rng; 2],
    ) -> Layer {
        let is_readout = k == self.hidden_layers();
        let (config, columns) = (self.description.config.clone(), self.description.columns(k));
        let weight = uniform((inputs, columns), 1.0 / (inputs as f64).sqrt(), rng);
        let weight = self.push(name, "weight", ParameterKind::Weight, weight.mapv(F::of).into_dyn());
        let delay = self.description.has_delays(k).then(|| {
            let (kind, top) = (config.synapse.delay, config.synapse.max_delay);
            self.new_delays((name, "delay"), (kind, top), (inputs, units), rng)
        });
        if config.synapse.delay != Delay::None && config.synapse.without_delay.contains(name) {
            // Drawn and dropped: what is drawn after them does not depend on where delays are.
            let _ = uniform((inputs, units), 1.0, rng);
        }
        let gain = if is_readout { 1.0 } else { config.norm.gain };
        let gain = Array1::from_elem(columns, F::of(gain)).into_dyn();
        let gain = self.push(name, "gain", ParameterKind::Norm, gain);
        let bias = self.push(name, "bias", ParameterKind::Norm, Array1::zeros(columns).into_dyn());
        let recurrent = self.description.is_recurrent(k).then(|| {
            let matrix = self.initial_recurrent(units, rng).mapv(F::of);
            self.push(name, "recurrent", ParameterKind::Weight, matrix.into_dyn())
        });
        let recurrent_delay = self.description.has_recurrent_delays(k).then(|| {
            let (kind, top) = (config.synapse.recurrent_delay, config.synapse.recurrent_max_delay);
            self.new_delays((name, "recurrent_delay"), (kind, top), (units, units), of_delays)
        });
        let specs = match self.units_of(k) {
            LayerUnits::Neurons(neuron) => neuron.specs().to_vec(),
            LayerUnits::Gated(_) => Vec::new(),
        };
        let neuron = specs.iter().map(|spec| self.new_neuron_parameter(is_readout, name, spec, units, rng));
        let neuron = neuron.collect();
        Layer { weight, delay, gain, bias, neuron, recurrent, recurrent_delay }
    }

    /// Delays of a layer's synapses: uniform over their initial range, whole ones if they are fixed.
    fn new_delays(
        &mut self,
        (layer, name): (&str, &str),
        (kind, max_delay): (Delay, usize),
        shape: (usize, usize),
        rng: &mut ChaCha8Rng,
    ) -> usize {
        let (top, learned) = (max_delay as f64, kind == Delay::Learned);
        let range = self.description.config.synapse.initial_range;
        let drawn = uniform(shape, top / 2.0, rng).mapv(|d| (d + top / 2.0) * range);
        let values = if learned { drawn } else { drawn.mapv(f64::round) };
        let index = self.push(layer, name, ParameterKind::Delay, values.mapv(F::of).into_dyn());
        self.bound(index, (0.0, top), true, learned);
        index
    }

    /// Recurrent weights (N, columns) of a hidden layer of N units.
    fn initial_recurrent(&self, units: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
        let Units::Gated(unit) = self.description.units else {
            let mut matrix = uniform((units, units), 1.0 / (units as f64).sqrt(), rng);
            matrix.diag_mut().fill(0.0);
            return matrix;
        };
        let gates: Vec<_> = (0..unit.model.gates()).map(|_| orthogonal(units, rng)).collect();
        let views: Vec<_> = gates.iter().map(|gate| gate.view()).collect();
        concatenate(Axis(1), &views).expect("every gate has N rows")
    }

    fn new_neuron_parameter(
        &mut self,
        is_readout: bool,
        name: &str,
        spec: &ParameterSpec,
        units: usize,
        rng: &mut ChaCha8Rng,
    ) -> usize {
        let section = &self.description.config.neuron;
        let learned = is_readout || section.learns(spec.name);
        let clamp_stored = section.clamp == Clamp::Stored;
        let mut spec = *spec;
        if section.start == Start::Middle && !is_readout {
            let middle = 0.5 * (spec.bounds.0 + spec.bounds.1);
            spec.initial = (middle, middle);
        }
        let kind = match spec.role {
            ParameterRole::TimeConstant => ParameterKind::TimeConstant,
            ParameterRole::Adaptation => ParameterKind::Adaptation,
        };
        let index = self.push(name, spec.name, kind, initial::<F>(&spec, units, rng).into_dyn());
        self.bound(index, spec.bounds, clamp_stored, learned);
        index
    }

    fn push(&mut self, layer: &str, name: &str, kind: ParameterKind, value: ArrayD<F>) -> usize {
        let name = format!("{layer}.{name}");
        self.parameters.push(Parameter {
            name,
            kind,
            trainable: true,
            bounds: None,
            clamp_stored: false,
            value,
        });
        self.parameters.len() - 1
    }

    fn bound(&mut self, index: usize, (low, high): (f64, f64), clamp_stored: bool, trainable: bool) {
        let parameter = &mut self.parameters[index];
        parameter.bounds = Some((F::of(low), F::of(high)));
        parameter.clamp_stored = clamp_stored;
        parameter.trainable = trainable;
    }

    /// `hidden0`, `hidden1`, …, `readout`.
    #[must_use]
    pub fn layer_name(&self, layer: usize) -> String {
        self.description.layer_name(layer)
    }

    /// Number of hidden layers.
    #[must_use]
    pub fn hidden_layers(&self) -> usize {
        self.description.config.network.hidden.len()
    }

    /// The description this network was built from.
    #[must_use]
    pub fn description(&self) -> &ValidNetwork {
        &self.description
    }

    /// Input channels C.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.description.inputs
    }

    /// Classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.description.classes
    }

    /// All parameters, first layer first.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter<F>] {
        &self.parameters
    }

    /// All parameters for an optimiser to change.
    pub fn parameters_mut(&mut self) -> &mut [Parameter<F>] {
        &mut self.parameters
    }

    /// Sets the spread σ of the delays' interpolation, in steps.
    ///
    /// # Panics
    /// If the spread is negative or not finite.
    pub fn set_spread(&mut self, spread: f64) {
        assert!(spread >= 0.0 && spread.is_finite(), "spread of {spread} steps");
        self.spread = F::of(spread);
    }

    /// The spread σ of the delays' interpolation, in steps.
    #[must_use]
    pub fn spread(&self) -> f64 {
        self.spread.as_f64()
    }

    /// What a layer is made of; the readout of integrators.
    pub(crate) fn units_of(&self, layer: usize) -> LayerUnits<'_> {
        match &self.description.units {
            _ if layer == self.hidden_layers() => LayerUnits::Neurons(&self.description.readout),
            Units::Neurons(neuron) => LayerUnits::Neurons(neuron),
            Units::Gated(unit) => LayerUnits::Gated(*unit),
        }
    }

    /// The neuron of a layer, the readout last, whose neuron is the integrator; `None` where a layer has no neurons or is
    /// none of this network.
    #[must_use]
    pub fn neuron(&self, layer: usize) -> Option<&Neuron> {
        match self.units_of(layer) {
            LayerUnits::Neurons(neuron) if layer <= self.hidden_layers() => Some(neuron),
            _ => None,
        }
    }

    /// The synapses that lead to a layer, with the places of their parameters.
    pub(crate) fn synapse(&self, layer: &Layer, delays: Delays) -> Synapse<F, usize> {
        let form = used(self.description.config.synapse.in_training(self.spread), delays);
        Synapse::new(layer.weight, layer.delay.map(|delay| (delay, form)))
    }

    /// The synapses between a layer's units. Those of layers without spikes have no delays.
    pub(crate) fn recurrent(&self, layer: &Layer, delays: Delays) -> Option<Synapse<F, usize>> {
        let form = used(self.description.config.synapse.recurrent_in_training(self.spread), delays);
        let weight = layer.recurrent?;
        Some(Synapse::new(weight, layer.recurrent_delay.map(|delay| (delay, form))))
    }

    pub(crate) fn matrix(&self, index: usize) -> ArrayView2<'_, F> {
        self.parameters[index]
            .value
            .view()
            .into_dimensionality::<Ix2>()
            .expect("weights and delays are matrices")
    }

    pub(crate) fn vector(&self, index: usize) -> ArrayView1<'_, F> {
        self.parameters[index].value.view().into_dimensionality::<Ix1>().expect("one value a unit")
    }

    /// The neuron's parameters of a layer, as stored (the neuron clamps them).
    pub(crate) fn neuron_values(&self, layer: &Layer) -> Vec<ArrayView1<'_, F>> {
        layer.neuron.iter().map(|&index| self.vector(index)).collect()
    }

    /// Scale and shift of a layer's normalisation with the running statistics.
    pub(crate) fn running_affine(&self, k: usize) -> (Array1<F>, Array1<F>) {
        let layer = &self.layers[k];
        let epsilon = F::of(self.description.config.norm.epsilon);
        affine(&self.running[k], &self.vector(layer.gain), &self.vector(layer.bias), epsilon)
    }
}

/// How delays are used that train with `in_training`.
fn used<F: Real>(in_training: Delayed<F>, delays: Delays) -> Delayed<F> {
    if delays == Delays::Rounded { in_training.rounded() } else { in_training }
}
