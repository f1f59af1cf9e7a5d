//! Cells side by side: what several runs of each make of a table, a row a cell.

mod groups;
mod output;

use colearn_eval::statistics::{WelchTest, holm, mean, mean_estimate, welch_test, wilson_interval};
use colearn_eval::{Interval, MeanEstimate};
use serde::{Deserialize, Serialize};

use crate::runs::stored::StoredRun;
pub(crate) use groups::{Group, groups};
pub(crate) use output::{FILES, Part};

/// A number that others published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    /// The cell it is shown beside.
    pub(crate) cell: String,
    /// Accuracy in percent.
    pub(crate) percent: f64,
    /// As published; of what it is the spread stands in `note`, where it is known.
    pub(crate) plus_minus: Option<f64>,
    /// The split that chose epoch and settings.
    pub(crate) selected_on: Selected,
    /// Where it stands.
    pub(crate) source: String,
    /// What differs from the cell.
    pub(crate) note: Option<String>,
}

/// The split that selected a published result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Selected {
    Test,
    Validation,
    Unknown,
}

impl Selected {
    /// In words, as a table's cell.
    fn name(self) -> &'static str {
        match self {
            Self::Test => "the TEST split",
            Self::Validation => "validation",
            Self::Unknown => "unknown",
        }
    }

    /// The mark that stands beside the number.
    fn mark(self) -> &'static str {
        match self {
            Self::Test => "selected on TEST",
            Self::Validation => "selected on validation",
            Self::Unknown => "selection unknown",
        }
    }
}

/// The runs of one cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// Short, unique in its comparison.
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) published: Vec<Published>,
    /// Finished runs, in any order.
    pub(crate) runs: Vec<StoredRun>,
    /// Seeds and speakers left out that the cell should have; runs of others are not counted.
    pub(crate) seeds: Vec<u64>,
    pub(crate) speakers: Vec<Option<String>>,
}

impl Cell {
    /// A cell that should have the seeds and the speakers that its runs have.
    pub(crate) fn of(name: &str, runs: Vec<StoredRun>) -> Self {
        let mut seeds: Vec<u64> = runs.iter().map(StoredRun::seed).collect();
        let mut speakers: Vec<Option<String>> =
            runs.iter().map(|run| run.experiment.data.leave_out.clone()).collect();
        seeds.sort_unstable();
        seeds.dedup();
        speakers.sort();
        speakers.dedup();
        Self { label: name.to_owned(), name: name.to_owned(), published: Vec::new(), runs, seeds, speakers }
    }
}

impl AsRef<StoredRun> for StoredRun {
    fn as_ref(&self) -> &StoredRun {
        self
    }
}

/// The run of a seed that left out a speaker.
fn find<'a, R: AsRef<StoredRun>>(runs: &'a [R], seed: u64, speaker: Option<&String>) -> Option<&'a R> {
    runs.iter().find(|run| {
        let run = run.as_ref();
        run.seed() == seed && run.experiment.data.leave_out.as_ref() == speaker
    })
}

/// A value of a seed: with several speakers left out its mean over them. `None` where a run or its value is missing.
pub(crate) fn of_seed<R: AsRef<StoredRun>>(
    runs: &[R],
    seed: u64,
    speakers: &[Option<String>],
    value: impl Fn(&R) -> Option<f64>,
) -> Option<f64> {
    let all: Option<Vec<f64>> = speakers.iter().map(|name| value(find(runs, seed, name.as_ref())?)).collect();
    mean(&all?)
}

/// Two cells to compare, by name, and what is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    pub(crate) first: String,
    pub(crate) second: String,
    pub(crate) asks: String,
}

/// A comparison as `summary.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Comparison {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) pairs: Vec<PairRow>,
    /// What must be said about these results.
    pub(crate) warnings: Vec<String>,
}

/// A cell in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) label: String,
    /// Runs the cell should have, seeds times speakers left out.
    pub(crate) expected_runs: usize,
    pub(crate) finished_runs: usize,
    /// Mean, sample deviation and 95 % Student-t interval of the accuracy over the seeds.
    pub(crate) accuracy: Option<MeanEstimate>,
    /// Wilson's 95 % interval of the mean accuracy for one split of that size: what so many samples can tell.
    pub(crate) binomial: Option<Interval>,
    /// Mean accuracy of the same networks with learned delays that were not rounded.
    pub(crate) unrounded: Option<f64>,
    /// Samples behind one seed's accuracy, all speakers together.
    pub(crate) samples: u64,
    /// The split of the accuracy.
    pub(crate) reported_on: Option<&'static str>,
    pub(crate) parameters: Option<usize>,
    pub(crate) trainable_parameters: Option<usize>,
    /// Hidden spikes of an utterance.
    pub(crate) spikes_per_inference: Option<f64>,
    /// Additions caused by them.
    pub(crate) synaptic_operations: Option<f64>,
    /// Each seed's accuracy, with several speakers left out their mean.
    pub(crate) per_seed: Vec<SeedValue>,
    /// Each left-out speaker's accuracy, the mean over the seeds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) per_speaker: Vec<SpeakerValue>,
    pub(crate) published: Vec<Published>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SeedValue {
    pub(crate) seed: u64,
    /// `None` while a run of this seed is missing.
    pub(crate) accuracy: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SpeakerValue {
    pub(crate) speaker: String,
    pub(crate) accuracy: Option<f64>,
}

/// A pair in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PairRow {
    #[serde(flatten)]
    pub(crate) pair: Pair,
    /// `None` where a cell has fewer than two seeds or no cell varies.
    pub(crate) welch: Option<WelchTest>,
    /// Corrected by Holm's rule for all tested pairs of the comparison.
    pub(crate) p_holm: Option<f64>,
}

impl Comparison {
    pub(crate) fn new(name: &str, title: &str, cells: Vec<Cell>, pairs: Vec<Pair>) -> Self {
        let mut warnings: Vec<String> = Vec::new();
        for text in cells.iter().flat_map(|cell| &cell.runs).filter_map(|run| run.protocol.warning()) {
            if !warnings.iter().any(|known| known == text) {
                warnings.push(text.to_owned());
            }
        }
        let rows: Vec<Row> = cells.into_iter().map(Row::new).collect();
        let pairs = tested(&rows, pairs);
        Self { name: name.to_owned(), title: title.to_owned(), rows, pairs, warnings }
    }
}

/// The pairs with their tests, corrected together.
fn tested(rows: &[Row], pairs: Vec<Pair>) -> Vec<PairRow> {
    let values = |name: &str| rows.iter().find(|row| row.name == name).map_or(Vec::new(), Row::values);
    let test = |pair: Pair| {
        let welch = welch_test(&values(&pair.first), &values(&pair.second));
        PairRow { pair, welch, p_holm: None }
    };
    let mut pairs: Vec<PairRow> = pairs.into_iter().map(test).collect();
    let p_values: Vec<f64> = pairs.iter().filter_map(|pair| pair.welch.map(|welch| welch.p)).collect();
    let done = pairs.iter_mut().filter(|pair| pair.welch.is_some());
    for (pair, corrected) in done.zip(holm(&p_values)) {
        pair.p_holm = Some(corrected);
    }
    pairs
}

impl Row {
    pub(crate) fn new(cell: Cell) -> Self {
        let wanted: Vec<(u64, &Option<String>)> =
            cell.seeds.iter().flat_map(|seed| cell.speakers.iter().map(|name| (*seed, name))).collect();
        let find = |seed: u64, speaker: &Option<String>| find(&cell.runs, seed, speaker.as_ref());
        let runs: Vec<&StoredRun> =
            wanted.iter().filter_map(|(seed, speaker)| find(*seed, speaker)).collect();
        let seed_value = |&seed: &u64| SeedValue {
            seed,
            accuracy: of_seed(&cell.runs, seed, &cell.speakers, |run| Some(run.accuracy)),
        };
        let per_seed: Vec<SeedValue> = cell.seeds.iter().map(seed_value).collect();
        let values: Vec<f64> = per_seed.iter().filter_map(|value| value.accuracy).collect();
        let accuracy = mean_estimate(&values);
        let speaker_value = |speaker: &String| {
            let name = Some(speaker.clone());
            let found = cell.seeds.iter().filter_map(|seed| find(*seed, &name).map(|run| run.accuracy));
            SpeakerValue { speaker: speaker.clone(), accuracy: mean(&found.collect::<Vec<f64>>()) }
        };
        let of_all = |value: fn(&StoredRun) -> Option<f64>| {
            let values: Option<Vec<f64>> = runs.iter().map(|run| value(run)).collect();
            values.and_then(|values| mean(&values))
        };
        // Every seed of a cell has the same splits.
        let samples = cell.seeds.iter().map(|seed| {
            cell.speakers.iter().filter_map(|name| find(*seed, name)).map(|run| run.samples).sum()
        });
        let samples = samples.max().unwrap_or(0);
        Self {
            expected_runs: wanted.len(),
            finished_runs: runs.len(),
            binomial: accuracy.and_then(|estimate| binomial(estimate.mean, samples)),
            accuracy,
            unrounded: of_all(|run| run.unrounded),
            samples,
            reported_on: runs.first().map(|run| run.reported_on()),
            parameters: runs.first().map(|run| run.parameters),
            trainable_parameters: runs.first().map(|run| run.trainable_parameters),
            spikes_per_inference: of_all(|run| run.spikes),
            synaptic_operations: of_all(|run| run.synaptic_operations),
            per_seed,
            per_speaker: cell.speakers.iter().flatten().map(speaker_value).collect(),
            name: cell.name,
            label: cell.label,
            published: cell.published,
        }
    }

    /// The accuracies of the seeds that are complete.
    pub(crate) fn values(&self) -> Vec<f64> {
        self.per_seed.iter().filter_map(|value| value.accuracy).collect()
    }
}

/// Wilson's interval at a mean share of `samples`, of which the nearest whole number counts as right.
pub(crate) fn binomial(share: f64, samples: u64) -> Option<Interval> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
    let right = (share * samples as f64).round() as u64;
    wilson_interval(right, samples, 0.95)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::runs::experiment::Experiment;
    use colearn_data::Protocol;

    pub(crate) fn run(seed: u64, speaker: Option<&str>, accuracy: f64) -> StoredRun {
        let mut experiment = Experiment::default();
        experiment.train.seed = seed;
        experiment.data.leave_out = speaker.map(str::to_owned);
        StoredRun {
            experiment,
            accuracy,
            samples: 100,
            parameters: 1234,
            trainable_parameters: 1200,
            best_epoch: 1,
            spikes: Some(50.0 + accuracy),
            ..StoredRun::default()
        }
    }

    pub(crate) fn cell(name: &str, runs: Vec<StoredRun>) -> Cell {
        let label = format!("{name}, with | and \"");
        Cell { name: name.into(), label, published: vec![], runs, seeds: vec![0, 1, 2], speakers: vec![None] }
    }

    pub(crate) fn pair(first: &str, second: &str) -> Pair {
        Pair { first: first.into(), second: second.into(), asks: "is it better?".into() }
    }

    #[test]
    fn a_row_has_the_statistics_of_its_seeds() {
        let runs = vec![run(2, None, 0.9), run(0, None, 0.8), run(9, None, 0.1), run(1, None, 0.85)];
        let row = Row::new(cell("a", runs));
        assert_eq!((row.expected_runs, row.finished_runs, row.samples), (3, 3, 100));
        assert_eq!(row.values(), [0.8, 0.85, 0.9], "in the order of the seeds, without others");
        let accuracy = row.accuracy.unwrap();
        assert!((accuracy.mean - 0.85).abs() < 1e-12 && (accuracy.std.unwrap() - 0.05).abs() < 1e-12);
        assert_eq!(row.binomial, wilson_interval(85, 100, 0.95));
        assert_eq!((row.synaptic_operations, row.reported_on), (None, Some("test")));
    }

    #[test]
    fn a_seed_counts_when_all_its_speakers_are_there() {
        let runs = vec![
            run(0, Some("a"), 0.8),
            run(0, Some("b"), 0.6),
            run(1, Some("a"), 0.9),
            run(2, Some("b"), 0.5),
            run(2, Some("a"), 0.7),
        ];
        let speakers = vec![Some("a".to_owned()), Some("b".to_owned())];
        let row = Row::new(Cell { speakers, ..cell("x", runs) });
        assert_eq!((row.expected_runs, row.finished_runs, row.samples), (6, 5, 200));
        let values = row.values();
        assert!((values[0] - 0.7).abs() < 1e-12 && (values[1] - 0.6).abs() < 1e-12 && values.len() == 2);
        assert_eq!(row.per_seed[1].accuracy, None);
        assert!((row.per_speaker[0].accuracy.unwrap() - 0.8).abs() < 1e-12);
    }

    #[test]
    fn pairs_are_corrected_together_and_only_where_tested() {
        let three = |a, b, c| vec![run(0, None, a), run(1, None, b), run(2, None, c)];
        let cells = vec![
            cell("a", three(0.9, 0.91, 0.92)),
            cell("b", three(0.8, 0.83, 0.81)),
            cell("c", three(0.9, 0.89, 0.93)),
            cell("d", vec![run(0, None, 0.5)]),
        ];
        let pairs = vec![pair("a", "b"), pair("a", "d"), pair("a", "c")];
        let comparison = Comparison::new("n", "t", cells, pairs);
        let p: Vec<Option<f64>> =
            comparison.pairs.iter().map(|pair| pair.welch.map(|welch| welch.p)).collect();
        assert_eq!(p[1], None);
        assert_eq!(comparison.pairs[1].p_holm, None);
        let (small, large) = (p[0].unwrap(), p[2].unwrap());
        assert!(small < large);
        assert!((comparison.pairs[0].p_holm.unwrap() - 2.0 * small).abs() < 1e-15);
        assert!((comparison.pairs[2].p_holm.unwrap() - large).abs() < 1e-15);
    }

    #[test]
    fn results_that_the_test_split_selected_keep_their_mark() {
        let marked = StoredRun { protocol: Protocol::SelectedOnTest, ..run(0, None, 0.9) };
        let comparison = Comparison::new(
            "n",
            "t",
            vec![cell("a", vec![marked]), cell("b", vec![run(0, None, 0.8)])],
            vec![],
        );
        assert_eq!(comparison.rows[0].reported_on, Some("TEST, which selected"));
        assert_eq!(comparison.rows[1].reported_on, Some("test"));
        assert!(comparison.warnings.len() == 1 && comparison.warnings[0].contains("TEST split chose"));
    }
}
