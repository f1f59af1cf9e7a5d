//! From windowed frames to the energies of bands: the part that every front end shares.
//!
//! Frame n gives E\[n, b\] = Σ_k w_b\[k\] · |X_n\[k\]|², with X_n the discrete Fourier transform of the frame and w_b the
//! weights of band b. Sixteen frames lie side by side, one a lane, so that a weight is one vector instruction; each
//! frame's sum runs over rising k, whatever lane it is in.

use std::sync::Arc;

use colearn_simd::{Kernel, LANES, Lanes, Level, dispatch};
use ndarray::{Array2, Axis};
use realfft::{RealFftPlanner, RealToComplex};

use crate::DataError;

/// One band: the bins `first ..` and their weights. A band without weights has no energy.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) first: usize,
    pub(crate) weights: Vec<f32>,
}

impl Filter {
    /// The bins whose place lies between `left` and `right` and whose weight is above zero. `places` rise. Costs
    /// O(log bins + bins of the band), so that many narrow bands over many bins stay cheap.
    pub(crate) fn of(places: &[f64], (left, right): (f64, f64), weight: impl Fn(f64) -> f64) -> Self {
        let end = places.partition_point(|&place| place < right);
        let inside = places.partition_point(|&place| place <= left)..end;
        let first = inside.clone().find(|&bin| weight(places[bin]) > 0.0).unwrap_or(end);
        #[expect(clippy::cast_possible_truncation, reason = "weights are used in single precision")]
        let weights =
            places[first..end].iter().map(|&place| weight(place)).take_while(|&w| w > 0.0).map(|w| w as f32);
        Self { first, weights: weights.collect() }
    }
}

/// Transform and bands.
#[derive(Clone)]
pub(crate) struct FilterBank {
    filters: Vec<Filter>,
    transform: Arc<dyn RealToComplex<f32>>,
}

impl FilterBank {
    /// A bank over the `points / 2 + 1` bins of a transform of `points` samples.
    pub(crate) fn new(points: usize, filters: Vec<Filter>) -> Self {
        let bins = points / 2 + 1;
        assert!(
            filters.iter().all(|filter| filter.first + filter.weights.len() <= bins),
            "a band beyond the {bins} bins of the transform"
        );
        Self { filters, transform: RealFftPlanner::new().plan_fft_forward(points) }
    }

    pub(crate) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// Energies, shape (frames, bands). `fill(n, frame)` writes all points of frame n, window included.
    pub(crate) fn energies(&self, frames: usize, mut fill: impl FnMut(usize, &mut [f32])) -> Array2<f32> {
        let mut energies = Array2::zeros((frames, self.filters.len()));
        let mut frame = self.transform.make_input_vec();
        let mut spectrum = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        let mut power = vec![Lanes::default(); spectrum.len()];
        for (block, mut rows) in energies.axis_chunks_iter_mut(Axis(0), LANES).enumerate() {
            for lane in 0..rows.nrows() {
                fill(block * LANES + lane, &mut frame);
                self.transform
                    .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                    .expect("the buffers were made by the transform itself");
                for (p, x) in power.iter_mut().zip(&spectrum) {
                    p.0[lane] = x.norm_sqr();
                }
            }
            let rows = rows.as_slice_mut().expect("whole rows of a new array");
            dispatch(Sums { power: &power, filters: &self.filters, rows });
        }
        energies
    }
}

/// The weighted sums of up to sixteen frames.
struct Sums<'a> {
    /// Power per bin, a frame a lane.
    power: &'a [Lanes<f32>],
    filters: &'a [Filter],
    /// Shape (frames, bands).
    rows: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for (band, filter) in self.filters.iter().enumerate() {
            let bins = &self.power[filter.first..filter.first + filter.weights.len()];
            let sum = (bins.iter().zip(&filter.weights))
                .fold(Lanes::default(), |sum: Lanes<f32>, (p, &w)| sum.scaled::<L>(w, p));
            for (row, energy) in self.rows.chunks_exact_mut(self.filters.len()).zip(sum.0) {
                row[band] = energy;
            }
        }
    }
}

/// A duration in whole samples, rounded down: two samples to one second's.
pub(crate) fn whole_samples(key: &'static str, seconds: f64, rate: u32) -> Result<usize, DataError> {
    // The small addition undoes representation errors such as 0.1 * 3; Kaldi truncates the exact product.
    let samples = (seconds * f64::from(rate) + 1e-6).floor();
    if seconds.is_finite() && seconds <= 1.0 && samples >= 2.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "2 to one second's samples"
        )]
        return Ok(samples as usize);
    }
    Err(DataError::Config {
        key,
        found: format!("{seconds} s"),
        expected: "two samples to one second".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_are_the_weighted_squares_of_a_direct_transform() {
        let filters = vec![
            Filter { first: 1, weights: vec![0.5, 1.0, 0.25] },
            Filter { first: 5, weights: Vec::new() },
            Filter { first: 4, weights: vec![2.0] },
        ];
        let bank = FilterBank::new(8, filters.clone());
        // More frames than lanes, and a last block that is not full.
        let signal = |n: usize, i: usize| ((7 * n + 3 * i * i) % 11) as f32 / 11.0 - 0.4;
        let energies = bank.energies(LANES + 3, |n, frame| {
            frame.iter_mut().enumerate().for_each(|(i, x)| *x = signal(n, i));
        });
        assert_eq!(energies.dim(), (LANES + 3, 3));
        for ((n, band), &energy) in energies.indexed_iter() {
            let power = |k: usize| {
                let angle = |i: usize| std::f64::consts::TAU * (k * i) as f64 / 8.0;
                let part = |f: fn(f64) -> f64| -> f64 {
                    (0..8).map(|i| f64::from(signal(n, i)) * f(angle(i))).sum()
                };
                part(f64::cos).powi(2) + part(f64::sin).powi(2)
            };
            let filter = &filters[band];
            let expected: f64 =
                filter.weights.iter().zip(filter.first..).map(|(&w, k)| f64::from(w) * power(k)).sum();
            assert!((f64::from(energy) - expected).abs() < 1e-5, "frame {n}, band {band}: {energy}");
        }
    }

    #[test]
    fn a_frame_has_the_same_bits_wherever_it_stands() {
        let bank = FilterBank::new(16, vec![Filter { first: 0, weights: vec![0.1; 9] }]);
        let same = |_: usize, frame: &mut [f32]| {
            frame.iter_mut().enumerate().for_each(|(i, x)| *x = (i as f32).sin());
        };
        let energies = bank.energies(40, same);
        let first = energies[[0, 0]].to_bits();
        assert!(energies.iter().all(|e| e.to_bits() == first));
        assert_eq!(bank.energies(1, same)[[0, 0]].to_bits(), first);
    }

    #[test]
    fn a_filter_is_the_bins_inside_with_positive_weights() {
        let places = [0.0, 1.0, 2.0, 3.0, 4.0];
        let filter = Filter::of(&places, (1.0, 4.0), |place| place - 2.0);
        assert_eq!((filter.first, filter.weights), (3, vec![1.0]));
        let filter = Filter::of(&places, (0.5, 9.0), |place| 4.0 - place);
        assert_eq!((filter.first, filter.weights), (1, vec![3.0, 2.0, 1.0]));
        for (left, right) in [(1.0, 2.0), (4.5, 9.0), (-2.0, -1.0), (3.0, 1.0)] {
            assert_eq!(Filter::of(&places, (left, right), |_| 1.0).weights, [0.0; 0]);
        }
    }
}
