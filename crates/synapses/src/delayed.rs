//! The one place that chooses how a delayed layer is computed.

use crate::block::{BlockSynapse, Signals};
use crate::dense::by_block;
use crate::interpolation::{Interpolation, Taps};
use crate::samples::Samples;
use crate::smooth;
use crate::steps::{Direction, StepLine, StepSynapses};
use crate::stream::DelayLine;
use crate::table::Synapses;
use crate::two_tap;
use crate::wide::{self, Shape};
use colearn_tape::{
    Buffers, Pool, Real, Sequence, SequenceShape, SequenceVar, Signal, StepBuffers, Tape, Var,
};
use ndarray::{Array3, ArrayD, ArrayRef2, ArrayRef3};

/// A delayed synapse: largest delay, and how real delays are spread over lags.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delayed<F> {
    /// Largest delay D in steps; stored delays are clamped to [0, D] when used. At least 1.
    pub max_delay: usize,
    /// How a real delay becomes whole lags.
    pub interpolation: Interpolation,
    /// Spread σ in steps; see [`Interpolation`] for what uses it.
    pub spread: F,
}

impl<F: Real> Delayed<F> {
    /// The same synapse with delays rounded to whole steps.
    #[must_use]
    pub fn rounded(self) -> Self {
        Self { interpolation: Interpolation::Whole, ..self }
    }

    fn shape(self) -> Shape<F> {
        Shape { interpolation: self.interpolation, spread: self.spread, max_delay: self.max_delay }
    }

    /// Records the layer: x (T, B, I), weight and delay (I, J) to y (T, B, J); x and y are both arrays or both sequences
    /// ([`Signal`]).
    ///
    /// # Panics
    /// If the shapes do not fit, or the largest delay is zero.
    #[track_caller]
    pub fn record<S: Signal>(self, tape: &mut Tape<F>, x: S, weight: Var, delay: Var) -> S {
        let x = x.enter(tape);
        let y = self.record_sequence(tape, x, weight, delay);
        S::leave(y, tape)
    }

    #[track_caller]
    fn record_sequence(self, tape: &mut Tape<F>, x: SequenceVar, weight: Var, delay: Var) -> SequenceVar {
        match self.interpolation {
            Interpolation::Linear => two_tap::record(tape, x, weight, delay, self.max_delay, Taps::Two),
            Interpolation::Whole => two_tap::record(tape, x, weight, delay, self.max_delay, Taps::One),
            Interpolation::Smoothed => {
                let y = two_tap::record(tape, x, weight, delay, self.max_delay, Taps::Two);
                if self.spread == F::zero() {
                    return y;
                }
                let smoothed = smooth::record(tape, y, self.spread);
                tape.forget(y.var);
                smoothed
            }
            Interpolation::Triangle | Interpolation::Gaussian => {
                wide::record(tape, x, weight, delay, self.shape())
            }
        }
    }

    /// The buffers that a recorded layer from the units of `shape` to J = `outputs` takes in a training step, beside what
    /// goes in, which is of the kind `input`, and comes out.
    #[must_use]
    pub fn buffers(self, shape: SequenceShape, input: Signals, outputs: usize) -> StepBuffers {
        let two_tap = |taps| two_tap::buffers::<F>((shape, input), outputs, self.max_delay, taps);
        match self.interpolation {
            Interpolation::Linear => two_tap(Taps::Two),
            Interpolation::Whole => two_tap(Taps::One),
            Interpolation::Smoothed => {
                let mut of_layer = two_tap(Taps::Two);
                if self.spread > F::zero() {
                    // The sums before they are smoothed, and the gradient of these.
                    let of_sums = shape.with_units(outputs);
                    let sums = Buffers::sequence(of_sums);
                    let smooth = smooth::buffers(of_sums, self.spread);
                    of_layer.again = of_layer.again.and(sums.clone());
                    of_layer.forward = of_layer.forward.or(smooth.forward);
                    of_layer.backward = of_layer.backward.or(smooth.backward).and(sums);
                }
                of_layer
            }
            Interpolation::Triangle | Interpolation::Gaussian => {
                let mut of_layer = wide::buffers((shape.units, outputs), self.max_delay);
                if input == Signals::Spikes {
                    // As floats.
                    of_layer.kept = of_layer.kept.and(Buffers::sequence(shape));
                }
                of_layer
            }
        }
    }

    /// The layer's output (T, B, J) for x (T, B, I), without a tape.
    ///
    /// # Panics
    /// If the shapes do not fit, or the largest delay is zero.
    #[track_caller]
    pub fn forward(
        self,
        x: &ArrayRef3<F>,
        weight: &ArrayRef2<F>,
        delay: &ArrayRef2<F>,
        pool: &mut Pool<F>,
    ) -> Array3<F> {
        Sequence::over_array(x, pool, |x, pool| self.forward_sequence(x, weight, delay, pool))
    }

    /// [`Delayed::forward`] of a sequence.
    ///
    /// # Panics
    /// If the shapes do not fit, or the largest delay is zero.
    #[track_caller]
    pub fn forward_sequence(
        self,
        x: &Sequence<F>,
        weight: &ArrayRef2<F>,
        delay: &ArrayRef2<F>,
        pool: &mut Pool<F>,
    ) -> Sequence<F> {
        let two_tap = |taps, pool: &mut Pool<F>| {
            two_tap::forward_sequence(x, weight, delay, self.max_delay, taps, pool)
        };
        match self.interpolation {
            Interpolation::Linear => two_tap(Taps::Two, pool),
            Interpolation::Whole => two_tap(Taps::One, pool),
            Interpolation::Smoothed => {
                let y = two_tap(Taps::Two, pool);
                if self.spread == F::zero() {
                    return y;
                }
                let smoothed = smooth::forward_sequence(&y, self.spread, pool);
                y.recycle(pool);
                smoothed
            }
            Interpolation::Triangle | Interpolation::Gaussian => {
                wide::forward_sequence(x, weight, delay, self.shape(), pool)
            }
        }
    }

    /// The layer over blocks of sixteen samples; `None` where the kernel has more than two taps.
    ///
    /// # Panics
    /// If the shapes of weight and delay differ, or the largest delay is zero.
    #[must_use]
    #[track_caller]
    pub fn block(
        self,
        weight: &ArrayRef2<F>,
        delay: &ArrayRef2<F>,
        signals: Signals,
        pool: &mut Pool<F>,
    ) -> Option<BlockSynapse<F>> {
        assert_eq!(weight.dim(), delay.dim(), "delayed synapse: shapes of weight and delay");
        assert!(self.max_delay > 0, "a delayed synapse needs a largest delay of at least one step");
        let is_smoothed = self.interpolation == Interpolation::Smoothed && self.spread != F::zero();
        let taps = self.taps().filter(|_| !is_smoothed)?;
        let synapses = Synapses { weight, delay, max_delay: self.max_delay, taps };
        Some(BlockSynapse::new(synapses, signals, pool))
    }

    /// The layer one step at a time. [`Interpolation::Smoothed`] looks ahead and is streamed without its smoothing.
    ///
    /// # Panics
    /// If the shapes of weight and delay differ.
    #[must_use]
    #[track_caller]
    pub fn stream(self, weight: &ArrayRef2<F>, delay: &ArrayRef2<F>) -> DelayLine<F> {
        DelayLine::new(weight, delay, self.max_delay, self.interpolation, self.spread)
    }

    /// ∂L/∂W and ∂L/∂d (I, J), those that are `wanted`, of a layer that read the sequence x, for g = ∂L/∂y; of whole delays
    /// there is no second one. For smoothed delays with a spread, g is that of the sums before they are smoothed.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn correlate(
        self,
        x: &Sequence<F>,
        g: &[F],
        (weight, delay): (&ArrayRef2<F>, &ArrayRef2<F>),
        wanted: [bool; 2],
        pool: &mut Pool<F>,
    ) -> [Option<ArrayD<F>>; 2] {
        let shape = x.shape();
        two_tap::assert_shapes(shape, weight, delay);
        let of_g = shape.with_units(weight.ncols());
        assert_eq!(g.len(), of_g.len(), "delayed synapse: gradient of a sequence {of_g:?}");
        if let Some(taps) = self.taps() {
            let synapses = Synapses { weight, delay, max_delay: self.max_delay, taps };
            let x = (Samples::of_floats(x.values()), shape);
            return two_tap::correlate(x, (g, of_g), synapses, wanted, None, pool);
        }
        let x = by_block(x.values(), shape);
        self.shape().correlate(&x, &by_block(g, of_g), (weight, delay), wanted, pool)
    }

    /// The buffers that [`Delayed::correlate`] takes for an input of this shape and J = `outputs`, beside what it returns.
    #[must_use]
    pub fn correlation_buffers(self, shape: SequenceShape, outputs: usize) -> Buffers {
        match self.taps() {
            Some(_) => two_tap::correlation_buffers::<F>(shape, outputs, self.max_delay),
            None => Buffers::values((self.max_delay + 1) * shape.units * outputs),
        }
    }

    /// Taps of a kernel that has at most two.
    fn taps(self) -> Option<Taps> {
        match self.interpolation {
            Interpolation::Whole => Some(Taps::One),
            Interpolation::Linear | Interpolation::Smoothed => Some(Taps::Two),
            Interpolation::Triangle | Interpolation::Gaussian => None,
        }
    }

    /// The synapses between the N units of one layer, weight and delay (N, N), step by step.
    ///
    /// # Panics
    /// If the shapes do not fit, the largest delay is zero, or delays are smoothed with a spread: that looks ahead.
    #[must_use]
    #[track_caller]
    pub fn steps(
        self,
        weight: &ArrayRef2<F>,
        delay: &ArrayRef2<F>,
        direction: Direction,
        pool: &mut Pool<F>,
    ) -> StepSynapses<F> {
        StepSynapses::new(self.shape(), weight, delay, direction, pool)
    }

    /// The buffers that [`Delayed::steps`] takes for N = `units`, and the lanes of a history.
    #[must_use]
    pub fn step_buffers(self, units: usize) -> (Buffers, usize) {
        StepSynapses::buffers(self.shape(), units)
    }

    /// As [`Delayed::steps`], of one sample.
    ///
    /// # Panics
    /// As [`Delayed::steps`].
    #[must_use]
    #[track_caller]
    pub fn step_line(self, weight: &ArrayRef2<F>, delay: &ArrayRef2<F>) -> StepLine<F> {
        StepLine::new(self.shape(), weight, delay)
    }
}
