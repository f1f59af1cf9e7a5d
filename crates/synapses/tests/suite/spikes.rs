//! A signal that says it is spikes, against the floats it stands for.

use colearn_synapses::{Delayed, Interpolation, dense};
use colearn_tape::simd::word_of_row;
use colearn_tape::{Fused, Pullback, Real, Sequence, SequenceVar, Signal, Spikes, Tape, Var};
use ndarray::{Array2, Array3, ArrayD};

/// A sequence of zeros and one amplitude as spikes, whose gradient is that of the floats.
#[derive(Debug)]
struct AsSpikes;

impl<F: Real> Fused<F> for AsSpikes {
    fn name(&self) -> &'static str {
        "floats as spikes"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        vec![Some(p.gradient.clone())]
    }
}

fn as_spikes<F: Real>(tape: &mut Tape<F>, x: SequenceVar, amplitude: F) -> SequenceVar {
    let shape = x.shape(tape);
    let words: Vec<u16> =
        colearn_tape::sequence::values(tape.value(x.var)).as_chunks().0.iter().map(word_of_row).collect();
    let mut spikes = Spikes::taken(shape, amplitude, tape.pool());
    spikes.words_mut().copy_from_slice(&words);
    SequenceVar { var: tape.fused_spikes(&[x.var], spikes, AsSpikes), ..x }
}

/// Units that are silent, quiet, busy, and so busy that all their rows are listed; two blocks, of which one is not full.
fn input<F: Real>(amplitude: F) -> Array3<F> {
    Array3::from_shape_fn((37, 21, 9), |(t, b, i)| {
        let fires = |every: usize| (t * 5 + b * 7 + i * 3 + t * b % 4).is_multiple_of(every);
        let fired = match i % 4 {
            0 => false,
            1 => fires(97),
            2 => fires(9),
            _ => fires(2),
        };
        if fired { amplitude } else { F::zero() }
    })
}

/// Output and gradients of the input, the weight and the delay.
fn run<F: Real>(
    layer: impl Fn(&mut Tape<F>, SequenceVar, Var, Var) -> SequenceVar,
    spikes: bool,
    recompute: bool,
) -> Vec<ArrayD<F>> {
    let amplitude = F::of(1.25);
    let number = |i: usize, j: usize| ((i * 31 + j * 17) as f64 * 0.7).sin();
    let mut tape = Tape::new();
    tape.set_recompute(recompute);
    let x = tape.leaf(&input(amplitude));
    let weight = tape.leaf(&Array2::from_shape_fn((9, 6), |(i, j)| F::of(number(i, j))));
    let delay = tape.leaf(&Array2::from_shape_fn((9, 6), |(i, j)| F::of(4.5 + 4.6 * number(j, i))));
    let mut signal = x.enter(&mut tape);
    if spikes {
        signal = as_spikes(&mut tape, signal, amplitude);
    }
    let y = layer(&mut tape, signal, weight, delay);
    let output = y.to_array(&tape).into_dyn();
    tape.forget(y.var);
    let y = Var::leave(y, &mut tape);
    let square = tape.square(y);
    let loss = tape.sum(square);
    tape.backward(loss);
    let gradient = |var| tape.gradient(var).cloned();
    let gradients = [x, weight, delay].into_iter().filter_map(gradient);
    std::iter::once(output).chain(gradients.map(|g| g.as_standard_layout().into_owned())).collect()
}

fn compare<F: Real>() {
    for interpolation in [
        Interpolation::Linear,
        Interpolation::Whole,
        Interpolation::Smoothed,
        Interpolation::Triangle,
        Interpolation::Gaussian,
    ] {
        let synapse = Delayed { max_delay: 9, interpolation, spread: F::of(1.5) };
        let layer =
            |tape: &mut Tape<F>, x: SequenceVar, weight, delay| synapse.record(tape, x, weight, delay);
        for recompute in [false, true] {
            let expected = run(layer, false, recompute);
            assert!(expected.len() >= 3, "{interpolation:?}");
            assert_eq!(run(layer, true, recompute), expected, "{interpolation:?}, recompute {recompute}");
        }
    }
    let layer = |tape: &mut Tape<F>, x: SequenceVar, weight, _| dense::record(tape, x, weight);
    for recompute in [false, true] {
        assert_eq!(run(layer, true, recompute), run(layer, false, recompute), "dense, recompute {recompute}");
    }
}

#[test]
fn spikes_give_the_bits_of_the_floats_they_stand_for() {
    compare::<f64>();
    compare::<f32>();
}

#[test]
fn a_sequence_of_spikes_may_be_empty() {
    for (steps, batch) in [(0, 3), (4, 0)] {
        let mut tape = Tape::<f32>::new();
        let value = Sequence::from_array(&Array3::zeros((steps, batch, 9)), tape.pool());
        let shape = value.shape();
        let x = SequenceVar { var: tape.pooled_constant(value.into_value()), batch };
        let x = as_spikes(&mut tape, x, 1.0);
        let weight = tape.leaf(&Array2::ones((9, 6)));
        let delay = tape.leaf(&Array2::ones((9, 6)));
        let synapse = Delayed { max_delay: 3, interpolation: Interpolation::Linear, spread: 0.0 };
        let y = synapse.record(&mut tape, x, weight, delay);
        assert_eq!(y.shape(&tape), shape.with_units(6));
    }
}
