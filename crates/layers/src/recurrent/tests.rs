use super::*;
use colearn_neurons::{Firing, NeuronConfig, NeuronModel};
use colearn_synapses::{Delayed, Interpolation};
use ndarray::Array2;

/// On any machine: weights and currents that are whole multiples of 1/64 have the same sums in any order.
#[test]
fn looking_spikes_up_gives_the_bits_of_the_product() {
    let number = |k: usize| ((k * 37 + 11) % 101) as f64 / 64.0 - 0.6875;
    let models = NeuronModel::ALL.iter().flat_map(|&m| [(m, Firing::Spike), (m, Firing::Soft)]);
    for (model, firing) in models {
        let mut config = NeuronConfig::new(model);
        config.firing = firing;
        let neuron = config.validate().expect("firing is free");
        for (steps, batch, units) in [(23, 70, 9), (4, 16, 4), (5, 3, 1), (1, 2, 3)] {
            let shape = SequenceShape { steps, batch, units };
            let input: Vec<f64> = (0..shape.len()).map(|k| 32.0 * number(k)).collect();
            let weights = Array2::from_shape_fn((units, units), |(i, j)| number(i * 13 + j * 7));
            let values: Vec<_> = neuron
                .specs()
                .iter()
                .map(|spec| ndarray::Array1::from_elem(units, f64::midpoint(spec.bounds.0, spec.bounds.1)))
                .collect();
            let parameters: Vec<_> = values.iter().map(|v| v.view()).collect();
            let affine = [vec![1.5; units], vec![0.25; units]];
            let affine = Some((&affine[0][..], &affine[1][..]));
            for (kept, drives) in [(Keep::States, None), (Keep::Nothing, None), (Keep::Recording, affine)] {
                let run = |looks_up| {
                    let mut output = vec![0.0; shape.len()];
                    let forward = RecurrentForward {
                        neuron: &neuron,
                        parameters: &parameters,
                        recurrent: Synapse::new(&*weights, None),
                        shape,
                        drives,
                        input: &input,
                        output: &mut output,
                        pool: &mut Pool::default(),
                    };
                    let Blocks { currents, states } = forward.run(kept, looks_up);
                    (output, currents, states)
                };
                let (found, expected) = (run(true), run(false));
                let fires = steps == 1 || found.0.iter().any(|&s| s != 0.0);
                assert!(fires, "{model:?} {shape:?}: nothing to look up");
                assert_eq!(found.0, expected.0, "{model:?} {firing:?} {shape:?} {kept:?}: outputs");
                let bits = |lanes: &[Lanes<f64>]| -> Vec<_> {
                    lanes.iter().flat_map(|l| l.0.map(f64::to_bits)).collect()
                };
                assert_eq!(bits(&found.1), bits(&expected.1), "{model:?} {firing:?} {shape:?}: currents");
                assert_eq!(bits(&found.2), bits(&expected.2), "{model:?} {firing:?} {shape:?}: states");
            }
        }
    }
}

#[test]
fn buffers_are_what_a_forward_pass_takes() {
    let neuron = Neuron::new(NeuronModel::Lif);
    let forms = [Interpolation::Linear, Interpolation::Gaussian];
    let forms = forms.map(|interpolation| Some(Delayed { max_delay: 5, interpolation, spread: 0.5 }));
    for (batch, units) in [(70, 9), (16, 4), (3, 1)] {
        let shape = SequenceShape { steps: 12, batch, units };
        let (input, alpha) = (vec![0.5; shape.len()], ndarray::Array1::from_elem(units, 0.9));
        let (weight, delay) = (Array2::ones((units, units)), Array2::from_elem((units, units), 1.5));
        for (form, looks_up) in forms.into_iter().chain([None]).flat_map(|f| [(f, false), (f, true)]) {
            let mut pool = Pool::<f64>::default();
            let recurrent = Synapse::new(&*weight, form.map(|form| (&*delay, form)));
            let forward = RecurrentForward {
                neuron: &neuron,
                parameters: &[alpha.view()],
                recurrent,
                shape,
                drives: None,
                input: &input,
                output: &mut vec![0.0; shape.len()],
                pool: &mut pool,
            };
            let _ = forward.run(Keep::Recording, looks_up);
            let scratch = buffers::of_forward(1, shape, recurrent.form(), looks_up);
            let expected = buffers::kept(1, shape).and(scratch);
            assert_eq!(pool.allocated_bytes(), expected.bytes::<f64>(), "{shape:?}, {form:?}, {looks_up}");
        }
    }
}
