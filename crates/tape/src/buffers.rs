//! What operations will take from a [`crate::Pool`], counted without taking it: memory is predicted from shapes alone.
//!
//! An operation has a function beside it that names its buffers ([`StepBuffers`]), in the words in which it takes them.
//! Whoever predicts a step adds up what is held at once ([`Buffers::and`]) and takes the larger of what is held one after
//! the other ([`Buffers::or`]): the pool hands a buffer out again to whoever asks for the same kind and length, and to
//! nobody else.

use crate::{LANES, SequenceShape};
use colearn_simd::ALIGN_ROOM;
use std::collections::BTreeMap;

/// What a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Values,
    Lanes,
    Indices,
}

/// Numbers of buffers by kind and length, as [`crate::Pool`] keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    counts: BTreeMap<(Kind, usize), usize>,
}

impl Buffers {
    /// No buffer.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    fn one(kind: Kind, len: usize) -> Self {
        Self { counts: BTreeMap::from([((kind, len), 1)]) }
    }

    /// What [`crate::Pool::take`] takes for `len` values.
    #[must_use]
    pub fn values(len: usize) -> Self {
        Self::one(Kind::Values, len)
    }

    /// What [`crate::Pool::take_lanes`] takes for `len` blocks of lanes.
    #[must_use]
    pub fn lanes(len: usize) -> Self {
        Self::one(Kind::Lanes, len)
    }

    /// What [`crate::Pool::take_indices`] takes for `len` indices.
    #[must_use]
    pub fn indices(len: usize) -> Self {
        Self::one(Kind::Indices, len)
    }

    /// What [`crate::Pool::array`] and [`crate::Pool::array_like`] take for `len` numbers, or an operation that finds a
    /// line of the cache in a buffer.
    #[must_use]
    pub fn array(len: usize) -> Self {
        Self::values(len + ALIGN_ROOM)
    }

    /// What [`crate::Sequence::taken`] takes.
    #[must_use]
    pub fn sequence(shape: SequenceShape) -> Self {
        Self::array(shape.len())
    }

    /// What [`crate::Spikes::taken`] takes.
    #[must_use]
    pub fn spikes(shape: SequenceShape) -> Self {
        Self::words(shape.len() / LANES)
    }

    /// What [`crate::Pool::take_indices`] takes for so many words of sixteen bits.
    #[must_use]
    pub fn words(len: usize) -> Self {
        Self::indices(len.div_ceil(2))
    }

    /// These and `others` at once.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        for (key, count) in others.counts {
            *self.counts.entry(key).or_default() += count;
        }
        self
    }

    /// These, and `others` when these have been given back, or in their place.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        for (key, count) in others.counts {
            let most = self.counts.entry(key).or_default();
            *most = count.max(*most);
        }
        self
    }

    /// Bytes that a pool of `F` has allocated when it lent them.
    #[must_use]
    pub fn bytes<F>(&self) -> usize {
        let size = |kind| match kind {
            Kind::Values => size_of::<F>(),
            Kind::Lanes => LANES * size_of::<F>(),
            Kind::Indices => size_of::<u32>(),
        };
        self.counts.iter().map(|(&(kind, len), &count)| size(kind) * len * count).sum()
    }
}

/// The buffers of an operation in a training step, beside its inputs, its output and their gradients, which whoever
/// records it counts. Where they depend on data, the machine or threads, those of the worst case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepBuffers {
    /// From the forward pass to the backward pass, of a tape that does not recompute what is in [`StepBuffers::again`].
    pub kept: Buffers,
    /// Kept too, but computed once more in the backward pass by a tape that recomputes ([`crate::Tape::set_recompute`]).
    pub again: Buffers,
    /// Scratch of the forward pass.
    pub forward: Buffers,
    /// Scratch of the backward pass.
    pub backward: Buffers,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pool;

    /// A pool lends what is named, and has allocated what is predicted.
    #[test]
    fn buffers_are_what_a_pool_allocates() {
        let mut pool = Pool::<f32>::default();
        let held =
            (pool.array(&[3, 5]), pool.take(7), pool.take(7), pool.take_lanes(4), pool.take_indices(9));
        let shape = SequenceShape { steps: 3, batch: 17, units: 5 };
        let spikes = crate::Spikes::taken(shape, 1.0, &mut pool);
        let mut expected =
            Buffers::array(15).and(Buffers::spikes(shape)).and(Buffers::values(7)).and(Buffers::values(7));
        expected = expected.and(Buffers::lanes(4)).and(Buffers::indices(9));
        assert_eq!(pool.allocated_bytes(), expected.bytes::<f32>());

        spikes.recycle(&mut pool);
        // Given back, they are lent again: three of one length are one more, lanes of that length are others.
        let (array, first, second, lanes, indices) = held;
        pool.give(array);
        pool.give_vec(first);
        pool.give_vec(second);
        pool.give_lanes(lanes);
        pool.give_indices(indices);
        let _held = ([0; 3].map(|_| pool.take(7)), pool.take_lanes(7));
        let seven = || Buffers::values(7);
        let expected = expected.or(seven().and(seven()).and(seven()).and(Buffers::lanes(7)));
        assert_eq!(pool.allocated_bytes(), expected.bytes::<f32>());
        assert_eq!(Buffers::none().bytes::<f64>(), 0);
        assert_eq!(Buffers::values(2).or(Buffers::lanes(1)).bytes::<f64>(), 18 * 8);
    }
}
