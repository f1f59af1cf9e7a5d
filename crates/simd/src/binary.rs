//! Weighted sums of binary signals, by table instead of by multiplication.
//!
//! ```text
//! y_o[t] = Σ_i w[o, i] · s_i[t − lag[o, i]],   s ∈ {0, 1}
//! ```
//!
//! Four signals at one moment are four bits, and their weighted sum is one of sixteen numbers. (So are two signals at two
//! neighbouring steps, which is what interpolated delays need.) A register of AVX-512
//! holds them, and one instruction looks sixteen samples up at once: a shuffle and an addition take the place of four
//! multiply-adds and their four loads of 64 bytes. Signals are kept as bytes, so that the four are brought
//! together by OR, 64 samples and steps at a time, each with its own lag.
//!
//! On one core of a Zen 4 it takes 0.19 ns for sixteen samples of one synapse, where multiply-adds take 0.42 (0.28
//! without their loads). AVX2 looks one of four numbers up, so that the same codes are read in two pairs: two look-ups and
//! two additions for four signals and eight samples. NEON looks bytes up, from which numbers are put together: as many
//! instructions as multiply-adds, so that it does so only where it is told to. The plain target has no such instruction.

mod product;
mod sums;

pub use product::{BinaryProduct, binary_codes, binary_table};

use crate::real::Forms;
use crate::sets::{InstructionSet, Token};
use crate::{LANES, Lanes, Real};
use std::marker::PhantomData;

/// Bits of a table's place: the signals of a group times the steps that each is read at.
pub const TABLE_BITS: usize = 4;

/// Steps that are summed in registers: the number of steps must be a multiple of it.
pub const BINARY_STEPS: usize = 20;

/// One step of one signal for sixteen samples. With `M` signals a group, signal i has 4/M bits of each byte from bit
/// 4/M · (i mod M) on: whether it is 1 at this step, and at the step before. All other bits are 0.
pub type Code = [u8; LANES];

/// Sums over signals, in groups of `M`, for some outputs and steps. See the module for the equation. Four signals a group
/// have one weight each; two have one for the step that their lag says and one for the step before it.
#[derive(Debug)]
pub struct BinarySums<'a, F, const M: usize> {
    /// Codes of the signals, `stride` steps each, one signal after the other.
    pub codes: &'a [Code],
    /// Steps of a signal.
    pub stride: usize,
    /// The step of a signal that an output's first step reads at lag 0; no smaller than any lag.
    pub now: usize,
    /// Weights, output after output, group after group, in the order of the bits.
    pub weights: &'a [[F; TABLE_BITS]],
    /// Lags in the same order, one a signal.
    pub lags: &'a [[u32; M]],
    /// Steps of an output, a multiple of [`BINARY_STEPS`].
    pub steps: usize,
    /// The sums, output after output; what was there is written over.
    pub sums: &'a mut [Lanes<F>],
}

/// Whether this machine looks products of binary signals without lags ([`BinaryProduct`]) up faster than it multiplies.
#[must_use]
pub fn looks_up<F: Real>() -> bool {
    F::SINGLE && InstructionSet::best().tuning().looks_up
}

/// The same of sums with lags ([`BinarySums`]), which save loads as well.
#[must_use]
pub fn looks_up_lagged<F: Real>() -> bool {
    F::SINGLE && InstructionSet::best().tuning().looks_up_lagged
}

impl<F: Real, const M: usize> BinarySums<'_, F, M> {
    /// Runs with the best instruction set of this machine.
    ///
    /// # Panics
    /// If lengths do not fit each other, or a lag is larger than `now`.
    pub fn run(self) {
        self.run_with(Token::best());
    }

    /// Runs with a given instruction set: for tests that compare the sets.
    ///
    /// # Panics
    /// If this machine does not have the set, lengths do not fit each other, or a lag is larger than `now`.
    pub fn run_on(self, set: InstructionSet) {
        self.run_with(Token::of(set));
    }

    fn run_with(self, with: Token) {
        assert!(
            self.steps > 0 && self.steps.is_multiple_of(BINARY_STEPS),
            "{} steps of binary sums",
            self.steps
        );
        assert!(self.now + self.steps <= self.stride, "binary sums: steps of the outputs and of the signals");
        assert_eq!(self.codes.len(), self.groups() * M * self.stride, "binary sums: codes of all signals");
        assert_eq!(self.weights.len(), self.lags.len(), "binary sums: weights and lags");
        F::call::<SumsOn<'_, M>>((with, self));
    }

    fn groups(&self) -> usize {
        self.codes.len() / (M * self.stride)
    }

    /// The equation as it stands.
    fn plain(self) {
        let groups = self.groups();
        let Self { codes, stride, now, weights, lags, steps, sums } = self;
        for (output, sums) in sums.chunks_exact_mut(steps).enumerate() {
            sums.fill(Lanes::default());
            let range = output * groups..(output + 1) * groups;
            for (group, (w, lags)) in weights[range.clone()].iter().zip(&lags[range]).enumerate() {
                for (t, sum) in sums.iter_mut().enumerate() {
                    let row = |k: usize| &codes[(group * M + k) * stride + now + t - lags[k] as usize];
                    let rows: [&Code; M] = std::array::from_fn(row);
                    for (lane, sum) in sum.0.iter_mut().enumerate() {
                        let code = rows.iter().fold(0, |code, row| code | row[lane]);
                        let part = |k: usize| if code >> k & 1 == 1 { w[k] } else { F::zero() };
                        *sum += part(0) + part(1) + part(2) + part(3);
                    }
                }
            }
        }
    }
}

/// [`BinarySums`] on a set that this machine has.
struct SumsOn<'a, const M: usize>(PhantomData<&'a ()>);

impl<'a, const M: usize> Forms for SumsOn<'a, M> {
    type Arguments<F: Real> = (Token, BinarySums<'a, F, M>);
    type Output<F: Real> = ();

    fn single((with, of): (Token, BinarySums<'a, f32, M>)) {
        with.run(of);
    }

    fn double((_, of): (Token, BinarySums<'a, f64, M>)) {
        of.plain();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of 32 bits that repeat.
    fn numbers() -> impl FnMut() -> u32 {
        let mut state = 1u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(state >> 32).expect("32 bits")
        }
    }

    /// Sums by every set this machine has, beside the sums of the equation in `f64`.
    fn compare<F: Real, const M: usize>(groups: usize, outputs: usize, steps: usize, pad: u32, bound: f64) {
        let mut number = numbers();
        let (taps, stride, now) = (TABLE_BITS / M, pad as usize + steps, pad as usize);
        // A step more than the codes': what the first one has before it.
        let rows = stride + 1;
        let spikes: Vec<bool> = (0..groups * M * rows * LANES).map(|_| number().is_multiple_of(5)).collect();
        let spike = |i: usize, row: usize, lane: usize| spikes[(i * rows + row) * LANES + lane];
        let code = |i: usize, row: usize| -> Code {
            std::array::from_fn(|lane| {
                let bit = |tap: usize| u8::from(spike(i, row + 1 - tap, lane)) << (i % M * taps + tap);
                (0..taps).map(bit).sum()
            })
        };
        let codes: Vec<Code> = (0..groups * M)
            .flat_map(|i| (0..stride).map(move |row| (i, row)))
            .map(|(i, row)| code(i, row))
            .collect();
        let weight = |_| F::of(f64::from(number()) * 0.5f64.powi(32) - 0.5);
        let weights: Vec<F> = (0..outputs * groups * TABLE_BITS).map(weight).collect();
        let (weights, _) = weights.as_chunks::<TABLE_BITS>();
        let lags: Vec<u32> = (0..outputs * groups * M).map(|_| number() % (pad + 1)).collect();
        let (lags, _) = lags.as_chunks::<M>();
        let expected = |output: usize, step: usize, lane: usize| -> f64 {
            let mut sum = 0.0;
            for i in 0..groups * M {
                let group = output * groups + i / M;
                for tap in 0..taps {
                    let row = now + step + 1 - lags[group][i % M] as usize - tap;
                    let weight = weights[group][i % M * taps + tap].as_f64();
                    sum += if spike(i, row, lane) { weight } else { 0.0 };
                }
            }
            sum
        };
        for set in InstructionSet::available() {
            let mut sums = vec![Lanes::splat(F::of(7.0)); outputs * steps];
            BinarySums::<F, M> { codes: &codes, stride, now, weights, lags, steps, sums: &mut sums }
                .run_on(set);
            for (place, row) in sums.iter().enumerate() {
                for (lane, &found) in row.0.iter().enumerate() {
                    let expected = expected(place / steps, place % steps, lane);
                    assert!(
                        (found.as_f64() - expected).abs() <= bound,
                        "{set:?} output {} step {} sample {lane}: {found} against {expected}",
                        place / steps,
                        place % steps
                    );
                }
            }
        }
    }

    #[test]
    fn every_set_looks_up_what_the_equation_sums() {
        compare::<f32, 4>(1, 2, 20, 0, 1e-6);
        compare::<f32, 2>(1, 2, 20, 0, 1e-6);
        compare::<f32, 4>(0, 2, 20, 3, 0.0);
        if cfg!(miri) {
            // It is ten thousand times slower, and knows no set that goes by blocks of groups.
            return compare::<f64, 2>(2, 1, 20, 3, 1e-13);
        }
        // More groups than a block.
        compare::<f32, 4>(11, 3, 40, 7, 1e-5);
        compare::<f32, 2>(19, 3, 40, 7, 1e-5);
        compare::<f64, 4>(9, 2, 20, 25, 1e-13);
        compare::<f64, 2>(9, 2, 20, 25, 1e-13);
    }

    #[test]
    #[should_panic(expected = "codes of all signals")]
    fn codes_of_too_few_signals_are_refused() {
        let mut sums = [Lanes::splat(0.0f32); 20];
        let of = BinarySums::<f32, 4> {
            codes: &[[0; LANES]; 60],
            stride: 20,
            now: 0,
            weights: &[[0.0; TABLE_BITS]],
            lags: &[[0; 4]],
            steps: 20,
            sums: &mut sums,
        };
        of.run();
    }
}
