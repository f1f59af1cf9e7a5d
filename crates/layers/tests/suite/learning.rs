//! A delay can be learned through the recurrence it stands in.

use crate::common::soft;
use crate::recurrence::Layer;
use colearn_neurons::{NeuronModel, Surrogate};
use colearn_synapses::{Delayed, Interpolation};
use colearn_tape::Tape;
use ndarray::{Array2, ArrayD};

const UNITS: usize = 4;

/// Adam's step (Kingma & Ba 2015) on one array.
struct Adam {
    first: ArrayD<f64>,
    second: ArrayD<f64>,
    steps: i32,
}

impl Adam {
    fn step(&mut self, value: &mut Array2<f64>, gradient: &ArrayD<f64>, rate: f64) {
        self.steps += 1;
        self.first = &self.first * 0.9 + gradient * 0.1;
        self.second = &self.second * 0.99 + gradient.mapv(|g| g * g) * 0.01;
        let (first, second) = (1.0 - 0.9f64.powi(self.steps), 1.0 - 0.99f64.powi(self.steps));
        for ((x, m), v) in value.iter_mut().zip(&self.first).zip(&self.second) {
            *x -= rate * (m / first) / ((v / second).sqrt() + 1e-12);
        }
    }
}

/// Everything but the delays is that of a teacher. Under a spread that falls they find where the teacher's are, from the
/// middle of their range.
#[test]
fn recurrent_delays_find_those_of_a_teacher() {
    let linear = Delayed { max_delay: 8, interpolation: Interpolation::Linear, spread: 0.0 };
    let neuron = soft(NeuronModel::Lif, Surrogate::Logistic { slope: 4.0 });
    let mut layer = Layer::<f64>::new(neuron, (40, 16, UNITS), Some(linear), 5);
    layer.weight *= 4.0;
    let expected = layer.infer().into_dyn();
    let teacher = layer.delay.as_ref().unwrap().0.mapv(|d| d.clamp(0.0, 8.0));
    let zeros = ArrayD::zeros(vec![UNITS, UNITS]);
    let mut adam = Adam { first: zeros.clone(), second: zeros, steps: 0 };
    let mut losses = Vec::new();
    layer.delay = Some((Array2::from_elem((UNITS, UNITS), 4.0), linear));
    for step in 0..300 {
        let spread = if step < 200 { 3.0 * 0.975f64.powi(step) } else { 0.0 };
        let (delay, form) = layer.delay.as_mut().unwrap();
        delay.mapv_inplace(|d| d.clamp(0.0, 8.0));
        *form = if spread > 0.0 {
            Delayed { interpolation: Interpolation::Triangle, spread, ..linear }
        } else {
            linear
        };
        let mut tape = Tape::new();
        let vars: Vec<_> = layer.inputs().iter().map(|x| tape.leaf(x)).collect();
        let y = layer.record(&mut tape, &vars);
        let target = tape.constant(expected.clone());
        let difference = tape.subtract(y, target);
        let square = tape.square(difference);
        let loss = tape.sum(square);
        tape.backward(loss);
        losses.push(tape.value(loss).sum());
        let gradient = tape.gradient(*vars.last().unwrap()).unwrap().clone();
        adam.step(&mut layer.delay.as_mut().unwrap().0, &gradient, 0.05);
    }
    let (delay, _) = layer.delay.as_ref().unwrap();
    let off = |d: &Array2<f64>| -> f64 {
        let apart = d.indexed_iter().filter(|((i, j), _)| i != j).map(|(k, d)| (d - teacher[k]).abs());
        apart.sum::<f64>() / (UNITS * (UNITS - 1)) as f64
    };
    let (start, end) = (off(&Array2::from_elem((UNITS, UNITS), 4.0)), off(delay));
    assert!(end < 0.25 * start, "steps from the teacher's: {end}, at the start {start}");
    assert!(losses[299] < 0.05 * losses[0], "loss {}, at the start {}", losses[299], losses[0]);
}
