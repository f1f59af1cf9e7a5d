//! Each synapse's taps as a run of neighbouring lags, and where a ring has their rows.

use super::Direction;
use crate::interpolation::{GAUSSIAN_FLOOR, Interpolation, Taps, taps};
use crate::table::Synapses;
use crate::wide::Shape;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{Lanes, Real};
use ndarray::ArrayRef2;
use rayon::prelude::*;

/// Sizes of a table and of a history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    /// N.
    pub(super) units: usize,
    /// Taps of a run.
    pub(super) width: usize,
    /// Steps that a ring holds, a power of two: D + 1 or more.
    slots: usize,
}

impl Runs {
    #[track_caller]
    pub(super) fn of<F: Real>(form: Shape<F>, units: usize) -> Self {
        let looks_ahead = form.interpolation == Interpolation::Smoothed && form.spread != F::zero();
        assert!(!looks_ahead, "a recurrent synapse that looks ahead: smoothed delays with a spread");
        assert!(form.max_delay > 0, "a delayed synapse needs a largest delay of at least one step");
        let lags = form.max_delay + 1;
        let reach = |steps: F| steps.ceil().to_usize().unwrap_or(lags).min(lags);
        let width = match form.interpolation {
            Interpolation::Whole => 1,
            Interpolation::Linear | Interpolation::Smoothed => 2,
            // A triangle without spread is linear interpolation; one more where rounding widens it.
            Interpolation::Triangle if form.spread == F::zero() => 2,
            Interpolation::Triangle => reach(F::of(2.0) * (F::one() + form.spread.abs())) + 1,
            Interpolation::Gaussian => {
                // Beyond this e^(−x²/2w²) is zero even as a number without leading digit.
                let smallest = -F::min_positive_value().ln() + F::of(40.0);
                let width = form.spread.abs() + F::of(GAUSSIAN_FLOOR);
                2 * reach((F::of(2.0) * smallest).sqrt() * width) + 1
            }
        };
        Self { units, width: width.min(lags), slots: lags.next_power_of_two() }
    }

    /// From one unit's ring to the next. One row more than it needs: rings whose length is a power of two would all want
    /// the same places of the cache.
    #[inline(always)]
    pub(super) fn stride(self) -> usize {
        self.slots + 1
    }

    /// Rows of all rings.
    #[inline(always)]
    pub(super) fn history(self) -> usize {
        self.units * self.stride()
    }

    /// Where a ring has the row of `step`, which may lie before the first one.
    #[inline(always)]
    pub(super) fn slot(self, step: usize) -> usize {
        step & (self.slots - 1)
    }

    /// The ring of unit `unit`.
    #[inline(always)]
    pub(super) fn rows<F>(self, history: &[Lanes<F>], unit: usize) -> &[Lanes<F>] {
        &history[unit * self.stride()..][..self.slots]
    }
}

/// Rows of a table that a task fills.
const TASK_ROWS: usize = 8;

/// Fills a table: a row for each unit that sums, with the runs of its synapses.
#[track_caller]
pub(super) fn fill<F: Real>(
    form: Shape<F>,
    (weight, delay): (&ArrayRef2<F>, &ArrayRef2<F>),
    direction: Direction,
    width: usize,
    (taps, first): (&mut [F], &mut [u32]),
) {
    let units = weight.nrows();
    assert_eq!([weight.dim(), delay.dim()], [(units, units); 2], "recurrent synapse: weight and delay");
    let task = (TASK_ROWS * units).max(1);
    let parts = taps.par_chunks_mut(task * width).zip(first.par_chunks_mut(task)).enumerate();
    parts.for_each(|(k, (taps, first))| {
        let of_taps = if form.interpolation == Interpolation::Whole { Taps::One } else { Taps::Two };
        let synapses = Synapses { weight, delay, max_delay: form.max_delay, taps: of_taps };
        dispatch(Fill { form, synapses, direction, start: k * TASK_ROWS, width, taps, first });
    });
}

/// Some rows of a table.
struct Fill<'a, F> {
    form: Shape<F>,
    synapses: Synapses<'a, F>,
    direction: Direction,
    /// The first of the rows.
    start: usize,
    width: usize,
    taps: &'a mut [F],
    first: &'a mut [u32],
}

impl<F: Real> Kernel for Fill<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { form, synapses, direction, start, width, taps: to, first } = self;
        let units = synapses.weight.nrows();
        let is_wide = matches!(form.interpolation, Interpolation::Triangle | Interpolation::Gaussian);
        let mut kappa = vec![F::zero(); if is_wide { form.max_delay + 1 } else { 0 }];
        let mut slopes = kappa.clone();
        for (place, (run, first)) in to.chunks_exact_mut(width).zip(first).enumerate() {
            let (row, column) = (start + place / units, place % units);
            let (i, j) = if direction == Direction::Forward { (column, row) } else { (row, column) };
            if i == j {
                run.fill(F::zero());
                *first = 0;
            } else if is_wide {
                let used = synapses.delay[[i, j]].max(F::zero()).min(F::of(form.max_delay as f64));
                taps(form.interpolation, used, form.spread, &mut kappa, &mut slopes);
                let lag =
                    kappa.iter().position(|&tap| tap != F::zero()).unwrap_or(0).min(kappa.len() - width);
                debug_assert!(kappa[lag + width..].iter().all(|&tap| tap == F::zero()), "a run too short");
                for (to, &tap) in run.iter_mut().zip(&kappa[lag..]) {
                    *to = synapses.weight[[i, j]] * tap;
                }
                *first = u32::try_from(lag).expect("delays are far shorter than 2³² steps");
            } else {
                let (near, far, lag) = synapses.taps(i, j);
                (run[0], *first) = (near, lag);
                if let Some(last) = run.get_mut(1) {
                    *last = far;
                }
            }
        }
    }
}
