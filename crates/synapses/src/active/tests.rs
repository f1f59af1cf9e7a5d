//! Counts and lists against the rows themselves.

use super::counts::Count;
use super::*;
use colearn_tape::simd::{InstructionSet, dispatch_to, word_of_row};

/// Unit 1 is silent.
fn values(shape: SequenceShape) -> Vec<f64> {
    let spike = |k: usize| {
        let (row, unit) = (k / shape.block_len() * LANES, k / shape.unit_len() % shape.units);
        k * k % 101 < 9 && unit != 1 && row + k % LANES < shape.batch
    };
    (0..shape.len()).map(|k| if spike(k) { 1.0 + k as f64 } else { 0.0 }).collect()
}

/// Steps and rows.
fn listed(active: &Active<f64>, unit: usize, group: usize) -> Vec<(usize, Row<f64>)> {
    match active.of(unit, group) {
        Listed::Floats(rows) => rows.iter().collect(),
        Listed::Spikes(rows) => rows.iter().collect(),
    }
}

/// The words of a signal of one amplitude.
fn words(values: &[f64]) -> Vec<Word> {
    values.as_chunks().0.iter().map(word_of_row).collect()
}

#[test]
fn spikes_are_counted_and_listed_as_the_floats_they_stand_for() {
    for batch in [1, 8, 16, 21, 24] {
        let shape = SequenceShape { steps: 2 * MARK_STEPS + 3, batch, units: 4 };
        let values: Vec<f64> = values(shape).into_iter().map(|x| if x == 0.0 { 0.0 } else { 1.25 }).collect();
        let words = words(&values);
        let of = |values: Samples<'_, f64>, busy: &dyn Fn(usize) -> bool| {
            let pool = &mut Pool::default();
            let counts = Counts::new(values, shape, pool);
            let active = Active::new(values, shape, &counts, busy, pool);
            let shares: Vec<_> = (0..4).map(|unit| (counts.share(unit), counts.amplitude(unit))).collect();
            let places = (0..4).flat_map(|unit| (0..batch.div_ceil(GROUP)).map(move |group| (unit, group)));
            let rows: Vec<_> = places
                .map(|(unit, group)| {
                    let until = [0, 7, MARK_STEPS, 33].map(|end| active.count_until(unit, group, end));
                    (listed(&active, unit, group), until)
                })
                .collect();
            (shares, rows)
        };
        let floats = of(Samples::of_floats(&values), &|unit| unit != 2);
        assert!(floats.1.iter().any(|(rows, _)| !rows.is_empty()));
        assert_eq!(of(Samples::Spikes(&words, 1.25), &|unit| unit != 2), floats, "{batch}");
    }
}

#[test]
fn active_rows_hold_every_entry_that_is_not_zero_and_none_is_empty() {
    for batch in [1, 8, 16, 21, 24] {
        let shape = SequenceShape { steps: 7, batch, units: 4 };
        let values = values(shape);
        let pool = &mut Pool::default();
        let counts = Counts::new(Samples::of_floats(&values), shape, pool);
        let active = Active::new(Samples::of_floats(&values), shape, &counts, |unit| unit != 2, pool);
        let mut rebuilt = vec![0.0; values.len()];
        let mut rows_of_unit = vec![0; shape.units];
        for (unit, count) in rows_of_unit.iter_mut().enumerate() {
            for group in 0..batch.div_ceil(GROUP) {
                let rows = listed(&active, unit, group);
                assert!(rows.iter().map(|row| row.0).is_sorted() && rows.iter().all(|row| is_active(&row.1)));
                *count += rows.len();
                for (step, row) in rows {
                    let (block, half) = (group / 2, group % 2);
                    let at = block * shape.block_len() + unit * shape.unit_len() + step * LANES;
                    rebuilt[at + half * GROUP..][..GROUP].copy_from_slice(&row);
                }
            }
        }
        assert_eq!(rows_of_unit[2], 0);
        let unlisted = |k: usize| k / shape.unit_len() % shape.units == 2;
        let expected: Vec<f64> =
            values.iter().enumerate().map(|(k, &x)| if unlisted(k) { 0.0 } else { x }).collect();
        assert_eq!(rebuilt, expected, "{batch}");
        let share = rows_of_unit[3] as f64 / (shape.steps * batch.div_ceil(GROUP)) as f64;
        assert!((counts.share(3) - share).abs() < 1e-12 && counts.share(1) == 0.0);
    }
}

#[test]
fn rows_until_a_step_are_those_before_it_and_few_more() {
    let shape = SequenceShape { steps: 3 * MARK_STEPS + 5, batch: 19, units: 4 };
    let (values, steps) = (values(shape), shape.steps);
    let pool = &mut Pool::default();
    let counts = Counts::new(Samples::of_floats(&values), shape, pool);
    let active = Active::new(Samples::of_floats(&values), shape, &counts, |_| true, pool);
    for (unit, group) in (0..shape.units).flat_map(|unit| [(unit, 0), (unit, 2)]) {
        let listed = listed(&active, unit, group);
        let before = |end: usize| listed.iter().filter(|(step, _)| *step < end).count();
        for end in 0..=steps {
            let found = active.count_until(unit, group, end).min(listed.len());
            let most = before(end.next_multiple_of(MARK_STEPS));
            assert!((before(end)..=most).contains(&found), "unit {unit}, step {end}: {found}");
        }
    }
}

#[test]
fn an_amplitude_is_the_one_value_that_is_not_zero() {
    let shape = SequenceShape { steps: 3, batch: 11, units: 1 };
    let amplitude = |at: &[(usize, f32)]| {
        let mut values = vec![0.0; shape.len()];
        for &(k, x) in at {
            values[k / shape.batch * LANES + k % shape.batch] = x;
        }
        Counts::new(Samples::of_floats(&values), shape, &mut Pool::default()).amplitude(0)
    };
    assert_eq!(amplitude(&[(3, 1.25), (10, 1.25), (32, 1.25)]), Some(1.25));
    assert_eq!(amplitude(&[]), None);
    for other in [1.5, -1.25, 1e-30, f32::NAN, f32::INFINITY] {
        assert_eq!(amplitude(&[(3, 1.25), (10, other)]), None, "{other}");
        assert_eq!(amplitude(&[(3, 1.25), (4, other), (32, 1.25)]), None, "{other}");
    }
    for alone in [f32::NAN, f32::INFINITY, -1.0] {
        assert_eq!(amplitude(&[(9, alone)]), None, "{alone}");
    }
}

#[test]
fn every_instruction_set_counts_and_fills_alike() {
    let shape = SequenceShape { steps: 9, batch: 21, units: 1 };
    let values = values(shape);
    let unit = Unit { values: Samples::of_floats(&values), shape, n: 0 };
    let run = |set, every| {
        let mut counts = [0; 3];
        let amplitude = dispatch_to(set, Count { unit, counts: &mut counts });
        let mut next = [0, 10, 20];
        let (mut places, mut rows, mut marks) = (vec![0; 30], vec![[0.0; GROUP]; 30], vec![0; 3]);
        let (next_places, steps, marked) = (&mut next, &mut places, &mut marks);
        let fill = Fill { unit, every, next: next_places, marks: marked, steps, rows: &mut rows };
        dispatch_to(set, fill);
        (amplitude, counts, next, places, rows, marks)
    };
    for every in [false, true] {
        let expected = run(InstructionSet::Portable, every);
        assert_eq!(expected.2 == [9, 19, 29], every);
        for set in InstructionSet::available() {
            assert_eq!(run(set, every), expected, "{set:?}");
        }
    }
}
