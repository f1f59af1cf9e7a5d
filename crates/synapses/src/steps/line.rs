//! One sample, one step at a time.

use super::Direction;
use super::runs::{Runs, fill};
use crate::wide::Shape;
use colearn_tape::Real;
use colearn_tape::simd::{Kernel, Level, dispatch};
use ndarray::ArrayRef2;

/// The synapses between the units of a layer, with what the units sent lately, of one sample.
#[derive(Clone, Debug)]
pub struct StepLine<F> {
    /// (from, to, length of a run).
    taps: Vec<F>,
    /// (from, to).
    first: Vec<u32>,
    runs: Runs,
    /// (unit, slot).
    history: Vec<F>,
    /// Steps since each unit sent something, as many as its ring has slots if that is longer ago.
    silent: Vec<usize>,
    /// Steps so far.
    step: usize,
    /// Whether zero times each tap is a zero.
    finite: bool,
}

impl<F: Real> StepLine<F> {
    /// Of weight and delay (N, N).
    pub(crate) fn new(form: Shape<F>, weight: &ArrayRef2<F>, delay: &ArrayRef2<F>) -> Self {
        let runs = Runs::of(form, weight.nrows());
        let synapses = runs.units * runs.units;
        let (mut taps, mut first) = (vec![F::zero(); synapses * runs.width], vec![0; synapses]);
        // A row for each unit that sends, so that what one of them adds lies side by side.
        fill(form, (weight, delay), Direction::Backward, runs.width, (&mut taps, &mut first));
        let finite = taps.iter().all(|tap| tap.is_finite());
        let history = vec![F::zero(); runs.history()];
        let mut line = Self { taps, first, runs, history, silent: vec![0; runs.units], step: 0, finite };
        line.reset();
        line
    }

    /// Adds this step's sums of what the units sent before to `current` (N). At the first step there is nothing.
    ///
    /// # Panics
    /// If there are not N currents.
    #[track_caller]
    pub fn add_to(&self, current: &mut [F]) {
        assert_eq!(current.len(), self.runs.units, "currents of {} units", self.runs.units);
        if self.step > 0 {
            dispatch(Add { line: self, current });
        }
    }

    /// Takes what the units (N) sent in this step.
    ///
    /// # Panics
    /// If there are not N outputs.
    #[track_caller]
    pub fn push(&mut self, outputs: &[F]) {
        assert_eq!(outputs.len(), self.runs.units, "outputs of {} units", self.runs.units);
        let slot = self.runs.slot(self.step);
        let rings = self.history[slot..].iter_mut().step_by(self.runs.stride());
        for ((to, silent), &output) in rings.zip(&mut self.silent).zip(outputs) {
            *to = output;
            *silent = if output == F::zero() { silent.saturating_add(1) } else { 0 };
        }
        self.step += 1;
    }

    /// Forgets everything that was sent.
    pub fn reset(&mut self) {
        self.history.fill(F::zero());
        self.silent.fill(usize::MAX);
        self.step = 0;
    }
}

/// [`StepLine::add_to`]. Zeros of silent units are left out where that changes no bit: a zero changes −0 alone, and zero
/// times a tap is a zero if the tap is finite.
struct Add<'a, F> {
    line: &'a StepLine<F>,
    current: &'a mut [F],
}

impl<F: Real> Kernel for Add<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { line, current } = self;
        let Runs { units, width, .. } = line.runs;
        let all = !line.finite || current.iter().any(|x| x.is_zero() && x.is_sign_negative());
        for i in 0..units {
            if !all && line.silent[i] >= line.runs.stride() {
                continue;
            }
            let ring = &line.history[i * line.runs.stride()..][..line.runs.stride()];
            let taps = line.taps[i * units * width..][..units * width].chunks_exact(width);
            let synapses = taps.zip(&line.first[i * units..(i + 1) * units]);
            for (sum, (taps, &first)) in current.iter_mut().zip(synapses) {
                for (k, &tap) in taps.iter().enumerate() {
                    let sent = ring[line.runs.slot((line.step - 1).wrapping_sub(first as usize + k))];
                    *sum = L::multiply_add(tap, sent, *sum);
                }
            }
        }
    }
}
