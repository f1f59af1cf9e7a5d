//! The statistics against values of `fixtures/make_statistics.py`, which computes them with 50 digits by other formulas.

use colearn_eval::statistics::{
    holm, ln_gamma, mean_estimate, regularised_beta, student_t_quantile, student_t_two_sided, welch_test,
    wilson_interval,
};

const REFERENCE: &str = include_str!("fixtures/statistics.csv");
const TOLERANCE: f64 = 1e-9;
/// Allowed where the value itself is zero.
const SMALLEST: f64 = 1e-14;

fn numbers(text: &str) -> Vec<f64> {
    text.split(' ').map(|word| word.parse().expect("the script writes numbers")).collect()
}

/// The crate's answer to a row.
fn answer(what: &str, arguments: &[Vec<f64>]) -> Vec<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole numbers of the script"
    )]
    let whole = |number: f64| number as u64;
    let first = &arguments[0];
    match what {
        "ln_gamma" => vec![ln_gamma(first[0])],
        "beta" => vec![regularised_beta(first[0], first[1], first[2])],
        "two_sided" => vec![student_t_two_sided(first[0], first[1])],
        "quantile" => vec![student_t_quantile(first[0], whole(first[1])).expect("inside of the range")],
        "mean" => {
            let found = mean_estimate(first).expect("there are values");
            let interval = found.interval.expect("there are two values");
            vec![found.mean, found.std.expect("there are two values"), interval.low, interval.high]
        }
        "welch" => {
            let test = welch_test(first, &arguments[1]).expect("the sets vary");
            vec![test.difference, test.interval.low, test.interval.high, test.t, test.degrees, test.p]
        }
        "holm" => holm(first),
        "wilson" => {
            let found = wilson_interval(whole(first[0]), whole(first[1]), first[2]).expect("a proper share");
            vec![found.low, found.high]
        }
        other => panic!("the script wrote {other}, which is not known here"),
    }
}

#[test]
fn every_value_of_the_reference_is_met() {
    let mut rows = 0;
    for line in REFERENCE.lines() {
        let cells: Vec<&str> = line.split(',').collect();
        let (what, arguments, values) = (cells[0], &cells[1..cells.len() - 1], cells[cells.len() - 1]);
        let arguments: Vec<Vec<f64>> = arguments.iter().map(|cell| numbers(cell)).collect();
        let (found, expected) = (answer(what, &arguments), numbers(values));
        assert_eq!(found.len(), expected.len(), "{line}");
        for (found, expected) in found.iter().zip(&expected) {
            let error = (found - expected).abs();
            assert!(error <= TOLERANCE * expected.abs() + SMALLEST, "{line}: {found} against {expected}");
        }
        rows += 1;
    }
    assert!(rows > 50, "{rows} rows");
}
