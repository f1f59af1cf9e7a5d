//! Classification metrics, counted batch by batch.
//!
//! The scores of the readout are class scores before normalisation (for the co-learned networks: the sum over time of
//! the softmax of the readout, B × C); the loss is the cross-entropy of their softmax,
//!
//! ```text
//! L = −log softmax(z)_y = log Σ_k exp(z_k − m) − (z_y − m),   m = max_k z_k,
//! ```
//!
//! where subtracting the largest score keeps every exponential at most one. Sums run in f64, sample after sample, so
//! cutting the data into other batches gives the same bits.
//!
//! ```
//! use colearn_eval::Evaluation;
//! use ndarray::array;
//!
//! let mut evaluation = Evaluation::new(3);
//! evaluation.update(&array![[2.0_f32, 0.0, 0.0], [0.0, 0.5, 1.5]], &[0, 1])?;
//! assert_eq!(evaluation.samples(), 2);
//! assert_eq!(evaluation.accuracy(), 0.5);
//! assert_eq!(evaluation.confusion()[[1, 2]], 1);
//! # Ok::<(), colearn_eval::EvalError>(())
//! ```

use ndarray::{Array2, ArrayRef, ArrayView1, Ix2};
use serde::{Deserialize, Serialize};

use crate::error::EvalError;
use crate::statistics::{Interval, wilson_interval};

/// Accumulates the results of a classifier with C classes over any number of batches.
///
/// A sample with a score that is not finite is *undecided*: it counts as wrong, appears in no column of the confusion
/// matrix and is left out of the mean loss; [`Evaluation::undecided`] says how many there were.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    confusion: Array2<u64>,
    undecided: Vec<u64>,
    loss_sum: f64,
}

impl Evaluation {
    /// An empty evaluation for `classes` classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { confusion: Array2::zeros((classes, classes)), undecided: vec![0; classes], loss_sum: 0.0 }
    }

    /// Counts one batch: `scores` (B, C) in any memory order, and the true class of each row.
    ///
    /// The predicted class is the one with the highest score, the lowest index among equals.
    ///
    /// # Errors
    /// If the shapes do not fit or a label is not below C; the evaluation is then unchanged.
    pub fn update<F>(&mut self, scores: &ArrayRef<F, Ix2>, labels: &[usize]) -> Result<(), EvalError>
    where
        F: Copy + Into<f64>,
    {
        let classes = self.classes();
        if scores.ncols() != classes {
            return Err(EvalError::Classes { found: scores.ncols(), expected: classes });
        }
        if scores.nrows() != labels.len() {
            return Err(EvalError::Batch { labels: labels.len(), samples: scores.nrows() });
        }
        if let Some((sample, &label)) = labels.iter().enumerate().find(|(_, label)| **label >= classes) {
            return Err(EvalError::Label { sample, label, classes });
        }
        for (row, &label) in scores.rows().into_iter().zip(labels) {
            match judge(&row, label) {
                Some((predicted, loss)) => {
                    self.confusion[[label, predicted]] += 1;
                    self.loss_sum += loss;
                }
                None => self.undecided[label] += 1,
            }
        }
        Ok(())
    }

    /// Adds the counts of `other`, for example of another part of the data.
    ///
    /// # Errors
    /// If `other` has another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<(), EvalError> {
        if other.classes() != self.classes() {
            return Err(EvalError::Classes { found: other.classes(), expected: self.classes() });
        }
        self.confusion += &other.confusion;
        for (mine, theirs) in self.undecided.iter_mut().zip(&other.undecided) {
            *mine += theirs;
        }
        self.loss_sum += other.loss_sum;
        Ok(())
    }

    /// Number of classes C.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.confusion.nrows()
    }

    /// Number of samples counted so far.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.decided() + self.undecided()
    }

    /// Samples with a score that was not finite.
    #[must_use]
    pub fn undecided(&self) -> u64 {
        self.undecided.iter().sum()
    }

    /// [`Self::undecided`] by true class, length C.
    #[must_use]
    pub fn undecided_by_class(&self) -> &[u64] {
        &self.undecided
    }

    /// Samples whose predicted class is the true one.
    #[must_use]
    pub fn correct(&self) -> u64 {
        self.confusion.diag().sum()
    }

    /// Confusion matrix (C, C): rows are true classes, columns predicted ones.
    #[must_use]
    pub fn confusion(&self) -> &Array2<u64> {
        &self.confusion
    }

    /// Mean cross-entropy in nats over the samples with finite scores; NaN when there is none.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.decided() as f64
    }

    /// Share of correct samples; NaN when there is no sample.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.samples() as f64
    }

    /// Accuracy of guessing uniformly, 1/C.
    #[must_use]
    pub fn chance(&self) -> f64 {
        1.0 / self.classes() as f64
    }

    /// Accuracy of always answering the most frequent true class; NaN when there is no sample.
    #[must_use]
    pub fn majority(&self) -> f64 {
        let largest = (0..self.classes()).map(|class| self.support(class)).max().unwrap_or(0);
        largest as f64 / self.samples() as f64
    }

    /// Precision, recall, F1 and support of each class, length C.
    #[must_use]
    pub fn per_class(&self) -> Vec<ClassMetrics> {
        (0..self.classes())
            .map(|class| {
                let hits = self.confusion[[class, class]];
                let predicted = self.confusion.column(class).sum();
                let support = self.support(class);
                ClassMetrics {
                    precision: share(hits, predicted),
                    recall: share(hits, support),
                    f1: share(2 * hits, predicted + support),
                    support,
                }
            })
            .collect()
    }

    /// Everything at once, for JSON or a table.
    #[must_use]
    pub fn report(&self) -> EvaluationReport {
        let per_class = self.per_class();
        let finite = |value: f64| value.is_finite().then_some(value);
        EvaluationReport {
            samples: self.samples(),
            undecided: self.undecided(),
            loss: finite(self.loss()),
            accuracy: finite(self.accuracy()),
            accuracy_interval: wilson_interval(self.correct(), self.samples(), 0.95),
            macro_f1: finite(per_class.iter().map(|class| class.f1).sum::<f64>() / per_class.len() as f64),
            chance: finite(self.chance()),
            majority: finite(self.majority()),
            confusion: self.confusion.rows().into_iter().map(|row| row.to_vec()).collect(),
            per_class,
        }
    }

    fn decided(&self) -> u64 {
        self.confusion.sum()
    }

    fn support(&self, class: usize) -> u64 {
        self.confusion.row(class).sum() + self.undecided[class]
    }
}

/// How well one class was recognised. A ratio with an empty denominator is zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// Correct among the samples given this class.
    pub precision: f64,
    /// Correct among the samples of this class.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Number of samples of this class.
    pub support: u64,
}

/// The results of an [`Evaluation`] as plain data. What cannot be said (no sample, no class) is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// Samples counted.
    pub samples: u64,
    /// Samples with a score that was not finite.
    pub undecided: u64,
    /// Mean cross-entropy in nats.
    pub loss: Option<f64>,
    /// Share of correct samples.
    pub accuracy: Option<f64>,
    /// 95 % Wilson interval of the accuracy.
    pub accuracy_interval: Option<Interval>,
    /// Unweighted mean of the F1 of all classes.
    pub macro_f1: Option<f64>,
    /// Accuracy of guessing uniformly.
    pub chance: Option<f64>,
    /// Accuracy of always answering the most frequent class.
    pub majority: Option<f64>,
    /// Metrics of each class.
    pub per_class: Vec<ClassMetrics>,
    /// Confusion matrix, one inner list per true class.
    pub confusion: Vec<Vec<u64>>,
}

/// Predicted class and loss of one row, or `None` if a score is not finite.
fn judge<F: Copy + Into<f64>>(row: &ArrayView1<'_, F>, label: usize) -> Option<(usize, f64)> {
    let mut best = 0;
    let mut largest = f64::NEG_INFINITY;
    for (class, &score) in row.iter().enumerate() {
        let score = score.into();
        if !score.is_finite() {
            return None;
        }
        if score > largest {
            (best, largest) = (class, score);
        }
    }
    let sum: f64 = row.iter().map(|&score| (score.into() - largest).exp()).sum();
    Some((best, sum.ln() - (row[label].into() - largest)))
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use ndarray::{array, s};

    /// Scores that make `predicted` the answer.
    fn one_hot(predicted: &[usize], classes: usize) -> Array2<f32> {
        Array2::from_shape_fn((predicted.len(), classes), |(b, c)| if predicted[b] == c { 1.0 } else { 0.0 })
    }

    #[test]
    fn confusion_and_f1_by_hand() {
        let mut evaluation = Evaluation::new(3);
        let truth = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2];
        let answer = [0, 0, 0, 1, 1, 1, 2, 2, 0, 0];
        evaluation.update(&one_hot(&answer, 3), &truth).unwrap();
        assert_eq!(evaluation.confusion(), &array![[3, 1, 0], [0, 2, 1], [2, 0, 1]]);
        assert_relative_eq!(evaluation.accuracy(), 0.6);
        assert_relative_eq!(evaluation.chance(), 1.0 / 3.0);
        assert_relative_eq!(evaluation.majority(), 0.4);
        let expected =
            [(0.6, 0.75, 2.0 / 3.0, 4), (2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 3), (0.5, 1.0 / 3.0, 0.4, 3)];
        for (found, (precision, recall, f1, support)) in evaluation.per_class().iter().zip(expected) {
            assert_relative_eq!(found.precision, precision, epsilon = 1e-12);
            assert_relative_eq!(found.recall, recall, epsilon = 1e-12);
            assert_relative_eq!(found.f1, f1, epsilon = 1e-12);
            assert_eq!(found.support, support);
        }
    }

    #[test]
    fn loss_is_the_direct_formula() {
        let scores = array![[0.3_f64, -1.2, 2.0], [1.0, 1.0, 1.0], [4.0, 0.5, -3.0]];
        let labels = [2, 0, 1];
        let direct: f64 = labels
            .iter()
            .zip(scores.rows())
            .map(|(&y, row)| -(row[y].exp() / row.iter().map(|z| z.exp()).sum::<f64>()).ln())
            .sum::<f64>()
            / 3.0;
        let mut evaluation = Evaluation::new(3);
        evaluation.update(&scores, &labels).unwrap();
        assert_relative_eq!(evaluation.loss(), direct, epsilon = 1e-12);
        let mut shifted = Evaluation::new(3);
        shifted.update(&(&scores + 5000.0), &labels).unwrap();
        assert_relative_eq!(shifted.loss(), direct, epsilon = 1e-9);
    }

    #[test]
    fn batches_and_memory_order_do_not_matter() {
        let scores = Array2::from_shape_fn((7, 4), |(b, c)| ((b * 5 + c * 3) % 7) as f32 * 0.3);
        let labels = [0, 1, 2, 3, 0, 1, 2];
        let mut whole = Evaluation::new(4);
        whole.update(&scores, &labels).unwrap();
        let mut parts = Evaluation::new(4);
        parts.update(&scores.slice(s![..3, ..]), &labels[..3]).unwrap();
        parts.update(&scores.slice(s![3.., ..]), &labels[3..]).unwrap();
        assert_eq!(whole, parts);
        let transposed = scores.t().as_standard_layout().into_owned();
        let mut columns = Evaluation::new(4);
        columns.update(&transposed.t(), &labels).unwrap();
        assert_eq!(whole, columns);
        let mut merged = Evaluation::new(4);
        merged.merge(&whole).unwrap();
        assert_eq!(merged, whole);
    }

    #[test]
    fn ties_go_to_the_lowest_index() {
        let mut evaluation = Evaluation::new(3);
        evaluation.update(&array![[0.0_f32, 1.0, 1.0]], &[2]).unwrap();
        assert_eq!(evaluation.confusion()[[2, 1]], 1);
    }

    #[test]
    fn scores_that_are_not_finite_count_as_wrong() {
        let mut evaluation = Evaluation::new(2);
        let scores = array![[f32::NAN, 1.0], [f32::INFINITY, 0.0], [2.0, 0.0], [f32::NAN, f32::NAN]];
        evaluation.update(&scores, &[1, 0, 0, 0]).unwrap();
        assert_eq!((evaluation.samples(), evaluation.undecided(), evaluation.correct()), (4, 3, 1));
        assert_relative_eq!(evaluation.accuracy(), 0.25);
        assert!(evaluation.loss().is_finite());
        assert_relative_eq!(evaluation.per_class()[0].recall, 1.0 / 3.0);
    }

    #[test]
    fn report_survives_json_even_when_empty() {
        let mut evaluation = Evaluation::new(2);
        for _ in 0..2 {
            let report = evaluation.report();
            let text = serde_json::to_string(&report).unwrap();
            assert_eq!(serde_json::from_str::<EvaluationReport>(&text).unwrap(), report);
            evaluation.update(&array![[2.0_f32, 0.0]], &[0]).unwrap();
        }
        assert_eq!(Evaluation::new(0).report().accuracy, None);
    }

    #[test]
    fn refused_batches_leave_no_trace() {
        let mut evaluation = Evaluation::new(2);
        let scores = array![[1.0_f32, 0.0], [0.0, 1.0]];
        let before = evaluation.clone();
        assert_eq!(
            evaluation.update(&scores, &[0, 2]),
            Err(EvalError::Label { sample: 1, label: 2, classes: 2 })
        );
        assert_eq!(evaluation.update(&scores, &[0]), Err(EvalError::Batch { labels: 1, samples: 2 }));
        let wide = Array2::<f32>::zeros((2, 3));
        assert_eq!(evaluation.update(&wide, &[0, 0]), Err(EvalError::Classes { found: 3, expected: 2 }));
        assert_eq!(evaluation, before);
    }
}
