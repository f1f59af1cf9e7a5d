//! From spike times to steps: the rule that decides which spike belongs to which step and channel.
//!
//! With step width Δ, a spike of unit u at time t counts in step n and channel c,
//!
//! n = first_step + max {k : kΔ ≤ t},   c = ⌊u / sum_channels⌋,
//!
//! computed in f64 from the stored f32 time, so that a spike on an edge belongs to the step that begins there and to no
//! other. Spikes of step `steps` and later are cut; [`Binned::late`] says how many. Nothing else is lost: the counts
//! and the late spikes add up to all spikes.
//!
//! Published recipes, as [`Recipe`]s:
//!
//! | recipe | Δ | steps | first step | channels summed | source |
//! | --- | --- | --- | --- | --- | --- |
//! | `ten_ms` | 10 ms | 100 | 0 | 5 (700 → 140) | the sizes of Deckers et al. 2024 |
//! | `sparch` | 1.4/99 s | 100 | 1 | 1 | A. Bittar, P. Garner 2022: counts over `digitize` on 100 edges from 0 to 1.4 s, so the first step stays empty; spikes from 1.4 s on, which overflow there, are cut here |
//! | `dcls` | 10 ms | to the last spike | 0 | 5 | I. Hammouamri et al. 2024: frames up to the last spike, padded to the longest sample of the batch |
//!
//! ```
//! use colearn_data::{BinValues, Binning};
//!
//! let binning = Binning { step_s: 0.01, steps: 3, first_step: 0, values: BinValues::Counts, sum_channels: 2, channels: 4 };
//! let binned = binning.bin(&[0.0, 0.005, 0.021, 0.5], &[0, 1, 3, 2], 3);
//! assert_eq!(binned.values, ndarray::arr2(&[[2.0, 0.0], [0.0, 0.0], [0.0, 1.0]]));
//! assert_eq!(binned.late, 1);
//! ```

use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// What a step holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinValues {
    /// The number of spikes.
    #[default]
    Counts,
    /// 1 where there is any spike.
    Binary,
}

/// The published ways to bin: see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// 100 steps of 10 ms, five neighbouring channels summed.
    TenMs,
    /// 100 edges from 0 to 1.4 s, all channels.
    Sparch,
    /// Steps of 10 ms to the last spike, five neighbouring channels summed, batches as long as their longest sample.
    Dcls,
}

/// How spikes become numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Binning {
    /// Width of a step in seconds, positive and finite.
    pub step_s: f64,
    /// Steps that are kept.
    pub steps: usize,
    /// The step that time 0 belongs to; earlier ones stay empty.
    pub first_step: usize,
    /// What a step holds.
    pub values: BinValues,
    /// Neighbouring channels that are added up, at least 1; the last group may be smaller.
    pub sum_channels: usize,
    /// Channels of the spikes, before adding up.
    pub channels: usize,
}

/// Spikes of one sample in steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Binned {
    /// Shape (steps up to the last spike, channels after adding up).
    pub values: Array2<f32>,
    /// Spikes after the last step, which are cut.
    pub late: usize,
}

impl Binning {
    /// Every key that decides what a network gets of spikes, with its value.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        let values = if self.values == BinValues::Counts { "counts" } else { "binary" };
        let facts = [
            ("channels", self.channels.to_string()),
            ("sum_channels", self.sum_channels.to_string()),
            ("step_s", self.step_s.to_string()),
            ("first_step", self.first_step.to_string()),
            ("values", values.to_owned()),
        ];
        facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Channels after adding up.
    #[must_use]
    pub fn channels_out(&self) -> usize {
        self.channels.div_ceil(self.sum_channels)
    }

    /// The step of a time in seconds (finite, not negative), before anything is cut.
    #[must_use]
    #[inline]
    pub fn step_of(&self, time_s: f32) -> usize {
        let t = f64::from(time_s);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturating, and not negative"
        )]
        let mut step = (t / self.step_s) as usize;
        // The quotient is rounded; the definition by products decides on the edges.
        if step as f64 * self.step_s > t {
            step -= 1;
        } else if (step as f64 + 1.0) * self.step_s <= t {
            step = step.saturating_add(1);
        }
        step.saturating_add(self.first_step)
    }

    /// Spikes as (steps, channels), at most `most_steps` steps; times need no order.
    ///
    /// # Panics
    /// When the lists differ in length or a unit is not below [`channels`](Self::channels).
    #[must_use]
    #[track_caller]
    pub fn bin(&self, times_s: &[f32], units: &[u16], most_steps: usize) -> Binned {
        assert_eq!(times_s.len(), units.len(), "times against units");
        let steps: Vec<usize> = times_s.iter().map(|&t| self.step_of(t)).collect();
        let kept = steps.iter().filter(|&&step| step < most_steps);
        let rows = kept.clone().max().map_or(0, |last| last + 1);
        let late = steps.len() - kept.count();
        let channels = self.channels_out();
        let mut values = vec![0.0_f32; rows * channels];
        for (&step, &unit) in steps.iter().zip(units) {
            assert!(usize::from(unit) < self.channels, "unit {unit} against {} channels", self.channels);
            if step < rows {
                values[step * channels + usize::from(unit) / self.sum_channels] += 1.0;
            }
        }
        if self.values == BinValues::Binary {
            for value in &mut values {
                *value = value.min(1.0);
            }
        }
        let values = Array2::from_shape_vec((rows, channels), values).expect("rows times channels values");
        Binned { values, late }
    }

    /// How many spikes lie after the last step.
    #[must_use]
    pub fn late(&self, times_s: &[f32]) -> usize {
        times_s.iter().filter(|&&t| self.step_of(t) >= self.steps).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn binning(step_s: f64, steps: usize) -> Binning {
        Binning { step_s, steps, first_step: 0, values: BinValues::Counts, sum_channels: 5, channels: 700 }
    }

    #[test]
    fn a_spike_on_an_edge_belongs_to_the_step_that_begins_there() {
        let eighth = binning(0.125, 100);
        for k in 0..100_u16 {
            let edge = f32::from(k) * 0.125;
            assert_eq!(eighth.step_of(edge), usize::from(k));
            assert_eq!(eighth.step_of(edge.next_up()), usize::from(k));
            if k > 0 {
                assert_eq!(eighth.step_of(edge.next_down()), usize::from(k) - 1);
            }
        }
        // 0.01 in single precision lies just below 0.01, and 0.01 is no power of two: the f64 products decide.
        let ten_ms = binning(0.01, 100);
        assert_eq!(ten_ms.step_of(0.01), usize::from(f64::from(0.01_f32) >= 0.01));
        assert_eq!(ten_ms.step_of(0.07), usize::from(f64::from(0.07_f32) >= 7.0 * 0.01) + 6);
        assert_eq!(ten_ms.step_of(f32::MAX), usize::MAX);
    }

    #[test]
    fn the_recipe_of_sparch_counts_as_digitize_does() {
        let sparch = Binning { step_s: 1.4 / 99.0, first_step: 1, sum_channels: 1, ..binning(0.01, 100) };
        // numpy: digitize([0, 0.014, 0.0142, 0.7, 1.399], linspace(0, 1.4, 100)) and 1.4, which overflows.
        let times = [0.0, 0.014, 0.0142, 0.7, 1.399];
        let steps: Vec<usize> = times.iter().map(|&t| sparch.step_of(t)).collect();
        assert_eq!(steps, [1, 1, 2, 50, 99]);
        assert_eq!(sparch.bin(&[1.4001], &[3], 100).late, 1);
        assert_eq!(sparch.channels_out(), 700);
    }

    #[test]
    fn binary_steps_hold_ones() {
        let binary = Binning { values: BinValues::Binary, ..binning(0.01, 5) };
        let binned = binary.bin(&[0.001, 0.002, 0.031], &[3, 4, 699], 5);
        assert_eq!(binned.values.dim(), (4, 140));
        assert_eq!((binned.values[[0, 0]], binned.values[[3, 139]], binned.values.sum()), (1.0, 1.0, 2.0));
        assert_eq!(binary.bin(&[], &[], 5).values.dim(), (0, 140));
    }

    #[test]
    fn channels_that_do_not_divide_fill_a_smaller_last_group() {
        let odd = Binning { channels: 7, sum_channels: 3, ..binning(1.0, 1) };
        assert_eq!(odd.channels_out(), 3);
        assert_eq!(odd.bin(&[0.0; 7], &[0, 1, 2, 3, 4, 5, 6], 1).values, ndarray::arr2(&[[3.0, 3.0, 1.0]]));
    }

    proptest! {
        #[test]
        fn no_spike_is_lost_without_being_counted(
            spikes in prop::collection::vec((0.0..2.0_f32, 0..700_u16), 0..200),
            step_s in 0.001..0.1_f64,
            steps in 1..150_usize,
        ) {
            let (times, units): (Vec<f32>, Vec<u16>) = spikes.into_iter().unzip();
            let binning = binning(step_s, steps);
            let binned = binning.bin(&times, &units, steps);
            prop_assert!((binned.values.sum() - (times.len() - binned.late) as f32).abs() < 0.5);
            prop_assert_eq!(binned.late, binning.late(&times));
            for (&t, &u) in times.iter().zip(&units) {
                let n = binning.step_of(t);
                let t = f64::from(t);
                prop_assert!(n as f64 * step_s <= t && t < (n as f64 + 1.0) * step_s);
                if n < steps {
                    prop_assert!(binned.values[[n, usize::from(u) / 5]] >= 1.0);
                }
            }
        }
    }
}
