//! What run-time dispatch is worth: one kernel with every instruction set of this machine.
//!
//! `cargo run --release -p colearn-simd --example instruction_sets` prints billions of multiply-adds per second, the
//! median of 31 runs on one core: sums of scaled rows, the inner loop of a synapse.

#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use colearn_simd::{InstructionSet, MultiplyAdds};
use std::time::Instant;

fn main() {
    for set in InstructionSet::available() {
        let work = MultiplyAdds::new(set);
        let mut seconds: Vec<f64> = (0..32)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(work.run());
                start.elapsed().as_secs_f64()
            })
            .skip(1)
            .collect();
        seconds.sort_by(f64::total_cmp);
        let rate = |k: usize| work.count() as f64 / seconds[k] / 1e9;
        println!(
            "{set:?}: {:.1} billion multiply-adds per second ({:.1} to {:.1})",
            rate(15),
            rate(30),
            rate(0)
        );
    }
}
