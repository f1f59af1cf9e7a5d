//! From spike times to steps: the rule that decides which spike belongs to which step and channel.
//!
//! With step width Δ, a spike of unit u at time t counts in step n and channel c,
//!
//! n = first_step + max {k : kΔ ≤ t},   c = ⌊u / sum_channels⌋,
//!
//! so that a spike on an edge belongs to the step that begins there and to no other. Spikes of step `steps` and later are
//! cut; [`Binned::late`] says how many. Nothing else is lost: the counts and the late spikes add up to all spikes.
//!
//! # Edges
//!
//! Hardly any edge is a number that a file can hold: 0.03 s is 0.0299988 as float16 and 0.0299999993 as float32. With
//! [`Edges::Rounded`] a stored time is on the next edge if that edge is what was written, as far as the stored number
//! tells: if it lies no more than [`TimePrecision::slack`] ahead, and nearer than the edge before. Then every time kΔ is in
//! step k, whatever type it was stored in, as long as the type tells neighbouring edges apart. [`Edges::Exact`] takes stored
//! times at their word, as `numpy.digitize` does.
//!
//! Published recipes, as [`Recipe`]s:
//!
//! | recipe | Δ | steps | first step | channels summed | time 0 | edges | source |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | `ten_ms` | 10 ms | 100 | 0 | 5 (700 → 140) | the file's | rounded | the sizes of Deckers et al. 2024 |
//! | `sparch` | 1.4/99 s | 100 | 1 | 1 | the file's | exact | A. Bittar, P. Garner 2022: counts over `digitize` on 100 edges from 0 to 1.4 s, so the first step stays empty; spikes from 1.4 s on, which overflow there, are cut here |
//! | `dcls` | 10 ms | to the last spike | 0 | 5 | the sample's first spike | rounded | I. Hammouamri et al. 2024: frames of SpikingJelly, padded to the longest sample of the batch |
//!
//! What `dcls` follows is `integrate_events_by_fixed_duration` in `spikingjelly/datasets/shd.py` as it is since 30 March
//! 2024: frame ⌊(t − t₀) / Δ⌋ with t₀ the first spike. That code computes in milliseconds in the type of the file, which
//! rounds float16 times once more, and puts a last spike that lies on an edge into the frame before it. Until that day, so
//! when the results of the paper were published, a frame began at the first spike that the one before did not hold, and held
//! all within 10 ms of that spike, so that silence between two frames was left out; that rule is not here.
//!
//! ```
//! use colearn_data::{BinValues, Binning, Edges, Spikes, TimeZero};
//!
//! let binning = Binning {
//!     step_s: 0.01,
//!     steps: 3,
//!     first_step: 0,
//!     time_zero: TimeZero::File,
//!     edges: Edges::Rounded,
//!     values: BinValues::Counts,
//!     sum_channels: 2,
//!     channels: 4,
//! };
//! let (spikes, _) = Spikes::checked(vec![0.0, 0.005, 0.02, 0.5], vec![0, 1, 3, 2], 4, "example").unwrap();
//! let binned = binning.bin(&spikes, 3);
//! assert_eq!(binned.values, ndarray::arr2(&[[2.0, 0.0], [0.0, 0.0], [0.0, 1.0]]));
//! assert_eq!(binned.late, 1);
//! ```

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{Spikes, TimePrecision};

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

/// What time 0 of the first step is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeZero {
    /// Time 0 of the file: the start of the recording.
    #[default]
    File,
    /// The first spike of each sample.
    FirstSpike,
}

/// When a time is on an edge: see the [module](self).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edges {
    /// When the stored number cannot tell it from the edge.
    #[default]
    Rounded,
    /// When the stored number is the edge or more, computed in f64.
    Exact,
}

/// The published ways to bin: see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// 100 steps of 10 ms, five neighbouring channels summed.
    TenMs,
    /// 100 edges from 0 to 1.4 s, all channels.
    Sparch,
    /// Steps of 10 ms from the first to the last spike, five neighbouring channels summed, batches as long as their longest
    /// sample.
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
    /// What time 0 is.
    pub time_zero: TimeZero,
    /// When a time is on an edge.
    pub edges: Edges,
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

/// Time 0 of one sample, and how exactly its times are known.
#[derive(Debug, Clone, Copy)]
struct Clock {
    zero: f64,
    /// `None` where stored times are taken at their word.
    precision: Option<TimePrecision>,
}

impl Binning {
    /// Every key that decides what a network gets of spikes, with its value.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        let values = if self.values == BinValues::Counts { "counts" } else { "binary" };
        let time_zero = if self.time_zero == TimeZero::File { "file" } else { "first_spike" };
        let edges = if self.edges == Edges::Rounded { "rounded" } else { "exact" };
        let facts = [
            ("channels", self.channels.to_string()),
            ("sum_channels", self.sum_channels.to_string()),
            ("step_s", self.step_s.to_string()),
            ("first_step", self.first_step.to_string()),
            ("time_zero", time_zero.to_owned()),
            ("edges", edges.to_owned()),
            ("values", values.to_owned()),
        ];
        facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Channels after adding up.
    #[must_use]
    pub fn channels_out(&self) -> usize {
        self.channels.div_ceil(self.sum_channels)
    }

    /// The clock of a sample with these times, which need no order.
    fn clock(&self, times_s: &[f32], precision: TimePrecision) -> Clock {
        let zero = match self.time_zero {
            TimeZero::File => 0.0,
            TimeZero::FirstSpike => times_s.iter().copied().reduce(f32::min).map_or(0.0, f64::from),
        };
        Clock { zero, precision: (self.edges == Edges::Rounded).then_some(precision) }
    }

    /// The step of a time in seconds (finite, not before the clock's zero), before anything is cut.
    #[inline]
    fn step_of(&self, time_s: f32, clock: Clock) -> usize {
        let mut t = f64::from(time_s) - clock.zero;
        if let Some(precision) = clock.precision {
            // With a clock of its own, the first spike was rounded too.
            let of_zero = if clock.zero > 0.0 { precision.slack(clock.zero) } else { 0.0 };
            // Half a step ahead, the edge before is as near.
            t += (precision.slack(f64::from(time_s)) + of_zero).min(0.5 * self.step_s);
        }
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

    /// The step of each time. Times that follow each other mostly share a step, so bounds within which all times do are
    /// compared before anything is divided.
    fn steps_of(&self, times_s: &[f32], clock: Clock) -> Vec<usize> {
        // At first there are none.
        let (mut from, mut until, mut step) = (1.0, 0.0, 0);
        let step_of = |&time: &f32| {
            if !(from <= time && time < until) {
                step = self.step_of(time, clock);
                (from, until) = (time, self.surely_before(step, clock));
            }
            step
        };
        times_s.iter().map(step_of).collect()
    }

    /// A time before which no time belongs to a later step than `step`: ahead of its end by all that may move a time, and by
    /// much more than the rounding of these sums.
    fn surely_before(&self, step: usize, clock: Clock) -> f32 {
        let steps = step.saturating_sub(self.first_step).saturating_add(1);
        let end = steps as f64 * self.step_s + clock.zero;
        let slack =
            clock.precision.map_or(0.0, |precision| precision.slack(end) + precision.slack(clock.zero));
        #[expect(clippy::cast_possible_truncation, reason = "rounds by less than the margin")]
        let time = ((end - slack) * (1.0 - 1e-6)) as f32;
        time
    }

    /// Spikes as (steps, channels), at most `most_steps` steps.
    ///
    /// # Panics
    /// When a unit is not below [`channels`](Self::channels).
    #[must_use]
    #[track_caller]
    pub fn bin(&self, spikes: &Spikes, most_steps: usize) -> Binned {
        self.bin_times(spikes.times_s(), spikes.units(), spikes.precision(), most_steps)
    }

    /// The same for times in any order, as many as units.
    #[track_caller]
    pub(crate) fn bin_times(
        &self,
        times_s: &[f32],
        units: &[u16],
        precision: TimePrecision,
        most_steps: usize,
    ) -> Binned {
        assert_eq!(times_s.len(), units.len(), "times against units");
        let clock = self.clock(times_s, precision);
        let steps = self.steps_of(times_s, clock);
        let kept = steps.iter().filter(|&&step| step < most_steps);
        let rows = kept.clone().max().map_or(0, |last| last + 1);
        let late = steps.len() - kept.count();
        let channels = self.channels_out();
        let channel_of: Vec<usize> = (0..self.channels).map(|unit| unit / self.sum_channels).collect();
        let mut values = vec![0.0_f32; rows * channels];
        for (&step, &unit) in steps.iter().zip(units) {
            let Some(channel) = channel_of.get(usize::from(unit)) else {
                panic!("unit {unit} against {} channels", self.channels);
            };
            if step < rows {
                values[step * channels + channel] += 1.0;
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
    pub fn late(&self, spikes: &Spikes) -> usize {
        let clock = self.clock(spikes.times_s(), spikes.precision());
        spikes.times_s().iter().filter(|&&t| self.step_of(t, clock) >= self.steps).count()
    }

    /// Steps up to the last spike that is kept: the rows of [`bin`](Self::bin) with all steps.
    #[must_use]
    pub fn rows(&self, spikes: &Spikes) -> usize {
        let clock = self.clock(spikes.times_s(), spikes.precision());
        let steps = spikes.times_s().iter().rev().map(|&t| self.step_of(t, clock));
        steps.into_iter().find(|&step| step < self.steps).map_or(0, |last| last + 1)
    }
}

#[cfg(test)]
mod tests;
