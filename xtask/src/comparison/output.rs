//! A comparison as `table.md`, `table.csv` and `summary.json`. Nothing in them depends on when, where or how fast the
//! runs were made, so the same runs give the same bytes.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use colearn_eval::{Align, Interval, Table};
use colearn_store::FolderLock;

use super::{Comparison, PairRow, Published};
use crate::outputs;

/// The files of a comparison.
pub(crate) const FILES: [&str; 3] = ["table.md", "table.csv", "summary.json"];

/// What stands where there is nothing to say.
const NOTHING: &str = "–";

impl Comparison {
    /// Writes the three files into the locked folder; returns their paths.
    pub(crate) fn write(&self, lock: &FolderLock) -> Result<Vec<PathBuf>> {
        let mut json =
            serde_json::to_string_pretty(self).context("the comparison cannot be written as JSON")?;
        json.push('\n');
        let texts = [self.to_markdown(), self.to_csv()?, json];
        let files: Vec<(String, String)> = FILES.map(str::to_owned).into_iter().zip(texts).collect();
        outputs::write(lock, &files, |_| false)
    }

    /// The tables with what they mean.
    pub(crate) fn to_markdown(&self) -> String {
        let mut text = format!("# {}\n\n{}", self.title, self.accuracies());
        text.push_str(
            "\nAccuracy in percent: mean ± sample deviation over the seeds and the 95 % Student-t interval of the mean. \
             Binomial: Wilson's 95 % interval at the mean for one split of that size. Unrounded: the same networks \
             with learned delays as they are; all other columns are of delays rounded to whole steps. Spikes: of the \
             hidden layers in one utterance. Operations: additions those spikes cause, without the first matrix. \
             Published numbers are of others, with the split that selected them.\n",
        );
        for warning in &self.warnings {
            writeln!(text, "\n**Note:** {warning}.").expect("a string takes every text");
        }
        write!(text, "\n## Each seed\n\n{}", self.seeds()).expect("a string takes every text");
        for (title, part) in self.parts() {
            write!(text, "\n## {title}\n\n{part}").expect("a string takes every text");
        }
        text
    }

    /// Title and Markdown of what not every comparison has.
    pub(crate) fn parts(&self) -> Vec<(&'static str, String)> {
        let mut parts = Vec::new();
        if !self.pairs.is_empty() {
            let tested = self.pairs.iter().filter(|pair| pair.welch.is_some()).count();
            let text = format!(
                "Difference of the means in percentage points, Welch's t-test over the seeds, two-sided; p (Holm) is \
                 corrected for all {tested} tested pairs. A seed is the unit: the test says nothing about other speakers \
                 or data.\n\n{}",
                self.pair_table()
            );
            parts.push(("Pairs", text));
        }
        if let Some(speakers) = self.speakers() {
            let text = format!("Mean over the seeds, in percent.\n\n{speakers}");
            parts.push(("Each speaker left out", text));
        }
        if let Some(published) = self.published() {
            let text = format!("Numbers of others, with the split that selected them.\n\n{published}");
            parts.push(("Published numbers", text));
        }
        parts
    }

    fn accuracies(&self) -> Table {
        let heads = [
            "cell",
            "seeds",
            "accuracy %",
            "95 % interval",
            "binomial",
            "unrounded",
            "on",
            "parameters",
            "spikes",
            "operations",
            "published %",
        ];
        let right = Align::Right;
        let mut table = Table::new(heads).align([
            Align::Left,
            right,
            right,
            right,
            right,
            right,
            Align::Left,
            right,
            right,
            right,
            Align::Left,
        ]);
        for row in &self.rows {
            let estimate = row.accuracy;
            let deviation = estimate.and_then(|found| found.std);
            let mean = estimate.map_or_else(|| NOTHING.to_owned(), |found| percent(found.mean));
            table.row([
                row.label.clone(),
                format!("{}/{}", row.values().len(), row.per_seed.len()),
                deviation.map_or(mean.clone(), |std| format!("{mean} ± {}", percent(std))),
                interval(estimate.and_then(|found| found.interval)),
                interval(row.binomial),
                optional(row.unrounded),
                row.reported_on.unwrap_or(NOTHING).to_owned(),
                row.parameters.map_or_else(|| NOTHING.to_owned(), |count| count.to_string()),
                whole(row.spikes_per_inference),
                whole(row.synaptic_operations),
                published(&row.published),
            ]);
        }
        table
    }

    fn seeds(&self) -> Table {
        let mut seeds: Vec<u64> =
            self.rows.iter().flat_map(|row| row.per_seed.iter().map(|value| value.seed)).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let heads = std::iter::once("cell".to_owned()).chain(seeds.iter().map(|seed| format!("seed {seed}")));
        let mut table = Table::new(heads).align(columns(seeds.len()));
        for row in &self.rows {
            let value = |seed: &u64| row.per_seed.iter().find(|value| value.seed == *seed)?.accuracy;
            let cells = seeds.iter().map(|seed| optional(value(seed)));
            table.row(std::iter::once(row.label.clone()).chain(cells));
        }
        table
    }

    /// `None` where nobody is left out.
    fn speakers(&self) -> Option<Table> {
        let named = self.rows.iter().map(|row| &row.per_speaker).max_by_key(|values| values.len())?;
        let names: Vec<String> = named.iter().map(|value| value.speaker.clone()).collect();
        if names.is_empty() {
            return None;
        }
        let heads = std::iter::once("cell".to_owned()).chain(names.iter().cloned());
        let mut table = Table::new(heads).align(columns(names.len()));
        for row in &self.rows {
            let value = |name: &String| row.per_speaker.iter().find(|value| value.speaker == *name)?.accuracy;
            let cells = names.iter().map(|name| optional(value(name)));
            table.row(std::iter::once(row.label.clone()).chain(cells));
        }
        Some(table)
    }

    fn pair_table(&self) -> Table {
        let heads = ["question", "pair", "difference", "95 % interval", "t", "ν", "p", "p (Holm)"];
        let right = Align::Right;
        let mut table =
            Table::new(heads).align([Align::Left, Align::Left, right, right, right, right, right, right]);
        for PairRow { pair, welch, p_holm } in &self.pairs {
            let names = format!("{} − {}", pair.first, pair.second);
            let Some(test) = welch else {
                table.row([&pair.asks, &names, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING]);
                continue;
            };
            table.row([
                pair.asks.clone(),
                names,
                format!("{:+.2}", 100.0 * test.difference),
                interval(Some(test.interval)),
                format!("{:.2}", test.t),
                format!("{:.1}", test.degrees),
                probability(Some(test.p)),
                probability(*p_holm),
            ]);
        }
        table
    }

    /// A row for each published number; `None` without any.
    fn published(&self) -> Option<Table> {
        let mut table = Table::new(["cell", "here %", "published %", "selected on", "source"]).align([
            Align::Left,
            Align::Right,
            Align::Right,
            Align::Left,
            Align::Left,
        ]);
        for row in &self.rows {
            for number in &row.published {
                let note = number.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
                table.row([
                    row.label.clone(),
                    optional(row.accuracy.map(|found| found.mean)),
                    with_spread(number),
                    number.selected_on.name().to_owned(),
                    format!("{}{note}", number.source),
                ]);
            }
        }
        (!table.is_empty()).then_some(table)
    }

    /// A row a cell; accuracies are shares from 0 to 1, empty where there is no value.
    fn to_csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "cell",
            "label",
            "expected_runs",
            "finished_runs",
            "mean",
            "std",
            "ci95_low",
            "ci95_high",
            "binomial95_low",
            "binomial95_high",
            "unrounded",
            "samples",
            "reported_on",
            "parameters",
            "trainable_parameters",
            "spikes_per_inference",
            "synaptic_operations",
            "seeds",
            "values",
            "published_percent",
            "published_selected_on",
        ])?;
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let count = |value: Option<usize>| value.map_or_else(String::new, |value| value.to_string());
        for row in &self.rows {
            let range = row.accuracy.and_then(|found| found.interval);
            let done = row.per_seed.iter().filter(|value| value.accuracy.is_some());
            writer.write_record([
                row.name.clone(),
                row.label.clone(),
                row.expected_runs.to_string(),
                row.finished_runs.to_string(),
                number(row.accuracy.map(|found| found.mean)),
                number(row.accuracy.and_then(|found| found.std)),
                number(range.map(|range| range.low)),
                number(range.map(|range| range.high)),
                number(row.binomial.map(|range| range.low)),
                number(row.binomial.map(|range| range.high)),
                number(row.unrounded),
                row.samples.to_string(),
                row.reported_on.unwrap_or_default().to_owned(),
                count(row.parameters),
                count(row.trainable_parameters),
                number(row.spikes_per_inference),
                number(row.synaptic_operations),
                joined(done.map(|value| value.seed.to_string())),
                joined(row.values().iter().map(f64::to_string)),
                joined(row.published.iter().map(|number| number.percent.to_string())),
                joined(row.published.iter().map(|number| number.selected_on.mark().to_owned())),
            ])?;
        }
        let bytes = writer.into_inner().context("the table cannot be written as CSV")?;
        String::from_utf8(bytes).context("every cell is UTF-8")
    }
}

/// A head and `numbers` columns of numbers.
fn columns(numbers: usize) -> impl Iterator<Item = Align> {
    std::iter::once(Align::Left).chain(std::iter::repeat_n(Align::Right, numbers))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<String>>().join(";")
}

fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

fn optional(share: Option<f64>) -> String {
    share.map_or_else(|| NOTHING.to_owned(), percent)
}

fn interval(range: Option<Interval>) -> String {
    range.map_or_else(
        || NOTHING.to_owned(),
        |range| format!("{} to {}", percent(range.low), percent(range.high)),
    )
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| format!("{value:.0}"))
}

fn probability(p: Option<f64>) -> String {
    p.map_or_else(|| NOTHING.to_owned(), |p| if p < 1e-3 { format!("{p:.1e}") } else { format!("{p:.3}") })
}

fn with_spread(number: &Published) -> String {
    let spread = number.plus_minus.map_or_else(String::new, |spread| format!(" ± {spread}"));
    format!("{}{spread}", number.percent)
}

fn published(numbers: &[Published]) -> String {
    let text = |number: &Published| format!("{} [{}]", with_spread(number), number.selected_on.mark());
    if numbers.is_empty() {
        return NOTHING.to_owned();
    }
    numbers.iter().map(text).collect::<Vec<String>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cell, pair, run};
    use super::super::{Cell, Selected};
    use super::*;

    fn comparison() -> Comparison {
        let published = vec![Published {
            cell: "a".into(),
            percent: 94.85,
            plus_minus: Some(0.5),
            selected_on: Selected::Test,
            source: "a paper".into(),
            note: Some("twice as large".into()),
        }];
        let first = Cell { published, ..cell("a", vec![run(0, None, 0.9), run(1, None, 0.92)]) };
        let second = cell("b", vec![run(2, None, 0.8), run(0, None, 0.81), run(1, None, 0.83)]);
        Comparison::new(
            "name",
            "A title",
            vec![first, second, cell("c", vec![])],
            vec![pair("a", "b"), pair("a", "c")],
        )
    }

    #[test]
    fn the_tables_say_what_was_found_and_what_is_missing() {
        let text = comparison().to_markdown();
        for part in [
            " 2/3 | 91.00 ± 1.41 |",
            "94.85 ± 0.5 [selected on TEST]",
            " 0/3 |",
            "a − b",
            "+9.67",
            "for all 1 tested pairs",
            "| the TEST split | a paper (twice as large) |",
            "| 94.85 ± 0.5 |",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn the_csv_is_rectangular_and_quotes() {
        let text = comparison().to_csv().unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(&rows[0][1], "a, with | and \"");
        assert_eq!((&rows[1][17], &rows[1][18]), ("0;1;2", "0.81;0.83;0.8"));
    }

    #[test]
    fn small_probabilities_keep_their_digits() {
        assert_eq!(probability(Some(0.000_012_3)), "1.2e-5");
        assert_eq!(probability(Some(0.0421)), "0.042");
    }
}
