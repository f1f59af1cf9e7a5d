//! Sixteen samples side by side.
//!
//! Kernels work on blocks of [`LANES`] samples of a batch, one sample a lane, so that a scalar of the formula (a
//! weight, a decay) becomes one vector instruction. The type is a plain array: under the instruction sets of
//! [`dispatch`](crate::dispatch) the compiler turns each method into one or two vector instructions.

use crate::Level;
use crate::Real;

/// Number of samples in a block.
pub const LANES: usize = 16;

/// One number for each of [`LANES`] samples.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes<F>(pub [F; LANES]);

/// Numbers that a buffer needs beside its own for [`aligned`].
pub const ALIGN_ROOM: usize = LANES - 1;

/// All but [`ALIGN_ROOM`] numbers of `buffer`, from its first multiple of 64 bytes on: rows of eight or sixteen `f32` that
/// start there never lie in two lines of the cache. Nothing of a shorter buffer.
#[inline(always)]
#[must_use]
pub fn aligned<F: Real>(buffer: &[F]) -> &[F] {
    &buffer[aligned_range(buffer)]
}

/// [`aligned`].
#[inline(always)]
#[must_use]
pub fn aligned_mut<F: Real>(buffer: &mut [F]) -> &mut [F] {
    let range = aligned_range(buffer);
    &mut buffer[range]
}

/// The places of [`aligned`] in `buffer`.
#[inline(always)]
#[must_use]
pub fn aligned_range<F: Real>(buffer: &[F]) -> std::ops::Range<usize> {
    let len = buffer.len().saturating_sub(ALIGN_ROOM);
    // What cannot be aligned (there is no such number of this size) is used as it is.
    let skipped = buffer.as_ptr().align_offset(align_of::<Lanes<F>>());
    let first = if skipped <= ALIGN_ROOM && len > 0 { skipped } else { 0 };
    first..first + len
}

/// `from[..count]`, then zeros.
///
/// # Panics
/// If `from` holds fewer than `count` numbers, or `count` exceeds the row.
#[inline(always)]
#[must_use]
pub fn load_row<F: Real, const N: usize>(from: &[F], count: usize) -> [F; N] {
    // Full rows, the common case, are copied as one array: a length known only at run time would be a call, into which
    // the compiler would merge the two were the other a copy as well.
    if count == N {
        return *<&[F; N]>::try_from(&from[..N]).expect("sliced to this length");
    }
    let mut row = [F::zero(); N];
    row[..count].iter_mut().zip(&from[..count]).for_each(|(to, &x)| *to = x);
    row
}

/// Writes `from[..count]`, then zeros, to `to`: [`load_row`] for loops that copy. What that returns is one of two rows, which the
/// compiler may write to the stack first; in loops that compute with a row this function is the slower one.
///
/// # Panics
/// If `from` holds fewer than `count` numbers, or `count` exceeds the row.
#[inline(always)]
pub fn copy_row<F: Real, const N: usize>(from: &[F], count: usize, to: &mut [F; N]) {
    // As in `load_row`.
    if count == N {
        *to = *<&[F; N]>::try_from(&from[..N]).expect("sliced to this length");
        return;
    }
    *to = [F::zero(); N];
    to[..count].iter_mut().zip(&from[..count]).for_each(|(to, &x)| *to = x);
}

/// Writes the first `count` numbers of `row` to `to[..count]`.
///
/// # Panics
/// If `to` holds fewer than `count` numbers, or `count` exceeds the row.
#[inline(always)]
pub fn store_row<F: Real, const N: usize>(row: &[F; N], to: &mut [F], count: usize) {
    if count == N {
        *<&mut [F; N]>::try_from(&mut to[..N]).expect("sliced to this length") = *row;
        return;
    }
    to[..count].iter_mut().zip(&row[..count]).for_each(|(to, &x)| *to = x);
}

/// `sum + w · x` for rows of any width, with the same `w` for every number.
#[inline(always)]
#[must_use]
pub fn scaled<F: Real, L: Level, const N: usize>(mut sum: [F; N], w: F, x: &[F; N]) -> [F; N] {
    for l in 0..N {
        sum[l] = L::multiply_add(w, x[l], sum[l]);
    }
    sum
}

impl<F: Real> Default for Lanes<F> {
    #[inline(always)]
    fn default() -> Self {
        Self::splat(F::zero())
    }
}

impl<F: Real> Lanes<F> {
    /// The same value in every lane.
    #[inline(always)]
    #[must_use]
    pub fn splat(x: F) -> Self {
        Self([x; LANES])
    }

    /// `from[..count]` in the first lanes, zero in the rest.
    ///
    /// # Panics
    /// If `from` holds fewer than `count` values or `count` exceeds [`LANES`].
    #[inline(always)]
    #[must_use]
    pub fn load(from: &[F], count: usize) -> Self {
        Self(load_row(from, count))
    }

    /// Writes the first `count` lanes to `to[..count]`.
    ///
    /// # Panics
    /// If `to` holds fewer than `count` values or `count` exceeds [`LANES`].
    #[inline(always)]
    pub fn store(&self, to: &mut [F], count: usize) {
        store_row(&self.0, to, count);
    }

    /// `self + w · x` with the same `w` in every lane.
    #[inline(always)]
    #[must_use]
    pub fn scaled<L: Level>(self, w: F, x: &Self) -> Self {
        Self(scaled::<F, L, LANES>(self.0, w, &x.0))
    }

    /// `self + w · x`, lane by lane.
    #[inline(always)]
    #[must_use]
    pub fn product<L: Level>(self, w: &Self, x: &Self) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] = L::multiply_add(w.0[l], x.0[l], out.0[l]);
        }
        out
    }

    /// `self + x`, lane by lane.
    #[inline(always)]
    #[must_use]
    pub fn plus(self, x: &Self) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] += x.0[l];
        }
        out
    }

    /// The sum over all lanes, added in a fixed order.
    #[inline(always)]
    #[must_use]
    pub fn total(&self) -> F {
        self.0.iter().fold(F::zero(), |sum, &x| sum + x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_and_loaded_rows_have_zeros_after_the_count() {
        let numbers: [f64; 9] = std::array::from_fn(|k| k as f64 + 1.0);
        for count in 0..=8 {
            let expected: [f64; 8] = std::array::from_fn(|k| if k < count { numbers[k] } else { 0.0 });
            let mut copied = [f64::NAN; 8];
            copy_row(&numbers, count, &mut copied);
            assert_eq!((copied, load_row::<_, 8>(&numbers, count)), (expected, expected));
        }
    }

    #[test]
    fn an_aligned_part_starts_at_a_line_of_the_cache_and_has_all_but_the_room() {
        let numbers: Vec<f32> = (0..100u8).map(f32::from).collect();
        for first in 0..20 {
            let mut buffer = numbers[first..].to_vec();
            let (len, start) = (buffer.len(), aligned_range(&buffer).start);
            let part = aligned(&buffer);
            assert_eq!((part.len(), part[0]), (len - ALIGN_ROOM, numbers[first + start]));
            assert!(cfg!(miri) || part.as_ptr().addr().is_multiple_of(64), "{:?}", part.as_ptr());
            let part = part.to_vec();
            assert_eq!(aligned_mut(&mut buffer), part);
        }
        for len in [0, 1, ALIGN_ROOM] {
            assert_eq!(aligned(&vec![1.0f64; len]), []);
        }
        assert_eq!(aligned(&[1.0f64; ALIGN_ROOM + 1]), [1.0]);
    }
}
