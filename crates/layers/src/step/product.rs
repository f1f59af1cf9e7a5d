//! The product of recurrent weights without delays with the outputs of one sample.

use colearn_tape::Real;
use colearn_tape::simd::{Kernel, Level, TABLE_BITS};

/// current[j] += Σ_i s[i] V[i, j], i ascending. By table, outputs are 0 or 1, and the weights of each group of four inputs are
/// summed before they are added, as a scan does.
///
/// A scan adds the zeros of silent units too. They are left out where that changes no bit: a zero changes −0 alone, and
/// zero times a weight is a zero if the weight is finite.
pub(super) struct AddProduct<'a, F> {
    pub(super) weights: &'a [F],
    pub(super) spikes: &'a [F],
    pub(super) current: &'a mut [F],
    pub(super) by_table: bool,
    /// Whether nothing is left out.
    pub(super) all: bool,
}

impl<F: Real> Kernel for AddProduct<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let n = self.current.len();
        if self.by_table {
            let group = (TABLE_BITS * n).max(1);
            for (spikes, rows) in self.spikes.chunks(TABLE_BITS).zip(self.weights.chunks(group)) {
                if self.all {
                    add_whole_group(spikes, rows, self.current);
                } else {
                    add_group(spikes, rows, self.current);
                }
            }
            return;
        }
        for (i, &s) in self.spikes.iter().enumerate() {
            if self.all || s != F::zero() {
                for (sum, &v) in self.current.iter_mut().zip(&self.weights[i * n..(i + 1) * n]) {
                    *sum = L::multiply_add(v, s, *sum);
                }
            }
        }
    }
}

/// Adds the sum of four rows, each times its output, as a table has it: rows that are missing are zeros.
#[inline(always)]
fn add_whole_group<F: Real>(spikes: &[F], rows: &[F], current: &mut [F]) {
    let n = current.len();
    for (j, sum) in current.iter_mut().enumerate() {
        let part = |k: usize| spikes.get(k).map_or(F::zero(), |&spike| rows[k * n + j] * spike);
        *sum += part(0) + part(1) + part(2) + part(3);
    }
}

/// Adds the sum of those of up to four rows whose unit spikes.
#[inline(always)]
fn add_group<F: Real>(spikes: &[F], rows: &[F], current: &mut [F]) {
    let n = current.len();
    let mut active: [&[F]; TABLE_BITS] = [&[]; TABLE_BITS];
    let mut len = 0;
    for (&spike, row) in spikes.iter().zip(rows.chunks(n)) {
        if spike != F::zero() {
            active[len] = row;
            len += 1;
        }
    }
    match active[..len] {
        [a] => current.iter_mut().zip(a).for_each(|(sum, &a)| *sum += a),
        [a, b] => current.iter_mut().zip(a).zip(b).for_each(|((sum, &a), &b)| *sum += a + b),
        [a, b, c] => {
            let rows = current.iter_mut().zip(a).zip(b.iter().zip(c));
            rows.for_each(|((sum, &a), (&b, &c))| *sum += a + b + c);
        }
        [a, b, c, d] => {
            let rows = current.iter_mut().zip(a.iter().zip(b)).zip(c.iter().zip(d));
            rows.for_each(|((sum, (&a, &b)), (&c, &d))| *sum += a + b + c + d);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::simd::{binary_table, dispatch};

    /// In both orders, on any machine, for every pattern of spikes of a group.
    #[test]
    fn a_product_adds_its_rows_in_the_order_of_the_scan() {
        for n in [1usize, 3, 4, 6, 9] {
            let weights: Vec<f32> = (0..n * n).map(|k| ((k * 37 + 5) % 101) as f32 * 0.37 - 17.3).collect();
            for pattern in 0..32 {
                let spikes: Vec<f32> = (0..n).map(|i| f32::from(pattern >> (i % 5) & 1 == 1)).collect();
                let row = |i: usize| &weights[i * n..(i + 1) * n];
                let spiking = |group: usize| {
                    (group * TABLE_BITS..n.min((group + 1) * TABLE_BITS)).filter(|&i| spikes[i] != 0.0)
                };
                for by_table in [false, true] {
                    let mut current = vec![0.1f32; n];
                    dispatch(AddProduct {
                        weights: &weights,
                        spikes: &spikes,
                        current: &mut current,
                        by_table,
                        all: false,
                    });
                    for (j, found) in current.iter().enumerate() {
                        let groups = 0..n.div_ceil(TABLE_BITS);
                        let expected = if by_table {
                            groups.fold(0.1, |sum, g| sum + spiking(g).fold(0.0, |sum, i| sum + row(i)[j]))
                        } else {
                            groups.flat_map(spiking).fold(0.1, |sum, i| sum + row(i)[j])
                        };
                        assert_eq!(
                            found.to_bits(),
                            f32::to_bits(expected),
                            "{n} units, {spikes:?}, output {j}, by table {by_table}"
                        );
                    }
                }
            }
        }
    }

    /// A table has zero times a weight that is no number, and zeros for rows that it lacks.
    #[test]
    fn whole_groups_are_added_as_tables_have_them() {
        let odd = [0.0f32, -0.0, 1.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, -2.25];
        let n = 7;
        let weights: Vec<f32> = (0..n * n).map(|k| odd[(k * 5 + k / 3) % odd.len()]).collect();
        for pattern in 0..1 << n {
            let spikes: Vec<f32> = (0..n).map(|i| f32::from(pattern >> i & 1 == 1)).collect();
            let mut current = vec![-0.0f32; n];
            dispatch(AddProduct {
                weights: &weights,
                spikes: &spikes,
                current: &mut current,
                by_table: true,
                all: true,
            });
            for (j, found) in current.iter().enumerate() {
                let expected = (0..n.div_ceil(TABLE_BITS)).fold(-0.0, |sum, g| {
                    let of = |k: usize| weights.get((g * TABLE_BITS + k) * n + j).copied().unwrap_or(0.0);
                    let table = binary_table([of(0), of(1), of(2), of(3)]);
                    let place = pattern >> (g * TABLE_BITS) & ((1 << TABLE_BITS) - 1);
                    sum + table.0[place]
                });
                let same = found.to_bits() == f32::to_bits(expected) || found.is_nan() && expected.is_nan();
                assert!(same, "spikes {pattern:b}, output {j}: {found}, {expected}");
            }
        }
    }
}
