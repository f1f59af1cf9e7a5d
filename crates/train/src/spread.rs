//! Annealing of the spread σ of the interpolation kernel of the delays.
//!
//! σ(e) = σ₀ (σ₁ / σ₀)^(e / E₀) in the epochs e = 0, 1, …, E₀ and σ₁ from then on, where E₀ is the first `share` of
//! all epochs. The decay and its quarter of the epochs are those of Hammouamri et al. (2024), arXiv:2306.17670,
//! section 3.3. An end of 0 decays towards [`SMALLEST`] and is 0 after that.
//!
//! ```
//! use colearn_train::{SpreadConfig, SpreadSchedule};
//!
//! let spread = SpreadSchedule::new(SpreadConfig { start: 12.0, end: 0.75, share: 0.25 });
//! assert_eq!(spread.at(0, 16), 12.0);
//! assert_eq!(spread.at(2, 16), 3.0);
//! assert_eq!(spread.at(4, 16), 0.75);
//! assert_eq!(spread.at(15, 16), 0.75);
//! ```

use crate::config::SpreadConfig;

/// Spreads below this many steps are as good as none.
pub const SMALLEST: f64 = 0.1;

/// How the spread falls over the epochs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpreadSchedule(SpreadConfig);

impl SpreadSchedule {
    /// From the start to the end over the configured share of the epochs.
    #[must_use]
    pub fn new(config: SpreadConfig) -> Self {
        Self(config)
    }

    /// The spread in steps during `epoch` of `epochs`.
    #[must_use]
    pub fn at(&self, epoch: usize, epochs: usize) -> f64 {
        let SpreadConfig { start, end, share } = self.0;
        let (epoch, length) = (epoch as f64, share * epochs as f64);
        // Of a share of 0 nothing is left, whatever the sign of the 0.
        if start <= end || epoch >= length {
            return end;
        }
        let target = end.max(SMALLEST.min(start));
        start * (target / start).powf(epoch / length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_and_stays() {
        for (start, end) in [(12.0, 0.5), (6.0, 0.0), (0.05, 0.0)] {
            let spread = SpreadSchedule::new(SpreadConfig { start, end, share: 0.5 });
            let values: Vec<f64> = (0..=20).map(|epoch| spread.at(epoch, 20)).collect();
            assert!((values[0] - start).abs() < 1e-12, "{values:?}");
            assert!(values.windows(2).all(|pair| pair[1] <= pair[0]), "{values:?}");
            assert!(values[10..].iter().all(|v| (v - end).abs() < 1e-12), "{values:?}");
        }
    }

    #[test]
    fn no_share_or_no_start_is_the_end_at_once() {
        for (start, end, share) in [(12.0, 0.5, 0.0), (12.0, 0.5, -0.0), (0.0, 0.0, 0.25), (0.0, 0.5, 0.25)] {
            let spread = SpreadSchedule::new(SpreadConfig { start, end, share });
            for epoch in [0, 5, 9] {
                let found = spread.at(epoch, 10);
                assert!((found - end).abs() < 1e-12, "{start} to {end} over {share}, epoch {epoch}: {found}");
            }
        }
    }
}
