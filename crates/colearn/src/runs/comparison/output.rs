//! A comparison as `table.md`, `table.csv` and `summary.json`. Nothing in them depends on when, where or how fast the
//! runs were made, so the same runs give the same bytes.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use colearn_eval::statistics::WelchTest;
use colearn_eval::{Align, Interval, Table};
use colearn_store::FolderLock;

use super::{Comparison, PairRow, Published};
use crate::runs::outputs;

/// The files of a comparison.
pub(crate) const FILES: [&str; 3] = ["table.md", "table.csv", "summary.json"];

/// A part of a comparison: Markdown with one table, and that table with plain numbers for programs, accuracies as shares
/// from 0 to 1.
pub(crate) struct Part {
    pub(crate) title: &'static str,
    pub(crate) text: String,
    pub(crate) data: Table,
}

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
        for Part { title, text: part, .. } in self.parts() {
            write!(text, "\n## {title}\n\n{part}").expect("a string takes every text");
        }
        text
    }

    /// What not every comparison has.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        if !self.pairs.is_empty() {
            let tested = self.pairs.iter().filter(|pair| pair.welch.is_some()).count();
            let how = match tested {
                0 => "No pair could be tested: a test needs two seeds of each cell, and values that vary."
                    .to_owned(),
                _ => format!(
                    "Difference of the means in percentage points, Welch's t-test over the seeds, two-sided; p (Holm) is \
                     {}. A seed is the unit: the test says nothing about other speakers or data.",
                    match tested {
                        1 => "p itself, since one pair alone was tested".to_owned(),
                        _ => format!("corrected for all {tested} tested pairs"),
                    }
                ),
            };
            let text = format!("{how}\n\n{}", self.pair_table());
            parts.push(Part { title: "Pairs", text, data: self.pair_data() });
        }
        if let Some(speakers) = self.speakers() {
            let text = format!("Mean over the seeds, in percent.\n\n{speakers}");
            parts.push(Part { title: "Each speaker left out", text, data: self.speaker_data() });
        }
        if let Some(published) = self.published() {
            let text = format!("Numbers of others, with the split that selected them.\n\n{published}");
            parts.push(Part { title: "Published numbers", text, data: self.published_data() });
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

    fn pair_data(&self) -> Table {
        let mut table = Table::new([
            "first",
            "second",
            "asks",
            "difference",
            "ci95_low",
            "ci95_high",
            "t",
            "degrees",
            "p",
            "p_holm",
        ]);
        for PairRow { pair, welch, p_holm } in &self.pairs {
            let of = |value: fn(&WelchTest) -> f64| number(welch.as_ref().map(value));
            table.row([
                pair.first.clone(),
                pair.second.clone(),
                pair.asks.clone(),
                of(|test| test.difference),
                of(|test| test.interval.low),
                of(|test| test.interval.high),
                of(|test| test.t),
                of(|test| test.degrees),
                of(|test| test.p),
                number(*p_holm),
            ]);
        }
        table
    }

    fn speaker_data(&self) -> Table {
        let mut table = Table::new(["cell", "left_out", "accuracy"]);
        for row in &self.rows {
            for value in &row.per_speaker {
                table.row([row.name.clone(), value.speaker.clone(), number(value.accuracy)]);
            }
        }
        table
    }

    fn published_data(&self) -> Table {
        let mut table = Table::new([
            "cell",
            "accuracy_here",
            "published_percent",
            "published_plus_minus",
            "selected_on",
            "source",
            "note",
        ]);
        for row in &self.rows {
            for published in &row.published {
                table.row([
                    row.name.clone(),
                    number(row.accuracy.map(|found| found.mean)),
                    published.percent.to_string(),
                    number(published.plus_minus),
                    published.selected_on.name().to_owned(),
                    published.source.clone(),
                    published.note.clone().unwrap_or_default(),
                ]);
            }
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

/// Every digit; nothing where there is no number.
fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or_else(String::new, |value| value.to_string())
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
mod tests;
