//! How much the layers of a network spike.
//!
//! The rate of unit n is the mean of its spikes over all steps and samples, `r_n = Σ_{t,b} s[t,b,n] / (T B)`, in
//! spikes per step; divide by the step in seconds for hertz. A unit is *silent* if it never fired and *saturated* if
//! it fired in more than [`SATURATED`] of all steps; neither kind carries much information.
//!
//! ```
//! use colearn_eval::FiringRates;
//! use ndarray::Array3;
//!
//! let mut rates = FiringRates::new(4);
//! let spikes = Array3::from_shape_fn((10, 2, 4), |(t, _, n)| if n > 0 && t % n == 0 { 1.0_f32 } else { 0.0 });
//! rates.update(&spikes)?;
//! assert_eq!(rates.unit_rates(), [0.0, 1.0, 0.5, 0.4]);
//! assert_eq!(rates.silent_share(), 0.25);
//! # Ok::<(), colearn_eval::EvalError>(())
//! ```

use ndarray::{ArrayRef, Ix3};
use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// A unit that spikes in more than this share of the steps is saturated.
pub const SATURATED: f64 = 0.9;

/// Accumulates the spikes of one layer with N units over any number of batches.
#[derive(Debug, Clone, PartialEq)]
pub struct FiringRates {
    sums: Vec<f64>,
    observations: u64,
}

impl FiringRates {
    /// An empty accumulator for a layer of `units` units.
    #[must_use]
    pub fn new(units: usize) -> Self {
        Self { sums: vec![0.0; units], observations: 0 }
    }

    /// Adds `spikes` (T, B, N), in any memory order.
    ///
    /// # Errors
    /// If the last axis does not have one entry per unit; the accumulator is then unchanged.
    pub fn update<F>(&mut self, spikes: &ArrayRef<F, Ix3>) -> Result<(), EvalError>
    where
        F: Copy + Into<f64>,
    {
        let (steps, batch, units) = spikes.dim();
        if units != self.sums.len() {
            return Err(EvalError::Units { found: units, expected: self.sums.len() });
        }
        for step in spikes.outer_iter() {
            for sample in step.rows() {
                for (sum, &spike) in self.sums.iter_mut().zip(sample) {
                    *sum += spike.into();
                }
            }
        }
        self.observations += steps as u64 * batch as u64;
        Ok(())
    }

    /// Rate of each unit in spikes per step, length N; zero before the first update.
    #[must_use]
    pub fn unit_rates(&self) -> Vec<f64> {
        let observations = self.observations.max(1) as f64;
        self.sums.iter().map(|sum| sum / observations).collect()
    }

    /// Mean rate over the units in spikes per step.
    #[must_use]
    pub fn mean_rate(&self) -> f64 {
        self.sums.iter().fold(0.0, |sum, unit| sum + unit)
            / (self.observations.max(1) as f64 * self.sums.len().max(1) as f64)
    }

    /// Share of the units that never fired.
    #[must_use]
    pub fn silent_share(&self) -> f64 {
        self.share_of(|rate| rate <= 0.0)
    }

    /// Share of the units that fired in more than [`SATURATED`] of the steps.
    #[must_use]
    pub fn saturated_share(&self) -> f64 {
        self.share_of(|rate| rate > SATURATED)
    }

    /// The summary of this layer.
    #[must_use]
    pub fn report(&self) -> LayerActivity {
        LayerActivity {
            units: self.sums.len(),
            mean_rate: self.mean_rate(),
            silent_share: self.silent_share(),
            saturated_share: self.saturated_share(),
        }
    }

    fn share_of(&self, holds: impl Fn(f64) -> bool) -> f64 {
        let count = self.unit_rates().into_iter().filter(|rate| holds(*rate)).count();
        count as f64 / self.sums.len().max(1) as f64
    }
}

/// Activity of one layer in four numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerActivity {
    /// Number of units.
    pub units: usize,
    /// Mean rate in spikes per step and unit.
    pub mean_rate: f64,
    /// Share of units that never fired.
    pub silent_share: f64,
    /// Share of units that fired in more than [`SATURATED`] of the steps.
    pub saturated_share: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, ShapeBuilder, s};
    use proptest::prelude::*;

    fn rates(spikes: &ArrayRef<f32, Ix3>) -> FiringRates {
        let mut rates = FiringRates::new(spikes.dim().2);
        rates.update(spikes).unwrap();
        rates
    }

    #[test]
    fn silent_and_saturated_units() {
        let spikes = Array3::from_shape_fn((20, 1, 4), |(t, _, n)| match n {
            0 => 0.0_f32,
            1 => 1.0,
            2 => f32::from(u8::from(t < 18)),
            _ => f32::from(u8::from(t < 19)),
        });
        assert_eq!(rates(&spikes).unit_rates(), [0.0, 1.0, 0.9, 0.95]);
        let report = rates(&spikes).report();
        assert_eq!(
            report,
            LayerActivity { units: 4, mean_rate: 57.0 / 80.0, silent_share: 0.25, saturated_share: 0.5 }
        );
    }

    #[test]
    fn empty_layers_and_wrong_widths() {
        assert_eq!(FiringRates::new(0).report().mean_rate.to_bits(), 0);
        let mut rates = FiringRates::new(3);
        assert_eq!(
            rates.update(&Array3::<f32>::zeros((2, 2, 4))),
            Err(EvalError::Units { found: 4, expected: 3 })
        );
        assert_eq!(rates, FiringRates::new(3));
    }

    proptest! {
        #[test]
        fn memory_order_batching_and_sample_order_do_not_matter(
            bits in prop::collection::vec(any::<bool>(), 5 * 4 * 3),
        ) {
            let spike = |(t, b, n): (usize, usize, usize)| f32::from(u8::from(bits[(t * 4 + b) * 3 + n]));
            let standard = rates(&Array3::from_shape_fn((5, 4, 3), spike));
            prop_assert_eq!(&standard, &rates(&Array3::from_shape_fn((5, 4, 3).f(), spike)));
            let units_first = Array3::from_shape_fn((3, 5, 4), |(n, t, b)| spike((t, b, n)));
            prop_assert_eq!(&standard, &rates(&units_first.permuted_axes([1, 2, 0])));
            prop_assert_eq!(&standard, &rates(&Array3::from_shape_fn((5, 4, 3), |(t, b, n)| spike((t, 3 - b, n)))));
            let whole = Array3::from_shape_fn((5, 4, 3), spike);
            let mut parts = FiringRates::new(3);
            parts.update(&whole.slice(s![.., ..1, ..])).unwrap();
            parts.update(&whole.slice(s![.., 1.., ..])).unwrap();
            prop_assert_eq!(&standard, &parts);
        }
    }
}
