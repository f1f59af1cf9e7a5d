//! Changes of training features that keep the label: one draw a sample and epoch.
//!
//! The draw depends on (seed, epoch, place of the sample in its split) alone, so it does not change with the batch size,
//! the order or a resumed run. Features are standardised, hence 0 stands for the mean of a band.
//!
//! | key | what | source |
//! | --- | --- | --- |
//! | `time_shift` | moves the sample by up to this many steps, zeros come in | – |
//! | `channel_shift` | moves the spectrum by up to this many bands (a real number, linear between bands, edges held) | vocal-tract length, N. Jaitly, G. Hinton 2013 |
//! | `time_mask` | zeros one range of up to this many steps | SpecAugment, D. Park et al. 2019 |
//! | `channel_mask` | zeros one range of up to this many bands | SpecAugment |
//! | `noise` | adds white Gaussian noise of this standard deviation | – |
//!
//! ```
//! use colearn_data::Augmentation;
//! use ndarray::Array2;
//!
//! let augmentation = Augmentation { time_shift: 3, ..Augmentation::default() };
//! let features = Array2::ones((10, 2));
//! let moved = augmentation.apply(&features, 10, 1, 0, 0);
//! assert_eq!(moved.dim(), (10, 2));
//! assert_eq!(moved, augmentation.apply(&features, 10, 1, 0, 0)); // the same draw
//! ```

use std::ops::Range;

use ndarray::{Array2, ArrayRef2, Axis, Slice};
use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::random::generator;

/// Keeps the generators of augmentation apart from those of the order.
const PURPOSE: u64 = 0x6175_676d_656e_7400;

/// How far training features are changed; zeros change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Largest shift in time, in steps.
    pub time_shift: usize,
    /// Largest shift of the spectrum, in bands, 0 to 1000.
    pub channel_shift: f64,
    /// Longest range of steps set to zero.
    pub time_mask: usize,
    /// Widest range of bands set to zero.
    pub channel_mask: usize,
    /// Standard deviation of added noise, in deviations of a band, finite and 0 or more.
    pub noise: f64,
}

impl Augmentation {
    /// Whether anything is changed at all.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// Sample `index` of its split in epoch `epoch` of a run with `seed`: features (steps, channels), changed, and at
    /// most `steps` steps long.
    #[must_use]
    pub fn apply(
        &self,
        features: &ArrayRef2<f32>,
        steps: usize,
        seed: u64,
        epoch: u64,
        index: usize,
    ) -> Array2<f32> {
        let mut rng = generator(seed ^ PURPOSE, (epoch << 32) | index as u64);
        let mut changed = self.shifted(features, steps, &mut rng);
        let (steps, channels) = changed.dim();
        let masked_steps = range(self.time_mask, steps, &mut rng);
        let masked_channels = range(self.channel_mask, channels, &mut rng);
        if self.noise > 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
            let noise = self.noise as f32;
            changed.mapv_inplace(|x| {
                let draw: f32 = StandardNormal.sample(&mut rng);
                x + noise * draw
            });
        }
        changed.slice_axis_mut(Axis(0), Slice::from(masked_steps)).fill(0.0);
        changed.slice_axis_mut(Axis(1), Slice::from(masked_channels)).fill(0.0);
        changed
    }

    /// Moved in time and along the bands.
    fn shifted(&self, features: &ArrayRef2<f32>, steps: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
        // A sample that leaves its sequence altogether would teach nothing.
        let reach = self.time_shift.min(steps.min(features.nrows()).saturating_sub(1));
        let reach = i64::try_from(reach).expect("a sequence fits the address space");
        let shift = if reach > 0 { rng.random_range(-reach..=reach) } else { 0 };
        let later = usize::try_from(shift).unwrap_or(0);
        let earlier = usize::try_from(-shift).unwrap_or(0);
        let kept = features.slice_axis(Axis(0), Slice::from(earlier.min(features.nrows())..));
        let rows = (kept.nrows() + later).min(steps);
        let mut moved = Array2::zeros((rows, features.ncols()));
        let copied = rows.saturating_sub(later);
        let source = kept.slice_axis(Axis(0), Slice::from(..copied));
        moved.slice_axis_mut(Axis(0), Slice::from(later.min(rows)..)).assign(&source);
        if self.channel_shift > 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
            let shift = rng.random_range(-self.channel_shift..=self.channel_shift) as f32;
            for mut row in moved.rows_mut() {
                let from = row.to_vec();
                for (channel, x) in row.iter_mut().enumerate() {
                    *x = between(&from, channel as f32 - shift);
                }
            }
        }
        moved
    }
}

/// The value at a real place, linear between neighbours, the ends held.
fn between(values: &[f32], place: f32) -> f32 {
    let last = values.len() - 1;
    let place = place.clamp(0.0, last as f32);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the indices above"
    )]
    let low = place as usize;
    let share = place - low as f32;
    values[low] * (1.0 - share) + values[(low + 1).min(last)] * share
}

/// A range of a random length up to `longest` at a random place below `count`.
fn range(longest: usize, count: usize, rng: &mut ChaCha8Rng) -> Range<usize> {
    let longest = longest.min(count);
    if longest == 0 {
        return 0..0;
    }
    let length = rng.random_range(0..=longest);
    let start = rng.random_range(0..=count - length);
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Array2<f32> {
        Array2::from_shape_fn((20, 8), |(t, c)| 1.0 + t as f32 + 100.0 * c as f32)
    }

    #[test]
    fn zeros_change_nothing() {
        assert!(Augmentation::default().is_off());
        assert_eq!(Augmentation::default().apply(&ramp(), 20, 1, 2, 3), ramp());
    }

    #[test]
    fn a_time_shift_moves_whole_rows_and_zeros_come_in() {
        let augmentation = Augmentation { time_shift: 4, ..Augmentation::default() };
        let mut shifts = std::collections::BTreeSet::new();
        for index in 0..60 {
            let moved = augmentation.apply(&ramp(), 20, 1, 0, index);
            let leading = moved.rows().into_iter().take_while(|row| row.iter().all(|x| *x == 0.0)).count();
            let first = ramp()
                .rows()
                .into_iter()
                .position(|row| row == moved.row(leading))
                .expect("a row of the ramp");
            assert!(leading == 0 || first == 0, "either rows are cut or zeros come in");
            assert_eq!(moved.nrows(), 20 - first, "what is cut off is not replaced");
            shifts.insert((first, leading));
        }
        assert_eq!(shifts.len(), 9, "every shift from −4 to 4: {shifts:?}");
    }

    #[test]
    fn a_channel_shift_is_linear_between_bands_and_holds_the_edges() {
        let augmentation = Augmentation { channel_shift: 2.0, ..Augmentation::default() };
        for index in 0..20 {
            let moved = augmentation.apply(&ramp(), 20, 1, 0, index);
            let by = (ramp()[[0, 4]] - moved[[0, 4]]) / 100.0;
            assert!(by.abs() <= 2.0);
            for c in 0..8 {
                let expected = 1.0 + 100.0 * (c as f32 - by).clamp(0.0, 7.0);
                assert!((moved[[0, c]] - expected).abs() < 1e-2, "{c}: {} {expected}", moved[[0, c]]);
            }
        }
    }

    #[test]
    fn masks_zero_one_range_of_at_most_their_length() {
        let augmentation = Augmentation { time_mask: 5, channel_mask: 3, ..Augmentation::default() };
        for index in 0..40 {
            let masked = augmentation.apply(&ramp(), 20, 1, 0, index);
            let steps = masked.rows().into_iter().filter(|r| r.iter().all(|x| *x == 0.0)).count();
            let channels = masked.columns().into_iter().filter(|r| r.iter().all(|x| *x == 0.0)).count();
            assert!(steps <= 5 && channels <= 3);
            let zeros = masked.iter().filter(|x| **x == 0.0).count();
            assert_eq!(zeros, steps * 8 + channels * 20 - steps * channels);
        }
    }

    #[test]
    fn noise_has_the_deviation_asked_for() {
        let augmentation = Augmentation { noise: 0.5, ..Augmentation::default() };
        let noisy = augmentation.apply(&Array2::zeros((500, 40)), 500, 1, 0, 0);
        assert!((noisy.std(1.0) - 0.5).abs() < 0.02, "{}", noisy.std(1.0));
    }

    #[test]
    fn draws_differ_between_seeds_epochs_and_samples() {
        let augmentation = Augmentation { noise: 1.0, ..Augmentation::default() };
        let first = augmentation.apply(&ramp(), 20, 1, 0, 0);
        for (seed, epoch, index) in [(2, 0, 0), (1, 1, 0), (1, 0, 1)] {
            assert_ne!(first, augmentation.apply(&ramp(), 20, seed, epoch, index));
        }
    }
}
