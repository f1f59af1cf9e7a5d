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

mod sparse;

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
    /// Confusion matrix, one inner list per true class. Serialised as that for up to 64 classes; for more, whose matrix
    /// grows with their square, as the triples \[true class, predicted class, count\] of the counts above zero.
    #[serde(serialize_with = "sparse::write", deserialize_with = "sparse::read")]
    pub confusion: Vec<Vec<u64>>,
}

/// The class that a sample with these scores (C) is given: the one with the highest score, the lowest index among equals;
/// `None` if a score is not finite.
#[must_use]
pub fn predicted_class<F: Copy + Into<f64>>(scores: &ArrayView1<'_, F>) -> Option<usize> {
    largest(scores).map(|(class, _)| class)
}

/// The first of the largest scores and its class, or `None` if one is not finite.
fn largest<F: Copy + Into<f64>>(row: &ArrayView1<'_, F>) -> Option<(usize, f64)> {
    let mut best = (0, f64::NEG_INFINITY);
    for (class, &score) in row.iter().enumerate() {
        let score = score.into();
        if !score.is_finite() {
            return None;
        }
        if score > best.1 {
            best = (class, score);
        }
    }
    Some(best)
}

/// Predicted class and loss of one row, or `None` if a score is not finite.
fn judge<F: Copy + Into<f64>>(row: &ArrayView1<'_, F>, label: usize) -> Option<(usize, f64)> {
    let (best, largest) = largest(row)?;
    let sum: f64 = row.iter().map(|&score| (score.into() - largest).exp()).sum();
    Some((best, sum.ln() - (row[label].into() - largest)))
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
