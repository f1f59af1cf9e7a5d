//! Per-band standardisation with the statistics of the training split.

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::DataError;

/// Bands that vary less than this are only centred.
const LEAST_DEVIATION: f64 = 1e-6;

/// Each band minus its mean over this utterance, of shape (steps, channels): takes out what a microphone, a room and
/// the level add to the logarithm of every frame (B. Atal 1974, for cepstra).
pub(crate) fn subtract_mean(features: &mut Array2<f32>) {
    if let Some(mean) = features.mean_axis(Axis(0)) {
        *features -= &mean;
    }
}

/// Mean and standard deviation of every band; x ↦ (x − mean) / deviation.
///
/// ```
/// use colearn_data::Normaliser;
/// use ndarray::array;
///
/// let training = [array![[1.0_f32, 5.0], [3.0, 5.0]]];
/// let normaliser = Normaliser::fit(training.iter().map(|x| x.view()), 2);
/// let mut features = training[0].clone();
/// normaliser.apply(&mut features);
/// assert_eq!(features, array![[-1.0, 0.0], [1.0, 0.0]]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normaliser {
    /// Mean per band.
    pub mean: Vec<f32>,
    /// Standard deviation per band (population formula), positive.
    pub deviation: Vec<f32>,
}

impl Normaliser {
    /// Statistics over all frames of all utterances, each of shape (steps, `channels`). Sums run in f64; utterances are
    /// put together in the given order, so the result does not depend on threads. Without any frame the identity.
    ///
    /// # Panics
    /// When an utterance does not have `channels` columns.
    #[must_use]
    #[track_caller]
    pub fn fit<'a>(utterances: impl Iterator<Item = ArrayView2<'a, f32>>, channels: usize) -> Self {
        Self::of_moments(utterances.map(|utterance| Moments::of(&utterance)), channels)
    }

    /// The identity for `channels` bands.
    #[must_use]
    pub fn identity(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], deviation: vec![1.0; channels] }
    }

    /// The statistics of utterances whose moments are known, put together in this order.
    #[track_caller]
    pub(crate) fn of_moments(moments: impl Iterator<Item = Moments>, channels: usize) -> Self {
        let none = Moments { count: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] };
        let all = moments.fold(none, |all, one| all.with(&one));
        let deviation = |s: &f64| {
            let d = (s / all.count.max(1.0)).sqrt();
            if d < LEAST_DEVIATION { 1.0 } else { d }
        };
        #[expect(clippy::cast_possible_truncation, reason = "features are single precision")]
        Self {
            mean: all.mean.iter().map(|&m| m as f32).collect(),
            deviation: all.squares.iter().map(|s| deviation(s) as f32).collect(),
        }
    }

    /// Standardise features of shape (steps, channels) in place.
    ///
    /// # Panics
    /// When the number of columns is not the number of bands.
    #[track_caller]
    pub fn apply(&self, features: &mut Array2<f32>) {
        assert_eq!(
            features.ncols(),
            self.mean.len(),
            "columns of the features against bands of the normaliser"
        );
        for mut row in features.axis_iter_mut(Axis(0)) {
            for ((x, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *x = (*x - mean) / deviation;
            }
        }
    }

    /// Whether these statistics, which may come from a file, fit `channels` bands.
    ///
    /// # Errors
    /// [`DataError::Normaliser`] when a length differs, a number is not finite or a deviation is not positive.
    pub fn check(&self, channels: usize) -> Result<(), DataError> {
        let wrong = |found: String, expected: String| Err(DataError::Normaliser { found, expected });
        for (what, values) in [("means", &self.mean), ("deviations", &self.deviation)] {
            if values.len() != channels {
                return wrong(format!("{} {what}", values.len()), format!("{channels}, one per band"));
            }
        }
        if let Some(m) = self.mean.iter().find(|m| !m.is_finite()) {
            return wrong(format!("a mean of {m}"), "finite numbers".to_owned());
        }
        if let Some(d) = self.deviation.iter().find(|d| !(d.is_finite() && **d > 0.0)) {
            return wrong(format!("a deviation of {d}"), "positive finite numbers".to_owned());
        }
        Ok(())
    }
}

/// Mean and sum of squared differences from it, of every band.
pub(crate) struct Moments {
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Of one utterance (steps, channels), in two passes.
    pub(crate) fn of(utterance: &ArrayView2<'_, f32>) -> Self {
        let count = utterance.nrows() as f64;
        let mut mean = vec![0.0; utterance.ncols()];
        let mut squares = mean.clone();
        for row in utterance.rows() {
            mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        for sum in &mut mean {
            *sum /= count.max(1.0);
        }
        for row in utterance.rows() {
            for ((sum, mean), &x) in squares.iter_mut().zip(&mean).zip(row) {
                let d = f64::from(x) - mean;
                *sum += d * d;
            }
        }
        Self { count, mean, squares }
    }

    /// Of these utterances and one more (T. Chan, G. Golub, R. LeVeque 1983).
    #[track_caller]
    fn with(mut self, other: &Self) -> Self {
        assert_eq!(other.mean.len(), self.mean.len(), "columns of an utterance against channels");
        let count = self.count + other.count;
        let share = other.count / count.max(1.0);
        for band in 0..self.mean.len() {
            let d = other.mean[band] - self.mean[band];
            self.mean[band] += d * share;
            self.squares[band] += other.squares[band] + d * d * self.count * share;
        }
        Self { count, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_per_band_does_not_survive_subtracting_the_mean() {
        let features = Array2::from_shape_fn((7, 3), |(t, c)| ((t * 5 + c * 3) % 7) as f32);
        let mut louder = &features + &ndarray::array![[1.0_f32, -2.0, 4.0]];
        let mut plain = features;
        subtract_mean(&mut plain);
        subtract_mean(&mut louder);
        approx::assert_abs_diff_eq!(plain, louder, epsilon = 1e-5);
        subtract_mean(&mut Array2::zeros((0, 3)));
    }
    use ndarray::array;

    #[test]
    fn fitted_features_have_mean_zero_and_deviation_one() {
        let a = Array2::from_shape_fn((7, 3), |(t, c)| (t * t) as f32 * 0.3 + c as f32);
        let b = Array2::from_shape_fn((4, 3), |(t, c)| 100.0 - (t * c) as f32);
        let normaliser = Normaliser::fit([a.view(), b.view()].into_iter(), 3);
        let mut all = ndarray::concatenate![Axis(0), a, b];
        normaliser.apply(&mut all);
        for band in all.columns() {
            assert!(band.mean().unwrap().abs() < 1e-5);
            assert!((band.std(0.0) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_constant_band_is_only_centred() {
        let flat = array![[2.0_f32], [2.0]];
        let normaliser = Normaliser::fit(std::iter::once(flat.view()), 1);
        assert_eq!(normaliser, Normaliser { mean: vec![2.0], deviation: vec![1.0] });
    }

    #[test]
    fn stored_statistics_are_checked() {
        let good = Normaliser { mean: vec![0.0; 2], deviation: vec![1.0; 2] };
        assert!(good.check(2).is_ok());
        let cases = [
            (good.clone(), 3, "found 2 means; expected 3, one per band"),
            (Normaliser { deviation: vec![1.0], ..good.clone() }, 2, "found 1 deviations"),
            (Normaliser { mean: vec![f32::NAN; 2], ..good.clone() }, 2, "a mean of NaN"),
            (Normaliser { deviation: vec![0.0; 2], ..good }, 2, "a deviation of 0"),
        ];
        for (normaliser, channels, message) in cases {
            let error = normaliser.check(channels).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
