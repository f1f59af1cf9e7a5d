//! Every primitive of every set that this machine has, beside what it says.

use super::*;
use crate::level::Level;
use bytemuck::{Zeroable, cast, pod_read_unaligned};

/// Whole numbers, whose sums are exact in any order.
const WEIGHTS: [f32; 4] = [1.0, 20.0, -300.0, 4000.0];

/// All codes.
const NIBBLES: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn sum_of(weights: [f32; 4], code: u8) -> f32 {
    (0..4).filter(|k| code >> k & 1 == 1).map(|k| weights[k]).sum()
}

struct Sums<'a> {
    weights: [f32; 4],
    codes: &'a [[[u8; 16]; 2]],
}

impl Instructions for Sums<'_> {
    type Output = Vec<[f32; 16]>;

    #[inline(always)]
    fn run<S: Set>(self, with: S) -> Vec<[f32; 16]> {
        let table = with.table(self.weights);
        let mut found = Vec::new();
        for steps in self.codes.chunks_exact(size_of::<S::Codes>() / 16) {
            let read = |of: usize| -> S::Codes {
                let bytes: Vec<u8> = steps.iter().flat_map(|step| step[of]).collect();
                pod_read_unaligned(&bytes)
            };
            let mut sums = S::Sums::zeroed();
            // One number everywhere, since nobody outside knows the order.
            sums.as_mut().fill(cast([0.5f32; 16]));
            let sums = with.add_looked_up(sums, table, with.join(read(0), read(1)));
            found.extend(with.in_order(sums).as_mut().iter().map(|row| cast::<_, [f32; 16]>(*row)));
        }
        found
    }
}

#[test]
fn codes_are_looked_up_and_their_sums_come_in_order() {
    // Every code in every sample and step of a register.
    let code = |step: usize, sample: usize| NIBBLES[(step * 5 + sample * 3 + sample / 4 + step / 16) % 16];
    let parts = |of: u8| -> Vec<[[u8; 16]; 2]> {
        let row = |step, mask| std::array::from_fn(|sample| code(step, sample) & mask);
        (0..256).map(|step| [row(step, of), row(step, !of)]).collect()
    };
    for set in InstructionSet::available() {
        for of in [0b0011, 0b0101, 0b1110, 0] {
            let found = Token::of(set).run(Sums { weights: WEIGHTS, codes: &parts(of) });
            assert_eq!(found.len(), 256);
            for (step, row) in found.iter().enumerate() {
                let expected: [f32; 16] =
                    std::array::from_fn(|sample| 0.5 + sum_of(WEIGHTS, code(step, sample)));
                assert_eq!(row.map(f32::to_bits), expected.map(f32::to_bits), "{set:?}: step {step}");
            }
        }
    }
}

/// AVX2 alone adds two pairs one after the other.
#[test]
fn tables_of_sixteen_sums_have_the_bits_of_the_portable_set() {
    let weights = [0.1, 0.7e-3, -0.3, 1.7];
    let codes: Vec<[[u8; 16]; 2]> = (0..4u8).map(|step| [NIBBLES.map(|code| code ^ step), [0; 16]]).collect();
    let sums = |set| {
        let found = Token::of(set).run(Sums { weights, codes: &codes });
        found.into_iter().flatten().map(f32::to_bits).collect::<Vec<_>>()
    };
    let expected = sums(InstructionSet::Portable);
    for set in InstructionSet::available().into_iter().filter(|set| set.name() != "avx2") {
        assert_eq!(sums(set), expected, "{set:?}");
    }
}

struct Rows {
    table: [f32; 16],
    codes: [f32; 16],
    sums: [f32; 16],
}

impl Instructions for Rows {
    type Output = [f32; 16];

    #[inline(always)]
    fn run<S: Set>(self, with: S) -> [f32; 16] {
        let found = with.look_up_row(cast(self.table), with.places(cast(self.codes)));
        cast(with.add_rows(cast(self.sums), found))
    }
}

#[test]
fn a_row_is_looked_up_by_the_lowest_bits_of_its_numbers() {
    let table: [f32; 16] = std::array::from_fn(|place| (place as f32 * 0.37).exp() - 5.0);
    let sums: [f32; 16] = std::array::from_fn(|sample| 0.1 * sample as f32);
    for set in InstructionSet::available() {
        for turn in 0..16 {
            let place = |sample: usize| (sample * 7 + turn) % 16;
            // Bits above, which mean nothing.
            let above = |sample: usize| 2.0f32.powi(23).to_bits() | (sums[sample].to_bits() & 0x007F_FFF0);
            let codes = std::array::from_fn(|sample| {
                f32::from_bits(above(sample) | u32::from(NIBBLES[place(sample)]))
            });
            let found = Token::of(set).run(Rows { table, codes, sums });
            for (sample, found) in found.iter().enumerate() {
                let expected = sums[sample] + table[place(sample)];
                assert_eq!(found.to_bits(), expected.to_bits(), "{set:?}: turn {turn}, sample {sample}");
            }
        }
    }
}

struct Exchanged(Transposed);

impl Instructions for Exchanged {
    type Output = Transposed;

    #[inline(always)]
    fn run<S: Set>(self, with: S) -> Transposed {
        with.transposed(self.0)
    }
}

#[test]
fn rows_and_columns_change_places() {
    let tile: Transposed = std::array::from_fn(|j| std::array::from_fn(|k| (10 * j + k) as f32));
    for set in InstructionSet::available() {
        let found = Token::of(set).run(Exchanged(tile));
        for (j, row) in found.iter().enumerate() {
            for (k, &number) in row.iter().enumerate() {
                assert_eq!(number.to_bits(), tile[k][j].to_bits(), "{set:?}: row {j}, column {k}");
            }
        }
    }
}

struct MultiplyAdd([f32; 3]);

impl Instructions for MultiplyAdd {
    type Output = f32;

    #[inline(always)]
    fn run<S: Set>(self, _with: S) -> f32 {
        let [x, y, z] = self.0;
        S::Level::multiply_add(x, y, z)
    }
}

#[test]
fn every_set_but_the_portable_one_multiplies_and_adds_in_one_rounding() {
    // x² = 1 + 2 · 2⁻¹² + 2⁻²⁴, whose last part one rounding keeps and two lose.
    let x = 1.0 + 0.5f32.powi(12);
    for set in InstructionSet::available() {
        let found = Token::of(set).run(MultiplyAdd([x, x, -1.0 - 0.5f32.powi(11)]));
        let expected = if set == InstructionSet::Portable { 0.0 } else { 0.5f32.powi(24) };
        assert_eq!(found.to_bits(), expected.to_bits(), "{set:?}: {found}");
    }
}

#[test]
fn sets_have_names_that_force_them() {
    for set in InstructionSet::available() {
        assert_eq!(InstructionSet::named(set.name()), Ok(set));
        assert_eq!(set.name(), format!("{set:?}").to_lowercase());
        assert_eq!(Token::of(set).set(), set);
    }
    let wrong = InstructionSet::named("sse9").unwrap_err();
    assert!(wrong.starts_with("COLEARN_INSTRUCTIONS: found \"sse9\"; expected"), "{wrong}");
    assert!(wrong.contains(": portable"), "{wrong}");
    if let Ok(Some(set)) = InstructionSet::forced() {
        assert_eq!(InstructionSet::best(), set);
    }
}
