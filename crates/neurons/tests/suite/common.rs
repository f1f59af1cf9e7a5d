//! What the tests share: golden files, comparison, random neurons, and the equations written once more.

use colearn_neurons::{BatchNorm, Firing, Neuron, NeuronConfig, NeuronModel, initial};
use colearn_tape::{Real, Tape, Var};
use ndarray::{Array, Array1, Array2, Array3, ArrayBase, ArrayD, ArrayView1, Axis, Data, Dimension, IxDyn};
use ndarray_npy::NpzReader;
use ndarray_rand::RandomExt;
use ndarray_rand::rand::SeedableRng;
use ndarray_rand::rand_distr::{Normal, StandardNormal};
use rand_chacha::ChaCha8Rng;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The folder of committed golden values.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/golden");

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

    /// From the committed folder.
    pub(crate) fn committed(name: &str) -> Self {
        Self::read(&Path::new(COMMITTED).join(name))
    }

    fn read(path: &Path) -> Self {
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
    pub(crate) recurrent: Option<Array2<F>>,
}

impl<F: Real> Case<F> {
    /// Currents around the threshold, parameters from the box, recurrent weights with a diagonal that must not matter.
    pub(crate) fn new(neuron: Neuron, shape: (usize, usize, usize), recurrent: bool, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let units = shape.2;
        let current =
            ArrayD::random_using(IxDyn(&[shape.0, shape.1, units]), Normal::new(1.0, 2.0).unwrap(), &mut rng);
        let current = current.into_dimensionality().unwrap().mapv(F::of);
        let parameters = neuron.specs().iter().map(|s| initial(s, units, &mut rng)).collect();
        let scale = 1.0 / (units as f64).sqrt();
        let recurrent = recurrent.then(|| {
            Array2::random_using((units, units), StandardNormal, &mut rng).mapv(|v: f64| F::of(scale * v))
        });
        Self { neuron, current, parameters, recurrent }
    }

    pub(crate) fn views(&self) -> Vec<ArrayView1<'_, F>> {
        self.parameters.iter().map(|p| p.view()).collect()
    }

    pub(crate) fn to<G: Real>(&self) -> Case<G> {
        Case {
            neuron: self.neuron.clone(),
            current: self.current.mapv(|x| G::of(x.as_f64())),
            parameters: self.parameters.iter().map(|p| p.mapv(|x| G::of(x.as_f64()))).collect(),
            recurrent: self.recurrent.as_ref().map(|v| v.mapv(|x| G::of(x.as_f64()))),
        }
    }

    /// Current, parameters and recurrent weights in the order of the tape's inputs.
    pub(crate) fn inputs(&self) -> Vec<ArrayD<F>> {
        let mut inputs = vec![self.current.clone().into_dyn()];
        inputs.extend(self.parameters.iter().map(|p| p.clone().into_dyn()));
        inputs.extend(self.recurrent.iter().map(|v| v.clone().into_dyn()));
        inputs
    }
}

/// Every model without and with recurrence.
pub(crate) fn every_neuron() -> Vec<(Neuron, bool)> {
    NeuronModel::ALL
        .iter()
        .flat_map(|&m| [false, true].map(|recurrent| (Neuron::new(m), recurrent)))
        .collect()
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
