//! Changes of training samples that keep the label: one draw a sample and epoch.
//!
//! The draw depends on (seed, epoch, place of the sample in its split) alone, so it does not change with the batch size,
//! the order or a resumed run; that of `cutmix` depends on the batch instead. Features are standardised, hence 0 stands
//! for the mean of a band; of spikes 0 stands for none. Channels are those the network gets, after neighbouring ones
//! were added up.
//!
//! | key | what | for | source |
//! | --- | --- | --- | --- |
//! | `time_shift` | moves the sample by up to this many steps, zeros come in | both | – |
//! | `time_jitter` | moves every spike by a normal draw of this deviation, in steps; none before 0 | spikes | – |
//! | `channel_shift` | moves along the channels by up to this many (a real number). Features: linear between channels, edges held; spikes: whole channels before adding up, what leaves is gone | both | vocal-tract length, N. Jaitly, G. Hinton 2013 |
//! | `time_mask` | zeros one range of up to this many steps | both | SpecAugment, D. Park et al. 2019 |
//! | `channel_mask` | zeros one range of up to this many channels | both | SpecAugment |
//! | `spike_drop` | leaves out every spike with this probability | spikes | – |
//! | `noise` | adds white Gaussian noise of this standard deviation | both | – |
//! | `noise_snr_db` | adds white noise to the sound, signal-to-noise ratio drawn from this range | sound | – |
//! | `cutmix` | share of batches in which a range of steps comes from another sample of the batch; the loss weighs both labels by their steps | both | S. Yun et al. 2019 |
//!
//! ```
//! use colearn_data::{Augmentation, Loader, Order, Sample, Content, Split};
//! use ndarray::Array2;
//!
//! let content = Content::Features { values: Array2::ones((10, 2)), power: 1.0 };
//! let split = Split::as_they_are(vec![Sample { content, label: 0, speaker: "s".into(), id: "1".into() }]);
//! let moved = Augmentation { time_shift: 3, ..Augmentation::default() };
//! let batch = || Loader::new(&split, 10, 1, Order::Sequential).augmented(moved, 1, 0).next().unwrap();
//! assert_eq!(batch().unwrap(), batch().unwrap()); // the same draw
//! ```

use std::ops::Range;

use ndarray::{Array2, ArrayRef2, Axis, Slice};
use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::Spikes;
use crate::binning::Binning;
use crate::noise::NoiseBank;
use crate::random::{generator, shuffle};

/// Keeps the generators of augmentation apart from those of the order.
const PURPOSE: u64 = 0x6175_676d_656e_7400;
const MIX_PURPOSE: u64 = 0x6d69_7862_6174_6368;

/// How far training samples are changed; zeros change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Largest shift in time. Range: at least 0. Unit: steps. Source: own choice.
    pub time_shift: usize,
    /// Standard deviation of each spike's own shift. Range: 0 to 1000. Unit: steps. Source: own choice.
    pub time_jitter: f64,
    /// Largest shift along the channels. Range: 0 to 1000. Unit: channels. Source: Jaitly & Hinton 2013.
    pub channel_shift: f64,
    /// Longest range of steps set to zero. Range: at least 0. Unit: steps. Source: Park et al. 2019.
    pub time_mask: usize,
    /// Widest range of channels set to zero. Range: at least 0. Unit: channels. Source: Park et al. 2019.
    pub channel_mask: usize,
    /// Probability that a spike is left out. Range: 0 to below 1. Unit: none. Source: own choice.
    pub spike_drop: f64,
    /// Standard deviation of added noise. Range: at least 0. Unit: deviations of a band (features) or spikes. Source:
    /// own choice.
    pub noise: f64,
    /// Range of the signal-to-noise ratio of white noise added to the sound; left out: none. Range: two rising numbers
    /// from -100 to 100. Unit: dB. Source: own choice.
    pub noise_snr_db: Option<[f64; 2]>,
    /// Share of the batches that are mixed. Range: 0 to 1. Unit: none. Source: Yun et al. 2019.
    pub cutmix: f64,
}

impl Augmentation {
    /// Whether anything is changed at all.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// The generator of sample `index` of its split in epoch `epoch` of a run with `seed`.
    pub(crate) fn generator(seed: u64, epoch: u64, index: usize) -> ChaCha8Rng {
        generator(seed ^ PURPOSE, (epoch << 32) | index as u64)
    }

    /// Noise in raw features (steps, bands) of a sound of `power`.
    pub(crate) fn add_noise(
        &self,
        features: &mut Array2<f32>,
        power: f32,
        noise: &NoiseBank,
        rng: &mut ChaCha8Rng,
    ) {
        if let Some([low, high]) = self.noise_snr_db {
            let snr_db = if low < high { rng.random_range(low..=high) } else { low };
            #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
            let share = 10_f64.powf(-snr_db / 10.0) as f32;
            noise.add(features, power * share, rng);
        }
    }

    /// Standardised features (steps, channels), changed, at most `steps` steps long.
    pub(crate) fn change_features(
        &self,
        features: &ArrayRef2<f32>,
        steps: usize,
        rng: &mut ChaCha8Rng,
    ) -> Array2<f32> {
        let mut changed = self.shifted(features, steps, rng);
        if self.channel_shift > 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
            let shift = rng.random_range(-self.channel_shift..=self.channel_shift) as f32;
            for mut row in changed.rows_mut() {
                let from = row.to_vec();
                for (channel, x) in row.iter_mut().enumerate() {
                    *x = between(&from, channel as f32 - shift);
                }
            }
        }
        self.mask(&mut changed, rng);
        changed
    }

    /// Spikes in steps (steps, channels), changed, at most `steps` steps long.
    pub(crate) fn change_spikes(
        &self,
        spikes: &Spikes,
        binning: &Binning,
        steps: usize,
        rng: &mut ChaCha8Rng,
    ) -> Array2<f32> {
        // A shift to earlier steps brings in what would be cut.
        let most = steps + self.time_shift.min(steps);
        let binned = if self.time_jitter > 0.0 || self.channel_shift > 0.0 || self.spike_drop > 0.0 {
            let (times, units) = self.moved(spikes, binning, rng);
            binning.bin_times(&times, &units, spikes.precision(), most)
        } else {
            binning.bin(spikes, most)
        };
        let mut changed = self.shifted(&binned.values, steps, rng);
        self.mask(&mut changed, rng);
        changed
    }

    /// Spikes that are left, each at its new time and channel.
    fn moved(&self, spikes: &Spikes, binning: &Binning, rng: &mut ChaCha8Rng) -> (Vec<f32>, Vec<u16>) {
        #[expect(clippy::cast_possible_truncation, reason = "times are f32, shifts whole channels")]
        let (jitter, shift) = {
            let reach = self.channel_shift;
            let shift = if reach > 0.0 { rng.random_range(-reach..=reach) } else { 0.0 };
            ((self.time_jitter * binning.step_s) as f32, (shift * binning.sum_channels as f64).round() as i64)
        };
        let (mut times, mut units) = (Vec::with_capacity(spikes.len()), Vec::with_capacity(spikes.len()));
        for (time, unit) in spikes.iter() {
            let keep = self.spike_drop <= 0.0 || rng.random::<f64>() >= self.spike_drop;
            let draw: f32 = if jitter > 0.0 { StandardNormal.sample(rng) } else { 0.0 };
            let unit = u16::try_from(i64::from(unit) + shift).ok();
            if let (true, Some(unit)) = (keep, unit.filter(|unit| usize::from(*unit) < binning.channels)) {
                times.push((time + jitter * draw).max(0.0));
                units.push(unit);
            }
        }
        (times, units)
    }

    /// Masks and noise.
    fn mask(&self, changed: &mut Array2<f32>, rng: &mut ChaCha8Rng) {
        let (steps, channels) = changed.dim();
        let masked_steps = range(self.time_mask, steps, rng);
        let masked_channels = range(self.channel_mask, channels, rng);
        if self.noise > 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
            let noise = self.noise as f32;
            changed.mapv_inplace(|x| {
                let draw: f32 = StandardNormal.sample(rng);
                x + noise * draw
            });
        }
        changed.slice_axis_mut(Axis(0), Slice::from(masked_steps)).fill(0.0);
        changed.slice_axis_mut(Axis(1), Slice::from(masked_channels)).fill(0.0);
    }

    /// How batch `batch` of an epoch is mixed, if it is.
    pub(crate) fn mix(
        &self,
        seed: u64,
        epoch: u64,
        batch: usize,
        samples: usize,
        steps: usize,
    ) -> Option<Mix> {
        if self.cutmix <= 0.0 {
            return None;
        }
        let mut rng = generator(seed ^ MIX_PURPOSE, (epoch << 32) | batch as u64);
        if rng.random::<f64>() >= self.cutmix {
            return None;
        }
        let length = rng.random_range(0..=steps);
        let start = rng.random_range(0..=steps - length);
        let mut partners: Vec<usize> = (0..samples).collect();
        shuffle(&mut partners, &mut rng);
        Some(Mix { partners, steps: start..start + length })
    }

    /// Moved in time.
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
        moved
    }
}

/// How a batch is mixed: every sample takes these steps from its partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mix {
    /// The partner of each sample, a permutation of the batch.
    pub(crate) partners: Vec<usize>,
    /// What comes from it.
    pub(crate) steps: Range<usize>,
}

impl Mix {
    /// Lengths of the mixed samples: to the end of what is left of each, or of what came in.
    pub(crate) fn lengths(&self, lengths: &[usize]) -> Vec<usize> {
        let Range { start, end } = self.steps;
        let mixed = |own: usize, partner: usize| {
            let left = if (start..=end).contains(&own) { start } else { own };
            let came = partner.min(end);
            if came > start { left.max(came) } else { left }
        };
        lengths.iter().zip(&self.partners).map(|(&own, &partner)| mixed(own, lengths[partner])).collect()
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

    /// One sample's draw.
    impl Augmentation {
        fn apply(
            &self,
            features: &Array2<f32>,
            steps: usize,
            seed: u64,
            epoch: u64,
            index: usize,
        ) -> Array2<f32> {
            self.change_features(features, steps, &mut Self::generator(seed, epoch, index))
        }
    }

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

    fn binning() -> Binning {
        let usual = crate::DataConfig::default_for(crate::DataName::Shd).binning();
        Binning { steps: 20, channels: 50, ..usual }
    }

    /// A spike in the middle of every step and on every tenth unit.
    fn grid() -> Spikes {
        let place = |step: u16, unit: u16| ((f32::from(step) + 0.5) * 0.01, unit);
        let spikes = (0..20).flat_map(|step| (0..5).map(move |unit| place(step, 10 * unit + 2)));
        let (times, units): (Vec<f32>, Vec<u16>) = spikes.unzip();
        Spikes::checked(times, units, 50, "grid").unwrap().0
    }

    fn changed(augmentation: &Augmentation, index: usize) -> Array2<f32> {
        augmentation.change_spikes(&grid(), &binning(), 20, &mut Augmentation::generator(1, 0, index))
    }

    #[test]
    fn spikes_without_change_are_binned_spikes() {
        let plain = changed(&Augmentation::default(), 0);
        assert_eq!(plain, binning().bin(&grid(), 20).values);
        assert!((plain.sum() - grid().len() as f32).abs() < 0.5);
    }

    #[test]
    fn dropped_spikes_are_the_share_asked_for() {
        let augmentation = Augmentation { spike_drop: 0.25, ..Augmentation::default() };
        let kept: f32 = (0..100).map(|index| changed(&augmentation, index).sum()).sum();
        // 10,000 spikes: five deviations are 217.
        assert!((kept - 7_500.0).abs() < 217.0, "{kept}");
        assert!(changed(&augmentation, 0).iter().all(|&count| count <= 1.0));
    }

    #[test]
    fn jitter_moves_spikes_by_its_deviation_and_none_before_the_start() {
        let augmentation = Augmentation { time_jitter: 1.0, ..Augmentation::default() };
        let (mut squares, mut spikes) = (0.0, 0.0);
        for index in 0..50 {
            let mut rng = Augmentation::generator(1, 0, index);
            let (times, units) = augmentation.moved(&grid(), &binning(), &mut rng);
            assert_eq!(units, grid().units());
            for (new, old) in times.iter().zip(grid().times_s()) {
                assert!(*new >= 0.0);
                // Far enough from the start that nothing is held there.
                if *old > 0.08 {
                    squares += (f64::from(new - old) / 0.01).powi(2);
                    spikes += 1.0;
                }
            }
        }
        assert!((squares / spikes - 1.0_f64).abs() < 0.1, "{}", squares / spikes);
    }

    #[test]
    fn shifted_channels_of_spikes_keep_their_distances() {
        let augmentation = Augmentation { channel_shift: 2.0, ..Augmentation::default() };
        let mut shifts = std::collections::BTreeSet::new();
        for index in 0..200 {
            let mut rng = Augmentation::generator(1, 0, index);
            let (_, units) = augmentation.moved(&grid(), &binning(), &mut rng);
            let shift = i32::from(units[0]) % 10 - 2;
            assert!(units.iter().all(|&unit| (i32::from(unit) - 2 - shift) % 10 == 0));
            shifts.insert(if shift > 5 { shift - 10 } else { shift });
        }
        assert!(shifts.len() >= 10, "up to ten units either way: {shifts:?}");
    }

    #[test]
    fn shifts_in_time_bring_in_later_spikes() {
        let augmentation = Augmentation { time_shift: 3, ..Augmentation::default() };
        let long = binning().bin(&grid(), 20).values;
        for index in 0..20 {
            let moved = augmentation.change_spikes(
                &grid(),
                &binning(),
                10,
                &mut Augmentation::generator(1, 0, index),
            );
            assert_eq!(moved.nrows(), 10);
            assert!(moved.row(9) == long.row(9), "the last step is never empty: {index}");
        }
    }

    #[test]
    fn some_batches_are_mixed_with_permuted_partners() {
        let augmentation = Augmentation { cutmix: 0.5, ..Augmentation::default() };
        let mixes: Vec<_> = (0..200).filter_map(|batch| augmentation.mix(1, 0, batch, 8, 20)).collect();
        assert!((70..130).contains(&mixes.len()), "{}", mixes.len());
        for mix in &mixes {
            let mut partners = mix.partners.clone();
            partners.sort_unstable();
            assert_eq!(partners, (0..8).collect::<Vec<_>>());
            assert!(mix.steps.end <= 20);
        }
        assert_eq!(augmentation.mix(1, 0, 3, 8, 20), augmentation.mix(1, 0, 3, 8, 20));
        assert!(Augmentation::default().mix(1, 0, 0, 8, 20).is_none());
    }
}
