//! What run-time dispatch is worth: one kernel with every instruction set of this machine.
//!
//! `cargo run --release -p colearn-simd --example instruction_sets` prints billions of multiply-adds per second, the
//! median of seven runs on one core, for a sum of scaled blocks of sixteen samples: the inner loop of a synapse.

#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use colearn_simd::{InstructionSet, Kernel, LANES, Lanes, Level, dispatch_to};
use std::time::Instant;

const BLOCK: usize = 10;
const ROWS: usize = 256;
const ROUNDS: usize = 4_000;

struct Sum<'a> {
    rows: &'a [Lanes<f32>],
    weights: &'a [f32],
    sums: &'a mut [Lanes<f32>; BLOCK],
}

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for round in 0..ROUNDS {
            let mut sums = *self.sums;
            for (start, &weight) in self.weights.iter().enumerate() {
                let rows = &self.rows[(start + round) % (ROWS - BLOCK)..][..BLOCK];
                for s in 0..BLOCK {
                    sums[s] = sums[s].scaled::<L>(weight, &rows[s]);
                }
            }
            *self.sums = sums;
        }
    }
}

fn main() {
    let rows = vec![Lanes::splat(0.5f32); ROWS];
    let weights: Vec<f32> = (0..64).map(|k| 1e-3 * k as f32).collect();
    let work = (ROUNDS * weights.len() * BLOCK * LANES) as f64;
    for set in InstructionSet::available() {
        let mut seconds: Vec<f64> = (0..8)
            .map(|_| {
                let mut sums = [Lanes::default(); BLOCK];
                let start = Instant::now();
                dispatch_to(set, Sum { rows: &rows, weights: &weights, sums: &mut sums });
                std::hint::black_box(sums[0].total());
                start.elapsed().as_secs_f64()
            })
            .skip(1)
            .collect();
        seconds.sort_by(f64::total_cmp);
        let rate = |k: usize| work / seconds[k] / 1e9;
        println!(
            "{set:?}: {:.1} billion multiply-adds per second ({:.1} to {:.1})",
            rate(3),
            rate(6),
            rate(0)
        );
    }
}
