//! Synapses of either kind behind one interface.

use crate::block::{BlockSynapse, Signals};
use crate::stream::DelayLine;
use crate::{Delayed, dense};
use colearn_tape::{Pool, Real, Sequence, SequenceShape, Signal, StepBuffers, Tape, Var};
use ndarray::{ArrayRef2, ArrayView2};

/// The synapses that lead to a layer, with or without delays. `M` stands for a matrix (I, J): a variable of a tape to record
/// them, values to run them, nothing to ask what they take.
///
/// ```
/// use colearn_synapses::{Delayed, Interpolation, Synapse};
/// use ndarray::arr2;
///
/// let (weight, delay) = (arr2(&[[2.0]]), arr2(&[[1.0]]));
/// let form = Delayed { max_delay: 4, interpolation: Interpolation::Whole, spread: 0.0 };
/// let one_step_later = Synapse::new(&*weight, Some((&*delay, form)));
/// let at_once = Synapse::new(&*weight, None);
/// let currents = [one_step_later, at_once].map(|synapse| {
///     let (mut line, mut current) = (synapse.stream(), [0.0f64]);
///     line.step(&[1.0], &mut current);
///     current[0]
/// });
/// assert_eq!(currents, [0.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Synapse<F, M> {
    /// No delays.
    Dense {
        /// W.
        weight: M,
    },
    /// A delay each.
    Delayed {
        /// W.
        weight: M,
        /// d, in steps.
        delay: M,
        /// How delays are used.
        form: Delayed<F>,
    },
}

impl<F, M> Synapse<F, M> {
    /// Synapses of this weight, and of this delay if there is one.
    pub fn new(weight: M, delay: Option<(M, Delayed<F>)>) -> Self {
        match delay {
            None => Self::Dense { weight },
            Some((delay, form)) => Self::Delayed { weight, delay, form },
        }
    }

    /// W.
    pub fn weight(&self) -> &M {
        let (Self::Dense { weight } | Self::Delayed { weight, .. }) = self;
        weight
    }

    /// Its matrices, W first.
    pub fn matrices(&self) -> impl Iterator<Item = &M> {
        let delay = match self {
            Self::Dense { .. } => None,
            Self::Delayed { delay, .. } => Some(delay),
        };
        std::iter::once(self.weight()).chain(delay)
    }

    /// The same synapses with `other` in place of each matrix, W first.
    pub fn map<N>(self, mut other: impl FnMut(M) -> N) -> Synapse<F, N> {
        match self {
            Self::Dense { weight } => Synapse::Dense { weight: other(weight) },
            Self::Delayed { weight, delay, form } => {
                Synapse::Delayed { weight: other(weight), delay: other(delay), form }
            }
        }
    }

    /// The same synapses without their matrices.
    pub fn form(&self) -> Synapse<F, ()>
    where
        F: Copy,
    {
        match *self {
            Self::Dense { .. } => Synapse::Dense { weight: () },
            Self::Delayed { form, .. } => Synapse::Delayed { weight: (), delay: (), form },
        }
    }
}

impl<F: Real> Synapse<F, Var> {
    /// Records the layer: x (T, B, I) to y (T, B, J), both arrays or both sequences ([`Signal`]).
    ///
    /// # Panics
    /// If the shapes do not fit, or a largest delay is zero.
    #[track_caller]
    pub fn record<S: Signal>(self, tape: &mut Tape<F>, x: S) -> S {
        match self {
            Self::Dense { weight } => dense::record(tape, x, weight),
            Self::Delayed { weight, delay, form } => form.record(tape, x, weight, delay),
        }
    }
}

impl<F: Real> Synapse<F, &ArrayRef2<F>> {
    /// The layer's output (T, B, J) for the sequence x (T, B, I), without a tape.
    ///
    /// # Panics
    /// If the shapes do not fit, or a largest delay is zero.
    #[must_use]
    #[track_caller]
    pub fn forward_sequence(self, x: &Sequence<F>, pool: &mut Pool<F>) -> Sequence<F> {
        match self {
            Self::Dense { weight } => dense::forward_sequence(x, weight, pool),
            Self::Delayed { weight, delay, form } => form.forward_sequence(x, weight, delay, pool),
        }
    }

    /// The layer over blocks of sixteen samples of `signals`; `None` where a kernel has more than two taps.
    ///
    /// # Panics
    /// If the shapes of weight and delay differ, or a largest delay is zero.
    #[must_use]
    #[track_caller]
    pub fn block(self, signals: Signals, pool: &mut Pool<F>) -> Option<BlockSynapse<F>> {
        match self {
            Self::Dense { weight } => Some(BlockSynapse::without_delays(weight, signals, pool)),
            Self::Delayed { weight, delay, form } => form.block(weight, delay, signals, pool),
        }
    }

    /// The layer one step at a time; smoothed delays without their smoothing.
    ///
    /// # Panics
    /// If the shapes of weight and delay differ.
    #[must_use]
    #[track_caller]
    pub fn stream(self) -> DelayLine<F> {
        match self {
            Self::Dense { weight } => DelayLine::dense(weight),
            Self::Delayed { weight, delay, form } => form.stream(weight, delay),
        }
    }
}

impl<F: Real> Synapse<F, ArrayView2<'_, F>> {
    /// With references in place of views: what runs.
    pub fn by_ref(&self) -> Synapse<F, &ArrayRef2<F>> {
        match self {
            Self::Dense { weight } => Synapse::Dense { weight },
            Self::Delayed { weight, delay, form } => Synapse::Delayed { weight, delay, form: *form },
        }
    }
}

impl<F: Real> Synapse<F, ()> {
    /// The buffers that a recorded layer from the units of `shape` to J = `outputs` takes in a training step, beside what
    /// goes in, which is of the kind `input`, and comes out.
    #[must_use]
    pub fn buffers(self, shape: SequenceShape, input: Signals, outputs: usize) -> StepBuffers {
        match self {
            Self::Dense { .. } => dense::buffers(shape, input, outputs),
            Self::Delayed { form, .. } => form.buffers(shape, input, outputs),
        }
    }
}
