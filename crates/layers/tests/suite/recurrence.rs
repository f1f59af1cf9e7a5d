//! Every form of recurrence, layers drawn at random, and recurrence written once more in elementary operations.

use crate::common::{Case, elementary};
use colearn_layers::{LayerStep, infer, scan};
use colearn_neurons::{Neuron, NeuronModel};
use colearn_synapses::{Delayed, Interpolation, Synapse};
use colearn_tape::{Pool, Real, Tape, Var};
use ndarray::{Array2, Array3, ArrayD, ArrayRef2, ArrayView1, s};
use ndarray_rand::RandomExt;
use ndarray_rand::rand::SeedableRng;
use ndarray_rand::rand_distr::{StandardNormal, Uniform};
use rand_chacha::ChaCha8Rng;

/// Delays of the tests, in steps.
pub(crate) const MAX_DELAY: usize = 6;

/// No delays, and delays of every kernel.
pub(crate) fn forms<F: Real>() -> Vec<Option<Delayed<F>>> {
    let with = |interpolation, spread: f64| {
        Some(Delayed { max_delay: MAX_DELAY, interpolation, spread: F::of(spread) })
    };
    vec![
        None,
        with(Interpolation::Linear, 0.0),
        with(Interpolation::Whole, 0.0),
        with(Interpolation::Smoothed, 0.0),
        with(Interpolation::Triangle, 1.35),
        with(Interpolation::Gaussian, 0.5),
    ]
}

/// Neurons with their inputs and the synapses between them.
pub(crate) struct Layer<F> {
    pub(crate) case: Case<F>,
    pub(crate) weight: Array2<F>,
    pub(crate) delay: Option<(Array2<F>, Delayed<F>)>,
}

impl<F: Real> Layer<F> {
    /// Weights and delays with diagonals that must not matter, and delays away from whole ones, where slopes have corners;
    /// some lie outside their bounds.
    pub(crate) fn new(
        neuron: Neuron,
        shape: (usize, usize, usize),
        form: Option<Delayed<F>>,
        seed: u64,
    ) -> Self {
        let case = Case::new(neuron, shape, seed);
        let (units, mut rng) = (shape.2, ChaCha8Rng::seed_from_u64(seed + 1000));
        let scale = 1.0 / (units.max(1) as f64).sqrt();
        let weight = Array2::random_using((units, units), StandardNormal, &mut rng);
        let weight = weight.mapv(|v: f64| F::of(scale * v));
        let delay = form.map(|form| {
            let range = Uniform::new(-0.5, form.max_delay as f64 + 0.5).unwrap();
            let drawn = Array2::random_using((units, units), range, &mut rng);
            (drawn.mapv(|d: f64| F::of(d.floor() + 0.1 + 0.8 * (d - d.floor()))), form)
        });
        Self { case, weight, delay }
    }

    pub(crate) fn recurrent(&self) -> Synapse<F, &ArrayRef2<F>> {
        Synapse::new(&self.weight, self.delay.as_ref().map(|(delay, form)| (&**delay, *form)))
    }

    /// Current, parameters, weights and delays in the order of the tape's inputs.
    pub(crate) fn inputs(&self) -> Vec<ArrayD<F>> {
        let matrices = self.recurrent().map(|matrix| matrix.to_owned().into_dyn());
        self.case.inputs().into_iter().chain(matrices.matrices().cloned()).collect()
    }

    /// How many inputs come before the matrices.
    pub(crate) fn before_matrices(&self) -> usize {
        1 + self.case.parameters.len()
    }

    /// The recurrence with those of `vars`, which are the last.
    pub(crate) fn on_tape(&self, vars: &[Var]) -> Synapse<F, Var> {
        let mut matrices = vars[vars.len() - self.recurrent().matrices().count()..].iter();
        self.recurrent().map(|_| *matrices.next().unwrap())
    }

    /// Records the layer with [`Layer::inputs`].
    pub(crate) fn record(&self, tape: &mut Tape<F>, vars: &[Var]) -> Var {
        let parameters = &vars[1..self.before_matrices()];
        scan(tape, &self.case.neuron, vars[0], parameters, Some(self.on_tape(vars)))
    }

    pub(crate) fn infer(&self) -> Array3<F> {
        let Case { neuron, current, .. } = &self.case;
        infer(neuron, current, &self.case.views(), Some(self.recurrent()), &mut Pool::default())
    }

    /// The outputs, step by step.
    pub(crate) fn streamed(&self) -> Array3<F> {
        let (steps, batch, _) = self.case.current.dim();
        let mut out = Array3::zeros(self.case.current.dim());
        let mut layer = LayerStep::new(&self.case.neuron, &self.case.views(), Some(self.recurrent()));
        for b in 0..batch {
            layer.reset();
            for t in 0..steps {
                let output = layer.step(&self.case.current.slice(s![t, b, ..]).to_vec()).to_vec();
                out.slice_mut(s![t, b, ..]).assign(&ArrayView1::from(&output));
            }
        }
        out
    }

    pub(crate) fn name(&self) -> String {
        let form = self.delay.as_ref().map(|(_, form)| form.interpolation);
        format!("{:?}, {:?}, delays {form:?}", self.case.neuron.model(), self.case.neuron.firing())
    }
}

/// Every model with every form of recurrence.
pub(crate) fn every_layer<F: Real>(shape: (usize, usize, usize), seed: u64) -> Vec<Layer<F>> {
    let models =
        NeuronModel::ALL.iter().flat_map(|&model| forms().into_iter().map(move |form| (model, form)));
    models.map(|(model, form)| Layer::new(Neuron::new(model), shape, form, seed)).collect()
}

/// κ_l(d) (N, N) of every lag, in elementary operations.
fn kappa(tape: &mut Tape<f64>, form: Delayed<f64>, delay: Var) -> Vec<Var> {
    let used = tape.clamp(delay, 0.0, form.max_delay as f64);
    let tap = |tape: &mut Tape<f64>, lag: usize| {
        let centred = tape.negate(used);
        let distance = tape.offset(centred, lag as f64);
        let half_width = match form.interpolation {
            Interpolation::Whole => {
                return tape.pointwise(used, |d| f64::from(d.round() == lag as f64), |_| 0.0);
            }
            Interpolation::Gaussian => {
                let (width, square) = (form.spread + 0.27, tape.square(distance));
                let exponent = tape.scale(square, -0.5 / (width * width));
                return tape.exp(exponent);
            }
            Interpolation::Linear | Interpolation::Smoothed => 1.0,
            Interpolation::Triangle => 1.0 + form.spread,
        };
        let size = tape.abs(distance);
        let down = tape.negate(size);
        let height = tape.offset(down, half_width);
        tape.clamp(height, 0.0, f64::INFINITY)
    };
    let taps: Vec<Var> = (0..=form.max_delay).map(|lag| tap(tape, lag)).collect();
    let sum = taps[1..].iter().fold(taps[0], |sum, &tap| tape.add(sum, tap));
    let total = tape.offset(sum, 1e-7);
    taps.into_iter().map(|tap| tape.divide(tap, total)).collect()
}

/// The layer in elementary operations alone.
pub(crate) fn in_elementary_operations(layer: &Layer<f64>, tape: &mut Tape<f64>, vars: &[Var]) -> Var {
    let units = layer.weight.nrows();
    let off_diagonal = ArrayD::from_shape_fn(vec![units, units], |i| f64::from(i[0] != i[1]));
    let mask = tape.constant(off_diagonal);
    let (weight, kernels) = match layer.on_tape(vars) {
        Synapse::Dense { weight } => (weight, None),
        Synapse::Delayed { weight, delay, form } => (weight, Some(kappa(tape, form, delay))),
    };
    let weight = tape.multiply(weight, mask);
    let kernels = match kernels {
        None => vec![weight],
        Some(kappa) => kappa.into_iter().map(|kappa| tape.multiply(weight, kappa)).collect(),
    };
    let parameters = &vars[1..layer.before_matrices()];
    elementary(tape, &layer.case.neuron, vars[0], parameters, |tape, current, sent| {
        sent.iter().rev().zip(&kernels).fold(current, |sum, (&sent, &kernel)| {
            let part = tape.matrix_product(sent, kernel);
            tape.add(sum, part)
        })
    })
}
