//! Results of a network on the splits, as a table and for the report.

use anyhow::{Context, Result};
use colearn_data::{Dataset, Loader, Order, Protocol, Split};
use colearn_eval::metrics::predicted_class;
use colearn_eval::{Align, EvaluationReport, Table};
use colearn_network::{Delays, Network, Parameter, ParameterKind};
use colearn_tape::Pool;
use colearn_train::{SplitResult, evaluate, evaluate_each};
use serde::Serialize;

use super::run_folder::{EVALUATION, EXAMPLE, HeldFolder};
use super::stored::{Example, StoredEvaluation, StoredResult, Wrong};
use super::subject::Subject;

/// Results with rounded delays, in inference mode.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) train: SplitResult,
    pub(crate) validation: SplitResult,
    pub(crate) test: Option<SplitResult>,
    /// The reported split once more with the delays as they were learned, where there are any.
    pub(crate) unrounded: Option<SplitResult>,
    /// The samples of the reported split that were not recognised.
    pub(crate) wrong: Vec<Wrong>,
}

impl Results {
    pub(crate) fn of(network: &Network<f32>, data: &Dataset, batch: usize) -> Result<Self> {
        let mut pool = Pool::default();
        let mut on = |split: &Split, delays| evaluate(network, split, data.steps, batch, delays, &mut pool);
        let learned = |p: &Parameter<f32>| p.kind == ParameterKind::Delay && p.trainable;
        let reported = data.test.as_ref().unwrap_or(&data.validation);
        let unrounded = network.parameters().iter().any(learned).then(|| on(reported, Delays::Stored));
        let unrounded = unrounded.transpose()?;
        let train = on(&data.train, Delays::Rounded)?;
        let mut wrong = Vec::new();
        let result = evaluate_each(
            network,
            reported,
            data.steps,
            batch,
            (Delays::Rounded, &mut pool),
            |index, scores| {
                wrong.extend(Wrong::of(&reported.samples[index], predicted_class(&scores)));
            },
        )?;
        let (validation, test) = match &data.test {
            Some(_) => {
                let validation =
                    evaluate(network, &data.validation, data.steps, batch, Delays::Rounded, &mut pool)?;
                (validation, Some(result))
            }
            None => (result, None),
        };
        Ok(Self { train, validation, test, unrounded, wrong })
    }

    /// The result to report: that of the test split, or of validation where there is none.
    pub(crate) fn reported(&self, protocol: Protocol) -> (&SplitResult, &'static str) {
        self.test.as_ref().map_or((&self.validation, protocol.selecting_split()), |test| (test, "test"))
    }

    /// A row a split.
    pub(crate) fn table(&self, protocol: Protocol) -> Table {
        let mut table = Table::new(["split", "samples", "accuracy", "95 % interval", "loss"]).align([
            Align::Left,
            Align::Right,
            Align::Right,
            Align::Right,
            Align::Right,
        ]);
        let splits = [
            ("train", Some(&self.train)),
            (protocol.selecting_split(), Some(&self.validation)),
            ("test", self.test.as_ref()),
        ];
        for (name, result) in splits {
            match result {
                Some(result) => table.row(row(name, result)),
                None if protocol == Protocol::SelectedOnTest => continue,
                None => table.row([name, "none"]),
            };
        }
        table
    }
}

/// Name, samples, accuracy, its interval and the loss of one split.
pub(crate) fn row(name: &str, result: &SplitResult) -> [String; 5] {
    let report = result.evaluation.report();
    let decided = report.undecided < report.samples;
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    let interval = report
        .accuracy_interval
        .filter(|_| decided)
        .map(|range| format!("{} to {} %", percent(range.low), percent(range.high)));
    [
        name.to_owned(),
        report.samples.to_string(),
        report
            .accuracy
            .filter(|_| decided)
            .map_or_else(|| "none".to_owned(), |accuracy| format!("{} %", percent(accuracy))),
        interval.unwrap_or_default(),
        report.loss.map_or_else(|| "none".to_owned(), |loss| format!("{loss:.3}")),
    ]
}

/// What is to be said where scores are infinite or not a number; `None` where every sample was decided.
pub(crate) fn undecided(report: &EvaluationReport) -> Option<String> {
    let (count, samples) = (report.undecided, report.samples);
    let reason = "a score was infinite or not a number";
    match count {
        0 => None,
        _ if count == samples => Some(format!("no sample was decided: in each of the {samples}, {reason}")),
        _ => Some(format!("{count} of {samples} samples were not decided and count as wrong: {reason}")),
    }
}

/// Writes both files of a run that ends.
pub(crate) fn write(
    subject: &Subject<'_>,
    results: &Results,
    example: Option<&Example>,
    batch: usize,
    folder: &HeldFolder,
) -> Result<()> {
    let (split, name, _) = subject.split;
    let data = subject.data;
    let (input_active, input_binary) = input_activity(split, data.steps, batch)?;
    let evaluation = StoredEvaluation {
        split: name.to_owned(),
        classes: data.classes.clone(),
        steps: data.steps,
        step_s: data.step_s,
        channels: data.channels,
        input_active,
        input_binary,
        rounded: results.reported(data.protocol).0.into(),
        unrounded: results.unrounded.as_ref().map(StoredResult::from),
        wrong: Some(results.wrong.clone()),
    };
    folder.write(EVALUATION, &json(&evaluation)?)?;
    if let Some(example) = example {
        folder.write(EXAMPLE, &json(example)?)?;
    }
    Ok(())
}

/// Share of input values that are not zero, and whether all are zero or one.
fn input_activity(split: &Split, steps: usize, batch: usize) -> Result<(f64, bool)> {
    let (mut active, mut all, mut binary) = (0_u64, 0_u64, true);
    for part in Loader::new(split, steps, batch, Order::Sequential) {
        let input = part?.input;
        all += input.len() as u64;
        for value in &input {
            let zero = value.abs() <= 0.0;
            active += u64::from(!zero);
            binary &= zero || (value - 1.0).abs() <= 0.0;
        }
    }
    Ok((active as f64 / all.max(1) as f64, binary))
}

fn json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value).context("a result cannot be written as JSON")? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_eval::Evaluation;
    use ndarray::array;

    #[test]
    fn scores_that_are_no_numbers_are_no_result() {
        let mut evaluation = Evaluation::new(2);
        let shown = |evaluation: &Evaluation| {
            let result = SplitResult { evaluation: evaluation.clone(), rates: vec![], steps: 1.0 };
            (row("test", &result), undecided(&evaluation.report()))
        };
        evaluation.update(&array![[f32::NAN, 1.0], [f32::INFINITY, 0.0]], &[1, 0]).unwrap();
        let (cells, line) = shown(&evaluation);
        assert_eq!(cells, ["test", "2", "none", "", "none"]);
        assert_eq!(
            line.unwrap(),
            "no sample was decided: in each of the 2, a score was infinite or not a number"
        );
        evaluation.update(&array![[1.0_f32, 0.0], [2.0, 0.0]], &[0, 0]).unwrap();
        let (cells, line) = shown(&evaluation);
        assert_eq!(cells[..3], ["test", "4", "50.0 %"]);
        assert!(line.unwrap().starts_with("2 of 4 samples were not decided and count as wrong: a score was"));
        let mut decided = Evaluation::new(2);
        decided.update(&array![[1.0_f32, 0.0]], &[1]).unwrap();
        assert_eq!((shown(&decided).0[2].as_str(), shown(&decided).1), ("0.0 %", None));
    }
}
