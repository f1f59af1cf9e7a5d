//! As many multiply-adds as a core can do: what kernels are compared with.

use crate::{ALIGN_ROOM, InstructionSet, Kernel, Level, aligned, dispatch_to, scaled};

/// Sums kept in registers: more than multiply-adds are under way at once, and few enough to leave room for operands.
const SUMS: usize = 10;

/// Rows that the sums read, in the first-level cache.
const ROWS: usize = 128;

const ROUNDS: usize = if cfg!(miri) { 1 } else { 1_000 };

/// Sums of scaled rows in `f32`, as wide as the registers of the instruction set: sums stay in registers, rows come from the
/// first-level cache.
#[derive(Debug)]
pub struct MultiplyAdds {
    set: InstructionSet,
    rows: Vec<f32>,
}

impl MultiplyAdds {
    /// Operands for one instruction set.
    #[must_use]
    pub fn new(set: InstructionSet) -> Self {
        Self { set, rows: vec![0.5; ROWS * set.width() + ALIGN_ROOM] }
    }

    /// Multiply-adds of one [`run`](Self::run).
    #[must_use]
    pub fn count(&self) -> usize {
        ROUNDS * (ROWS - SUMS + 1) * SUMS * self.set.width()
    }

    /// Does them on this thread and returns the sum of all: a quarter of their number.
    ///
    /// # Panics
    /// If this machine does not have the instruction set.
    #[must_use]
    pub fn run(&self) -> f32 {
        match self.set.width() {
            16 => self.run_in_rows::<16>(),
            8 => self.run_in_rows::<8>(),
            4 => self.run_in_rows::<4>(),
            width => unreachable!("registers of {width} numbers"),
        }
    }

    fn run_in_rows<const N: usize>(&self) -> f32 {
        let mut sums = [[0.0; N]; SUMS];
        let (rows, _) = aligned(&self.rows).as_chunks();
        dispatch_to(self.set, AddRows { rows, weight: std::hint::black_box(0.5), sums: &mut sums });
        sums.as_flattened().iter().sum()
    }
}

struct AddRows<'a, const N: usize> {
    rows: &'a [[f32; N]],
    weight: f32,
    sums: &'a mut [[f32; N]; SUMS],
}

impl<const N: usize> Kernel for AddRows<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let mut sums = *self.sums;
        for _ in 0..ROUNDS {
            for rows in self.rows[..ROWS].windows(SUMS) {
                for s in 0..SUMS {
                    sums[s] = scaled::<f32, L, N>(sums[s], self.weight, &rows[s]);
                }
            }
        }
        *self.sums = sums;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_added() {
        for set in InstructionSet::available() {
            let work = MultiplyAdds::new(set);
            assert_eq!(work.run().to_bits(), (work.count() as f32 / 4.0).to_bits(), "{set:?}");
        }
    }
}
