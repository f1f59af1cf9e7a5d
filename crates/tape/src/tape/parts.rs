//! A tape that records a part of a batch.

use super::{Tape, Var};
use crate::{Part, Real};

impl<F: Real> Tape<F> {
    /// Says that what is recorded from now on is a part of a batch; `None`, as at the beginning: the whole batch.
    pub fn set_part(&mut self, part: Option<Part>) {
        self.part = part;
    }

    /// The part of the batch that is recorded; `None`: all of it.
    #[must_use]
    pub fn part(&self) -> Option<&Part> {
        self.part.as_ref()
    }

    /// Where this tape records a part of a batch: replaces the gradients of `leaves` by their sums over all parts, with one
    /// call of [`crate::Reduce::sum`]. Each part's loss is then its share of the batch's ([`Part::weight`]). A leaf that
    /// only some parts have a gradient of gets the others' sum.
    ///
    /// # Panics
    /// If a variable belongs to another tape or an earlier recording, or as [`crate::Reduce::sum`].
    #[track_caller]
    pub fn reduce_gradients(&mut self, leaves: &[Var]) {
        let Some(part) = &self.part else { return };
        let mut values = Vec::new();
        for &leaf in leaves {
            let node = &self.nodes[self.index(leaf)];
            let Some(gradient) = &node.gradient else {
                values.resize(values.len() + 1 + node.value.len(), 0.0);
                continue;
            };
            values.push(1.0);
            values.extend(gradient.iter().map(|g| g.as_f64()));
        }
        part.reduce.sum(&mut values);
        let mut rest = &values[..];
        for &leaf in leaves {
            let index = self.index(leaf);
            let Self { nodes, pool, .. } = &mut *self;
            let node = &mut nodes[index];
            let (sums, after) = rest[1..].split_at(node.value.len());
            if rest[0] > 0.0 {
                let gradient = node.gradient.get_or_insert_with(|| pool.array_like(&node.value));
                gradient.iter_mut().zip(sums).for_each(|(g, &sum)| *g = F::of(sum));
            }
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reduce, ThreadParts};
    use ndarray::{Array2, ArrayD, arr1};
    use std::sync::Arc;
    use std::thread;

    /// What part `rank` of two leaves with a matrix, in another memory order in one of them, a vector that only part 1
    /// reaches, and a vector that neither does.
    fn gradients(reduce: ThreadParts) -> [Option<ArrayD<f32>>; 3] {
        let rank = reduce.rank();
        let mut tape = Tape::<f32>::new();
        tape.set_part(Some(Part { reduce: Arc::new(reduce), samples: rank..rank + 1, of: 2 }));
        let values = Array2::from_shape_fn((2, 3), |(i, j)| (1 + 2 * i + j + 10 * rank) as f32);
        let matrix =
            if rank == 0 { tape.leaf(&values) } else { tape.leaf(&values.t().as_standard_layout().t()) };
        let (second, third) = (tape.leaf(&arr1(&[5.0, 7.0])), tape.leaf(&arr1(&[1.0])));
        let square = tape.square(matrix);
        let mut loss = tape.sum(square);
        if rank == 1 {
            let sum = tape.sum(second);
            loss = tape.add(loss, sum);
        }
        tape.backward(loss);
        tape.reduce_gradients(&[matrix, second, third]);
        [matrix, second, third].map(|leaf| tape.gradient(leaf).cloned())
    }

    #[test]
    fn every_part_gets_the_sum_of_all_gradients() {
        let found = thread::scope(|scope| {
            let threads: Vec<_> =
                ThreadParts::new(2).into_iter().map(|part| scope.spawn(|| gradients(part))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        let expected = Array2::from_shape_fn((2, 3), |(i, j)| 2.0 * (2 * (1 + 2 * i + j) + 10) as f32);
        for of_part in found {
            assert_eq!(of_part[0].as_ref(), Some(&expected.clone().into_dyn()));
            assert_eq!(of_part[1].as_ref(), Some(&arr1(&[1.0, 1.0]).into_dyn()));
            assert_eq!(of_part[2], None, "nobody reaches it");
        }
    }

    #[test]
    fn a_tape_of_the_whole_batch_keeps_its_gradients() {
        let mut tape = Tape::<f32>::new();
        let x = tape.leaf(&arr1(&[0.1, 0.2]));
        let loss = tape.sum(x);
        tape.backward(loss);
        let before = tape.gradient(x).cloned();
        tape.reduce_gradients(&[x]);
        assert_eq!(tape.gradient(x).cloned(), before);
        assert!(tape.part().is_none());
    }
}
