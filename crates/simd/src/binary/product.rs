//! The product of a matrix with binary signals at one and the same moment.
//!
//! ```text
//! y_o += Σ_i w[o, i] · s_i,   s ∈ {0, 1}
//! ```
//!
//! Four signals at a time, as in [`BinarySums`](super::BinarySums), but without lags: the tables are made once and the codes
//! serve all outputs, so that a look-up and an addition are all that four synapses cost.

use super::TABLE_BITS;
use crate::real::Forms;
use crate::sets::{InstructionSet, Instructions, Set, Token};
use crate::{LANES, Lanes, Level, Real};
use bytemuck::{Zeroable, cast};
use std::marker::PhantomData;

/// Added to a code it gives an `f32` whose last bits are the code.
const OFFSET: f64 = (1u64 << 23) as f64;

const _: () = assert!(1 << TABLE_BITS == LANES, "a table fills the lanes");

/// A group's table: all sums of some of its weights, bit k of the place saying whether weight k is among them. They are added in
/// their order.
#[inline(always)]
#[must_use]
pub fn binary_table<F: Real>(weights: [F; TABLE_BITS]) -> Lanes<F> {
    let bit = |place: usize, k: usize| if place >> k & 1 == 1 { F::one() } else { F::zero() };
    Lanes(std::array::from_fn(|place| {
        (1..TABLE_BITS).fold(weights[0] * bit(place, 0), |sum, k| sum + weights[k] * bit(place, k))
    }))
}

/// The codes of a group: each lane tells which of the four signals, each 0 or 1, are 1.
#[inline(always)]
#[must_use]
pub fn binary_codes<F: Real, L: Level>(signals: [&Lanes<F>; TABLE_BITS]) -> Lanes<F> {
    // Added to 2²³ a whole number of single precision has its own last bits.
    let mut codes = Lanes::splat(F::of(OFFSET));
    for (k, signal) in signals.into_iter().enumerate() {
        codes = codes.scaled::<L>(F::of(f64::from(1u32 << k)), signal);
    }
    codes
}

/// Adds the product of a matrix, as tables, with signals, as codes, to some sums. See the module for the equation.
#[derive(Debug)]
pub struct BinaryProduct<'a, F> {
    /// [`binary_table()`]s, output after output, group after group.
    pub tables: &'a [Lanes<F>],
    /// [`binary_codes()`], group after group, each for `width` blocks of samples.
    pub codes: &'a [Lanes<F>],
    /// Blocks of samples.
    pub width: usize,
    /// The sums, output after output, each for `width` blocks of samples.
    pub sums: &'a mut [Lanes<F>],
}

impl<F: Real> BinaryProduct<'_, F> {
    /// Runs with the best instruction set of this machine.
    ///
    /// # Panics
    /// If lengths do not fit each other.
    pub fn run(self) {
        self.check();
        F::call::<ProductOn<'_>>((Token::best(), self));
    }

    /// Runs with a given instruction set: for tests that compare the sets.
    ///
    /// # Panics
    /// If this machine does not have the set, or lengths do not fit each other.
    pub fn run_on(self, set: InstructionSet) {
        self.check();
        F::call::<ProductOn<'_>>((Token::of(set), self));
    }

    fn check(&self) {
        let Self { tables, codes, width, sums } = self;
        assert!(
            *width > 0 && codes.len().is_multiple_of(*width) && sums.len().is_multiple_of(*width),
            "a binary product of {} codes and {} sums, {width} at a time",
            codes.len(),
            sums.len()
        );
        assert_eq!(tables.len(), codes.len() / width * (sums.len() / width), "tables of a binary product");
    }

    fn groups(&self) -> usize {
        self.codes.len() / self.width
    }

    /// The equation as it stands.
    fn plain(self) {
        let groups = self.groups();
        let Self { tables, codes, width, sums } = self;
        for (output, sums) in sums.chunks_exact_mut(width).enumerate() {
            let tables = &tables[output * groups..(output + 1) * groups];
            for (table, codes) in tables.iter().zip(codes.chunks_exact(width)) {
                for (sums, codes) in sums.iter_mut().zip(codes) {
                    for (sum, &code) in sums.0.iter_mut().zip(&codes.0) {
                        let code = (code - F::of(OFFSET)).to_usize().unwrap_or_default();
                        *sum += table.0[code % (1 << TABLE_BITS)];
                    }
                }
            }
        }
    }
}

/// [`BinaryProduct`] on a set that this machine has.
struct ProductOn<'a>(PhantomData<&'a ()>);

impl<'a> Forms for ProductOn<'a> {
    type Arguments<F: Real> = (Token, BinaryProduct<'a, F>);
    type Output<F: Real> = ();

    fn single((with, of): (Token, BinaryProduct<'a, f32>)) {
        with.run(of);
    }

    fn double((_, of): (Token, BinaryProduct<'a, f64>)) {
        of.plain();
    }
}

impl Instructions for BinaryProduct<'_, f32> {
    type Output = ();

    /// Sums in registers: they hide how long an addition takes.
    #[inline(always)]
    fn run<S: Set>(self, with: S) {
        let groups = self.groups();
        let Self { tables, codes, width, sums } = self;
        let tables = |output: usize| &tables[output * groups..(output + 1) * groups];
        let outputs = sums.len() / width;
        if outputs == 0 || groups == 0 {
            return;
        }
        let mut first = 0;
        while first < width {
            let (codes, sums) = (&codes[first..], &mut sums[first..]);
            let taken = match width - first {
                4.. if S::ROWS >= 4 => 4,
                2.. => 2,
                _ => 1,
            };
            let mut output = 0;
            while output < outputs {
                let sums = &mut sums[output * width..];
                let fit = if outputs - output >= S::ROWS / taken { S::ROWS / taken } else { 1 };
                match (fit, taken) {
                    (8, 1) => tile::<S, 8, 1>(with, each(tables, output), codes, sums, width),
                    (4, 2) => tile::<S, 4, 2>(with, each(tables, output), codes, sums, width),
                    (4, 1) => tile::<S, 4, 1>(with, each(tables, output), codes, sums, width),
                    (2, 4) => tile::<S, 2, 4>(with, each(tables, output), codes, sums, width),
                    (2, 2) => tile::<S, 2, 2>(with, each(tables, output), codes, sums, width),
                    (2, 1) => tile::<S, 2, 1>(with, each(tables, output), codes, sums, width),
                    (1, 4) => tile::<S, 1, 4>(with, each(tables, output), codes, sums, width),
                    (1, 2) => tile::<S, 1, 2>(with, each(tables, output), codes, sums, width),
                    (1, 1) => tile::<S, 1, 1>(with, each(tables, output), codes, sums, width),
                    _ => unreachable!("{fit} outputs times {taken} blocks"),
                }
                output += fit;
            }
            first += taken;
        }
    }
}

/// The tables of some outputs from `first` on.
#[inline(always)]
fn each<'a, const O: usize>(
    tables: impl Fn(usize) -> &'a [Lanes<f32>],
    first: usize,
) -> [&'a [Lanes<f32>]; O] {
    std::array::from_fn(|k| tables(first + k))
}

/// `O` outputs times `B` blocks of samples.
#[inline(always)]
fn tile<S: Set, const O: usize, const B: usize>(
    with: S,
    tables: [&[Lanes<f32>]; O],
    codes: &[Lanes<f32>],
    sums: &mut [Lanes<f32>],
    width: usize,
) {
    let mut tile = [[S::Row::zeroed(); B]; O];
    for (o, row) in tile.iter_mut().enumerate() {
        for (b, sum) in row.iter_mut().enumerate() {
            *sum = cast(sums[o * width + b].0);
        }
    }
    let groups = tables[0].len();
    let tables: [&[Lanes<f32>]; O] = std::array::from_fn(|o| &tables[o][..groups]);
    for (g, codes) in codes.chunks(width).take(groups).enumerate() {
        let codes: &[Lanes<f32>; B] = codes[..B].try_into().expect("sliced to this length");
        let mut places = [S::Places::zeroed(); B];
        for (places, codes) in places.iter_mut().zip(codes) {
            *places = with.places(cast(codes.0));
        }
        for (row, tables) in tile.iter_mut().zip(&tables) {
            let table: S::Row = cast(tables[g].0);
            for (sum, &places) in row.iter_mut().zip(&places) {
                *sum = with.add_rows(*sum, with.look_up_row(table, places));
            }
        }
    }
    for (o, row) in tile.into_iter().enumerate() {
        for (b, sum) in row.into_iter().enumerate() {
            sums[o * width + b].0 = cast(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FusedLevel, PortableLevel};

    /// Products by every set this machine has, beside the sums of the equation in `f64`.
    fn compare<F: Real>(inputs: usize, outputs: usize, width: usize, bound: f64) {
        let weight = |o: usize, i: usize| ((o * 37 + i) as f64 * 0.71).sin();
        let signal = |i: usize, b: usize, lane: usize| {
            i < inputs && (i * 7 + b * 5 + lane * 3 + (i * lane) % 5).is_multiple_of(4)
        };
        let groups = inputs.div_ceil(TABLE_BITS);
        let (mut tables, mut all) = (Vec::new(), Vec::new());
        for o in 0..outputs {
            for g in 0..groups {
                let weight = |i: usize| if i < inputs { F::of(weight(o, i)) } else { F::of(1e9) };
                tables.push(binary_table(std::array::from_fn(|k| weight(g * TABLE_BITS + k))));
            }
        }
        for g in 0..groups {
            for b in 0..width {
                let lanes = |i: usize| {
                    let bit = |lane| if signal(i, b, lane) { F::one() } else { F::zero() };
                    Lanes(std::array::from_fn::<F, LANES, _>(bit))
                };
                let signals: [Lanes<F>; TABLE_BITS] = std::array::from_fn(|k| lanes(g * TABLE_BITS + k));
                let [a, b, c, d] = &signals;
                let found = binary_codes::<F, FusedLevel>([a, b, c, d]);
                assert_eq!(found, binary_codes::<F, PortableLevel>([a, b, c, d]));
                all.push(found);
            }
        }
        for set in InstructionSet::available() {
            let mut sums = vec![Lanes::splat(F::of(0.5)); outputs * width];
            BinaryProduct { tables: &tables, codes: &all, width, sums: &mut sums }.run_on(set);
            for (place, sums) in sums.iter().enumerate() {
                let (o, b) = (place / width, place % width);
                for (lane, found) in sums.0.iter().enumerate() {
                    let of = (0..inputs).filter(|&i| signal(i, b, lane)).map(|i| weight(o, i));
                    let expected = 0.5 + of.sum::<f64>();
                    let found = found.as_f64();
                    assert!(
                        (found - expected).abs() <= bound,
                        "{set:?} output {o} block {b} sample {lane}: {found} against {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_set_looks_up_what_the_equation_sums() {
        let sizes: [&[usize]; 3] = if cfg!(miri) {
            [&[0, 5], &[0, 2], &[1, 3]]
        } else {
            [&[0, 1, 4, 10], &[0, 1, 3, 9], &[1, 2, 3, 7]]
        };
        for &inputs in sizes[0] {
            for &outputs in sizes[1] {
                for &width in sizes[2] {
                    compare::<f32>(inputs, outputs, width, 2e-6);
                    compare::<f64>(inputs, outputs, width, 1e-14);
                }
            }
        }
    }

    /// What one sample at a time can repeat to the bit.
    #[test]
    fn a_table_adds_its_weights_in_their_order() {
        let weights = [0.1f32, 0.7, -0.3, 1e-8];
        let table = binary_table(weights);
        for (place, &entry) in table.0.iter().enumerate() {
            let of = weights.iter().enumerate().filter(|(k, _)| place >> k & 1 == 1);
            let expected = of.fold(0.0f32, |sum, (_, &w)| sum + w);
            assert_eq!(entry.to_bits(), expected.to_bits(), "place {place}");
        }
    }

    #[test]
    #[should_panic(expected = "tables of a binary product")]
    fn tables_of_too_few_outputs_are_refused() {
        let (tables, codes) = ([Lanes::splat(0.0f32)], [Lanes::splat(0.0f32)]);
        BinaryProduct { tables: &tables, codes: &codes, width: 1, sums: &mut [Lanes::splat(0.0); 2] }.run();
    }
}
