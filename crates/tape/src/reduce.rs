//! Sums over the parts of a batch, for training that is shared out over threads, processes or machines.
//!
//! Each part has a tape of its own and records its share of the samples. What one tape would have summed over the whole
//! batch is then summed over the parts, by a [`Reduce`]: the gradients
//! ([`Tape::reduce_gradients`](crate::Tape::reduce_gradients)), and inside an operation whatever mixes samples, like the
//! statistics of batch normalisation and their gradients. A tape without a [`Part`] records the whole batch, and nothing is
//! asked for or added.
//!
//! ```
//! use colearn_tape::{Part, Reduce, Tape, ThreadParts};
//! use std::sync::Arc;
//! use std::thread;
//!
//! let samples = [1.0, 2.0, 4.0];
//! let shares = [0..2, 2..3]; // of the samples
//! let gradients = thread::scope(|scope| {
//!     let parts = ThreadParts::new(2).into_iter().zip(&shares);
//!     let threads = parts.map(|(reduce, share)| scope.spawn(move || {
//!         let reduce: Arc<dyn Reduce> = Arc::new(reduce);
//!         let mut tape = Tape::<f64>::new();
//!         tape.set_part(Some(Part { reduce, samples: share.clone(), of: 3 }));
//!         let x = tape.leaf(&ndarray::arr1(&[0.5]));
//!         let own = tape.scale(x, samples[share.clone()].iter().sum());
//!         let loss = tape.sum(own);
//!         tape.backward(loss);
//!         tape.reduce_gradients(&[x]);
//!         tape.gradient(x).unwrap()[0]
//!     }));
//!     threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
//! });
//! assert_eq!(gradients, [7.0, 7.0]); // the same in both parts
//! ```

use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Adds numbers over all parts.
///
/// All parts call [`Reduce::sum`] equally often, in the same order and with as many values: an operation sums where it
/// is recorded and where it is pulled back, never where only some parts come by. The values are `f64` whatever the
/// network computes in, and are added in the order of the ranks, ((v₀ + v₁) + v₂) + …, so that every part, and every run,
/// gets the same bits; a sum in an order of the machine's own choice does not fulfil this.
pub trait Reduce: Debug + Send + Sync {
    /// Number of parts, at least 1.
    fn parts(&self) -> usize;

    /// Which of the parts this is, from 0.
    fn rank(&self) -> usize;

    /// Replaces `values` by their sums over all parts.
    ///
    /// # Panics
    /// If a part is gone, or came with another number of values: whoever waits for it must not wait for ever.
    fn sum(&self, values: &mut [f64]);
}

/// The only part there is: every sum is its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Reduce for Alone {
    fn parts(&self) -> usize {
        1
    }

    fn rank(&self) -> usize {
        0
    }

    fn sum(&self, _values: &mut [f64]) {}
}

/// A tape's share of a batch.
#[derive(Debug, Clone)]
pub struct Part {
    /// Adds over the parts.
    pub reduce: Arc<dyn Reduce>,
    /// Which samples of the batch the tape records.
    pub samples: Range<usize>,
    /// Samples of the whole batch.
    pub of: usize,
}

impl Part {
    /// This part's share of the samples, 0 to 1: what its mean loss counts for in that of the batch.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.samples.len() as f64 / self.of.max(1) as f64
    }
}

/// Parts on threads of one process, each with a pool of rayon of its own: a part that waits keeps its thread from other
/// work, so parts that share a pool could wait for each other.
#[derive(Debug)]
pub struct ThreadParts {
    rank: usize,
    meeting: Arc<Meeting>,
}

/// Where parts bring their values and wait for the sum.
#[derive(Debug)]
struct Meeting {
    round: Mutex<Round>,
    changed: Condvar,
}

#[derive(Debug)]
struct Round {
    /// What each part has brought.
    brought: Vec<Option<Vec<f64>>>,
    /// The sum, once all have brought theirs, and how many have taken it.
    sum: Option<Vec<f64>>,
    taken: usize,
    /// Whether a part has ended.
    gone: bool,
}

impl ThreadParts {
    /// One for each of `parts` threads, in the order of their ranks.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn new(parts: usize) -> Vec<Self> {
        assert!(parts > 0, "a batch has at least one part");
        let round = Round { brought: vec![None; parts], sum: None, taken: 0, gone: false };
        let meeting = Arc::new(Meeting { round: Mutex::new(round), changed: Condvar::new() });
        (0..parts).map(|rank| Self { rank, meeting: Arc::clone(&meeting) }).collect()
    }
}

impl Meeting {
    fn lock(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` holds. Without it while all parts are there, somebody will still come.
    fn until<'a>(
        &'a self,
        mut round: MutexGuard<'a, Round>,
        ready: impl Fn(&Round) -> bool,
    ) -> MutexGuard<'a, Round> {
        while !ready(&round) {
            assert!(!round.gone, "another part of the batch has ended; expected it to bring its values");
            round = self.changed.wait(round).unwrap_or_else(PoisonError::into_inner);
        }
        round
    }
}

impl Reduce for ThreadParts {
    fn parts(&self) -> usize {
        self.meeting.lock().brought.len()
    }

    fn rank(&self) -> usize {
        self.rank
    }

    fn sum(&self, values: &mut [f64]) {
        let meeting = &*self.meeting;
        // The others may not have taken the sum before yet.
        let mut round = meeting.until(meeting.lock(), |round| round.sum.is_none());
        round.brought[self.rank] = Some(values.to_vec());
        if round.brought.iter().all(Option::is_some) {
            let sum = in_order(round.brought.iter_mut().filter_map(Option::take));
            round.sum = Some(sum);
            meeting.changed.notify_all();
        }
        let mut round = meeting.until(round, |round| round.sum.is_some());
        let sum = round.sum.as_ref().expect("waited for");
        assert_eq!(sum.len(), values.len(), "values of the parts of a batch");
        values.copy_from_slice(sum);
        round.taken += 1;
        if round.taken == round.brought.len() {
            (round.sum, round.taken) = (None, 0);
            meeting.changed.notify_all();
        }
    }
}

impl Drop for ThreadParts {
    fn drop(&mut self) {
        self.meeting.lock().gone = true;
        self.meeting.changed.notify_all();
    }
}

/// The sum of lists that are equally long, in their order; shorter than its first list where one is shorter.
fn in_order(mut lists: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    let mut sum = lists.next().unwrap_or_default();
    for list in lists {
        sum.truncate(list.len());
        sum.iter_mut().zip(&list).for_each(|(sum, x)| *sum += x);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    /// What each of `count` parts returns.
    fn in_parts<R: Send>(count: usize, of_part: impl Fn(ThreadParts) -> R + Sync) -> Vec<R> {
        thread::scope(|scope| {
            let of_part = &of_part;
            let threads: Vec<_> =
                ThreadParts::new(count).into_iter().map(|part| scope.spawn(move || of_part(part))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        })
    }

    #[test]
    fn sums_are_in_the_order_of_the_ranks_round_after_round() {
        // In another order the small number survives, or the result is another one.
        let of_rank = [1e16, 1.0, -1e16, 3.0];
        let expected = ((1e16 + 1.0) - 1e16) + 3.0;
        for count in 1..=of_rank.len() {
            let expected: f64 = of_rank[..count].iter().sum();
            let found = in_parts(count, |part| {
                (0..100)
                    .map(|round| {
                        let mut values = [of_rank[part.rank()], f64::from(round)];
                        part.sum(&mut values);
                        assert!((values[1] - f64::from(round) * count as f64).abs() < 1e-9);
                        values[0].to_bits()
                    })
                    .collect::<Vec<_>>()
            });
            assert!(found.iter().flatten().all(|&bits| bits == expected.to_bits()), "{count} parts");
        }
        assert_eq!(of_rank.iter().sum::<f64>().to_bits(), f64::to_bits(expected));
    }

    #[test]
    fn nobody_waits_for_a_part_that_is_gone() {
        let found = in_parts(3, |part| {
            if part.rank() == 1 {
                return String::new();
            }
            let panic = catch_unwind(AssertUnwindSafe(|| part.sum(&mut [1.0]))).expect_err("it cannot sum");
            (*panic.downcast_ref::<&str>().expect("a text")).to_owned()
        });
        assert_eq!(found[1], "");
        for rank in [0, 2] {
            assert!(found[rank].starts_with("another part of the batch has ended"), "{:?}", found[rank]);
        }
    }

    #[test]
    fn the_only_part_keeps_its_bits() {
        let mut values = [f64::NAN, -0.0, 0.1];
        let before = values.map(f64::to_bits);
        Alone.sum(&mut values);
        assert_eq!(values.map(f64::to_bits), before);
        assert_eq!((Alone.parts(), Alone.rank()), (1, 0));
    }
}
