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
fn a_report_of_many_classes_is_short_and_comes_back() {
    for classes in [3, 64, 65, 500] {
        let mut evaluation = Evaluation::new(classes);
        evaluation.update(&one_hot(&[0, 2, 1], classes), &[0, 1, 1]).unwrap();
        let report = evaluation.report();
        let text = serde_json::to_string(&report).unwrap();
        let back: EvaluationReport = serde_json::from_str(&text).unwrap();
        assert!(back.confusion == report.confusion && back.samples == 3, "{classes} classes");
        let confusion = text.split("\"confusion\":").nth(1).unwrap();
        assert_eq!(confusion.starts_with("[["), classes <= 64);
        assert!(confusion.len() < 20_000, "{classes} classes: {} bytes", confusion.len());
    }
    let wrong = r#"{"classes": 2, "counts": [[0, 7, 1]]}"#;
    let text = serde_json::to_string(&Evaluation::new(0).report())
        .unwrap()
        .replace("\"confusion\":[]", &format!("\"confusion\":{wrong}"));
    let error = serde_json::from_str::<EvaluationReport>(&text).unwrap_err().to_string();
    assert!(error.contains("the classes 0 and 7; expected both below 2"), "{error}");
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
