//! Both forms against products of matrices.

use super::*;
use crate::SequenceShape;
use colearn_simd::EVENT_COLUMNS;
use ndarray::{Array2, Array3};

fn matrix(rows: usize, columns: usize, phase: f64) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, k)| ((i * 31 + k) as f64 * 0.7 + phase).sin())
}

/// Blocks of different numbers.
fn dense((blocks, columns): (usize, usize), rows: usize, phase: f64) -> Array3<f64> {
    Array3::from_shape_fn((blocks, rows, columns), |(b, i, k)| {
        ((i * 31 + k + b * 17) as f64 * 0.7 + phase).sin()
    })
}

/// A signal with this share of events, about.
fn signal(blocks: (usize, usize), rows: usize, share: f64) -> Array3<f64> {
    dense(blocks, rows, 0.0).mapv(|x| if x.abs() < share { x * 3.0 } else { 0.0 })
}

const FORMS: [Form; 2] = [Form::Dense, Form::Events];

/// A pool whose buffers for such products hold NaN.
fn dirty(inputs: usize, outputs: usize, blocks: (usize, usize)) -> Pool<f64> {
    let mut pool = Pool::default();
    let nan = |rows| Array3::from_elem((blocks.0, rows, blocks.1), f64::NAN);
    let weight = Array2::from_elem((inputs, outputs), f64::NAN);
    for form in FORMS {
        let (signal, mut sums) = (nan(inputs), nan(outputs));
        over_rows(form, &weight, &signal, &mut sums, &mut pool);
        over_columns(form, &signal, &sums, &mut weight.clone(), &mut pool);
    }
    pool
}

#[test]
fn scratch_is_what_products_take() {
    let sizes = [
        (3, 16, (1, 700)),
        (5, 35, (1, 5 * EVENT_COLUMNS + 1)),
        (2, 7, (1, 2 * COLUMNS + 3)),
        (1, 2, (1, 400 * EVENT_COLUMNS)),
        (2, 5, (8, 1600)),
        (2, 5, (70, 160)),
        (1, 3, (3, 7 * EVENT_COLUMNS + 2)),
    ];
    for (form, (inputs, outputs, blocks)) in FORMS.into_iter().flat_map(|f| sizes.map(|size| (f, size))) {
        let (signal, weight) = (signal(blocks, inputs, 0.3), matrix(inputs, outputs, 1.0));
        let (mut sums, mut gradient) = (dense(blocks, outputs, 2.0), weight.clone());
        let mut pools = [Pool::default(), Pool::default()];
        over_rows(form, &weight, &signal, &mut sums, &mut pools[0]);
        over_columns(form, &signal, &sums, &mut gradient, &mut pools[1]);
        let expected = scratch(form, inputs, outputs, blocks).map(|scratch| scratch.bytes::<f64>());
        assert_eq!(
            pools.map(|pool| pool.allocated_bytes()),
            expected,
            "{form:?} {inputs} {outputs} {blocks:?}"
        );
    }
}

#[test]
fn the_product_over_columns_is_the_product_whatever_their_number() {
    let one = [0, 1, EVENT_COLUMNS, COLUMNS - 1, COLUMNS, COLUMNS + 7, 2 * COLUMNS + 1].map(|c| (1, c));
    for blocks in one.into_iter().chain([(5, 32), (3, COLUMNS + 5), (2, 6 * EVENT_COLUMNS), (131, 16)]) {
        for (form, outputs) in FORMS.into_iter().flat_map(|form| [5, 16, 35].map(|n| (form, n))) {
            let (left, right) = (signal(blocks, 3, 0.3), dense(blocks, outputs, 1.0));
            let mut found = Array2::ones((3, outputs));
            over_columns(form, &left, &right, &mut found, &mut dirty(3, outputs, blocks));
            let each = left.outer_iter().zip(right.outer_iter());
            let expected =
                each.fold(Array2::zeros((3, outputs)), |sum, (left, right)| sum + left.dot(&right.t()));
            approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-10);
        }
    }
    for form in FORMS {
        let (none, some) = (Array3::<f64>::zeros((1, 0, 4)), Array3::zeros((1, 2, 4)));
        over_columns(form, &none, &some, &mut Array2::zeros((0, 2)), &mut Pool::default());
        over_columns(form, &some, &none, &mut Array2::zeros((2, 0)), &mut Pool::default());
    }
}

#[test]
fn the_product_over_rows_is_the_product_in_both_forms() {
    let edges = [EVENT_COLUMNS - 1, EVENT_COLUMNS, EVENT_COLUMNS + 1];
    let one = [0, 1, 5 * EVENT_COLUMNS + 1, 2 * TASK_COLUMNS + 3].into_iter().chain(edges).map(|c| (1, c));
    for blocks in one.chain([(3, 48), (2, TASK_COLUMNS + 3), (0, 16), (131, 16)]) {
        for (form, outputs) in FORMS.into_iter().flat_map(|form| [0, 1, 16, 35].map(|n| (form, n))) {
            for inputs in [0, 7] {
                let (weight, signal) = (matrix(inputs, outputs, 2.0), signal(blocks, inputs, 0.2));
                let mut found = Array3::ones((blocks.0, outputs, blocks.1));
                over_rows(form, &weight, &signal, &mut found, &mut dirty(inputs, outputs, blocks));
                for (found, signal) in found.outer_iter().zip(signal.outer_iter()) {
                    approx::assert_abs_diff_eq!(found, weight.t().dot(&signal), epsilon = 1e-12);
                }
            }
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    for blocks in [(1, 2 * COLUMNS + 1), (7, 1600)] {
        let (signal, right) = (signal(blocks, 40, 0.3), dense(blocks, 20, 1.0));
        let run = |threads: usize, form: Form| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (mut gradient, mut sums) = (Array2::zeros((40, 20)), right.clone());
                over_columns(form, &signal, &right, &mut gradient, &mut Pool::default());
                over_rows(form, &gradient, &signal, &mut sums, &mut Pool::default());
                (gradient, sums)
            })
        };
        for form in FORMS {
            assert_eq!(run(1, form), run(3, form), "{form:?}");
        }
    }
}

#[test]
fn spikes_are_multiplied_as_the_floats_they_stand_for() {
    for (steps, batch) in [(7, 21), (40, 3), (150, 33)] {
        let shape = SequenceShape { steps, batch, units: 5 };
        let pool = &mut Pool::default();
        let mut spikes = Spikes::taken(shape, 1.25, pool);
        for (k, word) in spikes.words_mut().iter_mut().enumerate() {
            let samples = shape.samples(k / (steps * 5));
            let fired = |lane: &usize| (k * 7 + lane * 11 + k * lane % 13).is_multiple_of(6);
            *word = (0..samples).filter(fired).fold(0, |word, lane| word | 1 << lane);
        }
        let floats = spikes.to_sequence(pool);
        let blocks = (shape.blocks(), shape.unit_len());
        let floats = ArrayView3::from_shape((blocks.0, 5, blocks.1), floats.values()).unwrap();
        let (weight, right) = (matrix(5, 19, 1.0), dense(blocks, 19, 2.0));
        let (mut found, mut expected) = (right.clone(), right.clone());
        spikes_over_rows(&weight, &spikes, &mut found, pool);
        over_rows(Form::Events, &weight, &floats, &mut expected, pool);
        assert_eq!(found, expected);
        let (mut found, mut expected) = (weight.clone(), weight.clone());
        spikes_over_columns(&spikes, &right, &mut found, pool);
        over_columns(Form::Events, &floats, &right, &mut expected, pool);
        assert_eq!(found, expected);
        assert_eq!(Form::of_spikes(&spikes), Form::Events);
        spikes.words_mut().fill(u16::MAX);
        assert_eq!(Form::of_spikes(&spikes), Form::Dense);
    }
}

#[test]
fn rows_that_are_not_contiguous_are_refused_in_both_forms() {
    for form in FORMS {
        let refused = std::panic::catch_unwind(|| {
            let (left, right) = (signal((1, 4), 9, 0.3), dense((1, 9), 3, 1.0));
            let left = left.view().permuted_axes([0, 2, 1]);
            over_columns(form, &left, &right, &mut Array2::zeros((4, 3)), &mut Pool::default());
        });
        assert!(refused.is_err(), "{form:?}");
    }
}

#[test]
#[should_panic(expected = "the shape of a product over rows")]
fn a_result_with_more_columns_is_refused() {
    dense_over_rows(&matrix(2, 3, 0.0), &dense((1, 1600), 3, 1.0), &mut Array3::zeros((1, 2, 3200)));
}

#[test]
fn rows_of_a_wider_signal_are_taken_as_they_are() {
    let (left, right) = (signal((2, 300), 4, 0.3), dense((2, 300), 20, 1.0));
    let (left, right) = (left.slice(s![.., .., ..290]), right.slice(s![.., .., 10..]));
    for form in FORMS {
        let mut found = Array2::zeros((4, 20));
        over_columns(form, &left, &right, &mut found, &mut Pool::default());
        let each = left.outer_iter().zip(right.outer_iter());
        let expected = each.fold(Array2::zeros((4, 20)), |sum, (left, right)| sum + left.dot(&right.t()));
        approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
    }
}

#[test]
fn events_are_taken_where_they_are_few() {
    for (percent, form) in [(0, Form::Events), (25, Form::Events), (50, Form::Dense), (100, Form::Dense)] {
        let signal: Vec<f64> = (0..40_000).map(|k| f64::from(k % 100 < percent)).collect();
        assert_eq!(Form::of(&signal), form, "{percent} %");
    }
    assert_eq!(Form::of::<f32>(&[]), Form::Dense);
    // Units that begin in silence, of a length that is a power of two.
    let late: Vec<f32> = (0..64 * 2048).map(|k| if k % 2048 < 256 { 0.0 } else { 1.0 }).collect();
    assert_eq!(Form::of(&late), Form::Dense);
}
