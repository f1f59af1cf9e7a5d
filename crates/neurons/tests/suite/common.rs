//! What the tests share: golden files, comparison, random neurons, and the equations written once more.

use colearn_neurons::{
    BatchNorm, ElementaryStep, Firing, Neuron, NeuronConfig, NeuronModel, Surrogate, initial,
};
use colearn_tape::{Real, Tape, Var};
use ndarray::{Array, Array1, Array3, ArrayBase, ArrayD, ArrayView1, Axis, Data, Dimension, IxDyn};
use ndarray_npy::NpzReader;
use ndarray_rand::RandomExt;
use ndarray_rand::rand::SeedableRng;
use ndarray_rand::rand_distr::{Normal, StandardNormal};
use rand_chacha::ChaCha8Rng;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The folder of committed golden values.
pub(crate) const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/golden");

/// A file of golden values.
pub(crate) struct Golden(NpzReader<File>);

impl Golden {
    /// From the folder that `COLEARN_GOLDEN_DIR` names, or else the committed one.
    pub(crate) fn open(name: &str) -> Self {
        let folder = std::env::var_os("COLEARN_GOLDEN_DIR").map_or_else(
            || COMMITTED.into(),
            |dir| {
                // A relative folder is meant from the workspace: tests run in their package's folder.
                PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(dir)
            },
        );
        Self::read(&folder.join(name))
    }

    /// From a file of this name but for its ending.
    pub(crate) fn read(path: &Path) -> Self {
        let path = path.with_extension("npz");
        Self(NpzReader::new(File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap())
    }

    pub(crate) fn get(&mut self, name: &str) -> ArrayD<f64> {
        self.0.by_name(name).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn sequence(&mut self, name: &str) -> Array3<f64> {
        self.get(name).into_dimensionality().unwrap()
    }

    /// The name under which the stored values of a parameter are in the file.
    pub(crate) fn stored(&mut self, parameter: &str) -> String {
        let raw = format!("{parameter}_raw");
        let names = self.0.names().expect("the file lists its arrays");
        if names.iter().any(|name| name.trim_end_matches(".npy") == raw) { raw } else { parameter.to_owned() }
    }

    pub(crate) fn labels(&mut self, name: &str) -> Vec<usize> {
        let labels: ArrayD<i64> = self.0.by_name(name).unwrap();
        labels.iter().map(|&y| usize::try_from(y).unwrap()).collect()
    }
}

/// Fails unless every |found − expected| is at most `tolerance` times the largest magnitude expected. NaN fails.
#[track_caller]
pub(crate) fn assert_close<F: Real, S: Data<Elem = F>, R: Data<Elem = F>, D: Dimension, E: Dimension>(
    what: &str,
    found: &ArrayBase<S, D>,
    expected: &ArrayBase<R, E>,
    tolerance: f64,
) {
    assert_eq!(found.shape(), expected.shape(), "{what}: shape");
    let scale = expected.iter().fold(0.0f64, |m, x| m.max(x.as_f64().abs())).max(1e-300);
    for (k, (x, y)) in found.iter().zip(expected).enumerate() {
        let difference = (x.as_f64() - y.as_f64()).abs();
        assert!(
            difference <= tolerance * scale,
            "{what}, element {k}: found {x:?}, expected {y:?}, largest {scale:e}"
        );
    }
}

/// A neuron with its inputs, drawn at random.
pub(crate) struct Case<F> {
    pub(crate) neuron: Neuron,
    pub(crate) current: Array3<F>,
    pub(crate) parameters: Vec<Array1<F>>,
}

impl<F: Real> Case<F> {
    /// Currents around the threshold, parameters from the box.
    pub(crate) fn new(neuron: Neuron, shape: (usize, usize, usize), seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let units = shape.2;
        let current =
            ArrayD::random_using(IxDyn(&[shape.0, shape.1, units]), Normal::new(1.0, 2.0).unwrap(), &mut rng);
        let current = current.into_dimensionality().unwrap().mapv(F::of);
        let parameters = neuron.specs().iter().map(|s| initial(s, units, &mut rng)).collect();
        Self { neuron, current, parameters }
    }

    pub(crate) fn views(&self) -> Vec<ArrayView1<'_, F>> {
        self.parameters.iter().map(|p| p.view()).collect()
    }

    pub(crate) fn to<G: Real>(&self) -> Case<G> {
        Case {
            neuron: self.neuron.clone(),
            current: self.current.mapv(|x| G::of(x.as_f64())),
            parameters: self.parameters.iter().map(|p| p.mapv(|x| G::of(x.as_f64()))).collect(),
        }
    }

    /// Current and parameters in the order of the tape's inputs.
    pub(crate) fn inputs(&self) -> Vec<ArrayD<F>> {
        let mut inputs = vec![self.current.clone().into_dyn()];
        inputs.extend(self.parameters.iter().map(|p| p.clone().into_dyn()));
        inputs
    }
}

/// Every model.
pub(crate) fn every_neuron() -> impl Iterator<Item = Neuron> {
    NeuronModel::ALL.iter().map(|&model| Neuron::new(model))
}

/// The neuron with a change to its configuration.
pub(crate) fn configured(model: NeuronModel, change: impl Fn(&mut NeuronConfig)) -> Neuron {
    let mut config = NeuronConfig::new(model);
    change(&mut config);
    config.validate().unwrap()
}

/// What the neuron sends out at membrane u.
pub(crate) fn output(neuron: &Neuron, u: f64) -> f64 {
    let x = u - neuron.threshold();
    match neuron.firing() {
        _ if !neuron.model().is_spiking() => u,
        Firing::Spike => f64::from(x > 0.0),
        Firing::Soft => neuron.surrogate().soft(x),
    }
}

/// The model's own elementary form, step by step. `own` adds to the current (B, N) of a step from the outputs (B, N) of
/// those before it.
pub(crate) fn elementary(
    tape: &mut Tape<f64>,
    neuron: &Neuron,
    input: Var,
    stored: &[Var],
    mut own: impl FnMut(&mut Tape<f64>, Var, &[Var]) -> Var,
) -> Var {
    let shape = tape.value(input).shape().to_vec();
    let (steps, batch, units) = (shape[0], shape[1], shape[2]);
    let (model, specs) = (neuron.model(), neuron.specs());
    let p: Vec<Var> = stored.iter().zip(specs).map(|(&p, s)| tape.clamp(p, s.bounds.0, s.bounds.1)).collect();
    let zero = tape.constant(ArrayD::zeros(vec![batch, units]));
    let (mut state, mut s) = (vec![zero; model.states()], zero);
    let mut outputs = Vec::new();
    for t in 0..steps {
        let row = tape.slice(input, 0, t, 1);
        let row = tape.reshape(row, &[batch, units]);
        let current = own(tape, row, &outputs);
        let step = ElementaryStep { parameters: &p, state: &state, output: s, input: current };
        let before = model.elementary_step(tape, &step);
        let potential = model.elementary_potential(tape, &p, &before);
        s = if model.is_spiking() {
            let (theta, surrogate) = (neuron.threshold(), neuron.surrogate());
            tape.pointwise(potential, |u| output(neuron, u), |u| surrogate.derivative(u - theta))
        } else {
            potential
        };
        state = model.elementary_settle(tape, &p, before, s);
        outputs.push(s);
    }
    let rows: Vec<Var> = outputs.iter().map(|&s| tape.reshape(s, &[1, batch, units])).collect();
    tape.concatenate(&rows, 0)
}

/// The output and the gradients of Σ G·output with respect to `inputs` for a random G.
pub(crate) fn differentiate(
    inputs: &[ArrayD<f64>],
    run: impl Fn(&mut Tape<f64>, &[Var]) -> Var,
) -> (ArrayD<f64>, Vec<ArrayD<f64>>) {
    let mut tape = Tape::new();
    let vars: Vec<Var> = inputs.iter().map(|x| tape.leaf(x)).collect();
    let y = run(&mut tape, &vars);
    let value = tape.value(y).clone();
    let g = ArrayD::random_using(value.raw_dim(), StandardNormal, &mut ChaCha8Rng::seed_from_u64(77));
    let g = tape.constant(g);
    let product = tape.multiply(y, g);
    let loss = tape.sum(product);
    tape.backward(loss);
    let gradients = vars
        .iter()
        .zip(inputs)
        .map(|(&v, x)| tape.gradient(v).cloned().unwrap_or_else(|| ArrayD::zeros(x.raw_dim())));
    (value, gradients.collect())
}

/// A neuron whose box is a little smaller than that of the draw, so that some parameters are clamped.
pub(crate) fn clamping(model: NeuronModel) -> Neuron {
    configured(model, |c| {
        for spec in model.specs() {
            let (low, high) = spec.bounds;
            let margin = 0.15 * (high - low);
            c.bounds.insert(spec.name.into(), (low + margin, high - margin));
        }
    })
}

/// The model with a smooth step, and a box a little wider than the draw, so that no difference quotient steps over a bound.
pub(crate) fn soft(model: NeuronModel, surrogate: Surrogate) -> Neuron {
    configured(model, |c| {
        (c.firing, c.surrogate) = (Firing::Soft, surrogate);
        for spec in model.specs() {
            c.bounds.insert(spec.name.into(), (spec.bounds.0 - 1e-3, spec.bounds.1 + 1e-3));
        }
    })
}

/// Every model whose gradient is exact; the detached reset of SE-adLIF is checked beside its code.
pub(crate) fn exact_models() -> impl Iterator<Item = NeuronModel> {
    NeuronModel::ALL.iter().copied().filter(|model| model.has_exact_gradient())
}

/// Unevenly weighted sum of squares.
pub(crate) fn weighted_squares(tape: &mut Tape<f64>, y: Var) -> Var {
    let shape = tape.value(y).raw_dim();
    let weights = Array1::linspace(-1.0, 1.5, tape.value(y).len());
    let weights = tape.constant(Array::from_shape_vec(shape, weights.to_vec()).unwrap());
    let square = tape.square(y);
    let product = tape.multiply(square, weights);
    tape.sum(product)
}

/// What normalisations of the tests add to a variance.
const EPSILON: f64 = 1e-3;

/// Statistics of a recorded x (T, B, N) in standard order.
pub(crate) fn statistics(tape: &Tape<f64>, x: Var) -> BatchNorm<f64> {
    let x = tape.value(x);
    let of_samples =
        x.to_shape((x.len() / x.shape()[2], x.shape()[2])).expect("three axes in standard order");
    let mean = of_samples.mean_axis(Axis(0)).expect("there are samples").to_vec();
    let variance = of_samples.var_axis(Axis(0), 0.0);
    BatchNorm { mean, inverse: variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt()).collect() }
}

/// γ x̂ + η of x (T, B, N) in elementary operations, the statistics among them.
pub(crate) fn elementary_normalisation(tape: &mut Tape<f64>, x: Var, [gain, bias]: [Var; 2]) -> Var {
    let count = (tape.value(x).shape()[0] * tape.value(x).shape()[1]) as f64;
    let over_batch = |tape: &mut Tape<f64>, x: Var| {
        let steps = tape.sum_axis(x, 0);
        let total = tape.sum_axis(steps, 0);
        tape.scale(total, 1.0 / count)
    };
    let mean = over_batch(tape, x);
    let centred = tape.subtract(x, mean);
    let square = tape.square(centred);
    let variance = over_batch(tape, square);
    let variance = tape.offset(variance, EPSILON);
    let deviation = tape.sqrt(variance);
    let hat = tape.divide(centred, deviation);
    let scaled = tape.multiply(hat, gain);
    tape.add(scaled, bias)
}

/// Gains and biases of `units` units, none like another.
pub(crate) fn gain_and_bias(units: usize) -> [ArrayD<f64>; 2] {
    [0.8, -0.2].map(|from| ArrayD::from_shape_fn(vec![units], |n| from + 0.3 * n[0] as f64))
}

/// Zeros of both signs, NaN, infinities, the smallest and the largest numbers.
pub(crate) fn odd<F: Real>() -> Vec<F> {
    let smallest = F::of(if size_of::<F>() == 4 { 1e-45 } else { 5e-324 });
    vec![
        -F::zero(),
        F::zero(),
        F::nan(),
        F::infinity(),
        F::neg_infinity(),
        smallest,
        -smallest,
        F::max_value(),
        F::min_value(),
    ]
}

/// Puts an odd number in place of each number with the chance `share` of 16; from a generator that is good enough.
pub(crate) fn strew<F: Real>(numbers: &mut [F], odd: &[F], share: u32) {
    let mut state = 1u32;
    for x in numbers {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, _, place, chance] = state.to_le_bytes();
        if u32::from(chance) / 16 < share {
            *x = odd[usize::from(place) % odd.len()];
        }
    }
}

/// To the bit, but for what is no number.
pub(crate) fn same<F: Real>(x: F, y: F) -> bool {
    x.as_f64().to_bits() == y.as_f64().to_bits() || (x.is_nan() && y.is_nan())
}
