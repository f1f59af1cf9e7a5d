//! One page about one run, or about the cells of an experiment.
//!
//! A cell is a set of runs that differ in seed and left-out speaker alone. Everything on the page comes from the runs'
//! folders; no data set is read. What a folder does not hold, because it is older or because the network has no such
//! thing, is said in its section. Cells come in the order of their results, the best one first, and figures of single
//! cells are those of the best ones alone where there are very many: a page does not grow beyond what is looked at.

mod accuracy;
mod activity;
mod cost;
mod curves;
mod delays;
mod headline;
mod neurons;
mod numbers;
mod response;
mod rounding;
mod run;
mod settings;
mod stability;
#[cfg(test)]
mod tests;
mod work;
mod wrong;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use colearn_data::Protocol;
use colearn_eval::Table;
use colearn_eval::page::{Block, Page, Section};
use colearn_network::ParameterRow;
use colearn_store::FolderLock;

use crate::runs::comparison::{self, Cell, Row, groups, of_seed};
use crate::runs::outputs;
use run::Run;

/// Figures of so many cells are shown, the best ones.
const DETAILED: usize = 12;

/// Text to put on the page, such as tables of statistics: Markdown of paragraphs and pipe tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extra {
    pub(crate) title: String,
    pub(crate) markdown: String,
    /// The numbers of the first table, for programs.
    pub(crate) data: Option<Table>,
}

/// A cell whose runs are read.
pub(crate) struct Group {
    pub(crate) label: String,
    /// Its statistics.
    pub(crate) row: Row,
    speakers: Vec<Option<String>>,
    pub(crate) runs: Vec<Run>,
}

impl Group {
    fn new(cell: Cell, runs: Vec<Run>) -> Self {
        Self { label: cell.label.clone(), speakers: cell.speakers.clone(), row: Row::new(cell), runs }
    }

    /// A value of each seed that has it for all its runs: with several speakers left out their mean.
    fn by_seed(&self, value: impl Fn(&Run) -> Option<f64>) -> Vec<f64> {
        let seeds = self.row.per_seed.iter();
        seeds.filter_map(|seed| of_seed(&self.runs, seed.seed, &self.speakers, &value)).collect()
    }
}

/// What a dot of the figures stands for.
fn dot(groups: &[Group]) -> &'static str {
    if groups.iter().any(|group| group.speakers.len() > 1) {
        "A dot is a seed, the mean over the speakers left out in turn"
    } else {
        "A dot is a run"
    }
}

/// Makes one page about the finished runs in and below `places`: `report.html`, `report.md` and the tables in `report/`, in
/// `out` or the one place there is. Returns their paths, the page first.
///
/// # Errors
/// When there is no run or several places without `out`, or a file cannot be read or written.
pub fn report(places: &[PathBuf], out: Option<&Path>, title: Option<&str>) -> Result<Vec<PathBuf>> {
    let folder = match (out, places) {
        (Some(out), _) => out,
        (None, [one]) => one,
        (None, several) => bail!(
            "found {} folders and no --out; expected --out FOLDER, where the page of all of them goes: a page of their own \
             may lie in each",
            several.len()
        ),
    };
    let cells = groups(places)?.into_iter().map(comparison::Group::into_cell).collect();
    let lock = outputs::take(folder)?;
    write(title, cells, &[], &lock)
}

/// Where the tables of a page go.
const TABLES: &str = "report/";

/// The files of a page beside its tables.
pub(crate) const FILES: [&str; 2] = ["report.html", "report.md"];

/// Writes `report.html`, `report.md` and `report/NAME.csv` into the locked folder; returns their paths, the page first.
/// Tables of an earlier page that this one has not are removed.
///
/// # Errors
/// When there is no run, or a file cannot be read or written.
pub(crate) fn write(
    title: Option<&str>,
    cells: Vec<Cell>,
    extras: &[Extra],
    lock: &FolderLock,
) -> Result<Vec<PathBuf>> {
    let page = page(title, &read(cells)?, extras);
    let texts = FILES.map(str::to_owned).into_iter().zip([page.html(), page.markdown()]);
    let csv = page.tables().into_iter().map(|(name, text)| (format!("{TABLES}{name}.csv"), text));
    let files: Vec<(String, String)> = texts.chain(csv).collect();
    outputs::write(lock, &files, |name| name.starts_with(TABLES))
}

fn read(cells: Vec<Cell>) -> Result<Vec<Group>> {
    let group = |cell: Cell| {
        let mut runs = cell.runs.iter().cloned().map(Run::read).collect::<Result<Vec<_>>>()?;
        runs.sort_by_key(|run| run.stored.seed());
        let mut shapes =
            runs.iter().filter_map(|run| Some(run.networks.as_ref().ok()?.best.parameter_table()));
        if let Some(first) = shapes.next()
            && let Some(other) = shapes.find(|shape| *shape != first)
        {
            let count = |rows: &[ParameterRow]| rows.iter().map(|row| row.count).sum::<usize>();
            bail!(
                "{}: found networks of {} and of {} parameters in one cell; expected runs that differ in \
                 seed and speaker alone",
                cell.label,
                count(&first),
                count(&other)
            );
        }
        Ok(Group::new(cell, runs))
    };
    let groups: Vec<Group> =
        cells.into_iter().filter(|cell| !cell.runs.is_empty()).map(group).collect::<Result<_>>()?;
    if groups.is_empty() {
        bail!("no run to report on; expected at least one finished run");
    }
    Ok(by_result(groups))
}

/// The best cell first, those without a complete seed last.
fn by_result(mut groups: Vec<Group>) -> Vec<Group> {
    let result = |group: &Group| group.row.accuracy.map_or(f64::NEG_INFINITY, |found| found.mean);
    groups.sort_by(|a, b| result(b).total_cmp(&result(a)));
    groups
}

/// The whole page.
fn page(title: Option<&str>, groups: &[Group], extras: &[Extra]) -> Page {
    let runs: usize = groups.iter().map(|group| group.runs.len()).sum();
    let first = &groups[0].runs[0];
    let corpus = &first.stored.corpus;
    let usual = if groups.len() == 1 {
        format!("{} on {corpus}", first.stored.model())
    } else {
        format!("{} cells on {corpus}", groups.len())
    };
    let mut sections = vec![
        accuracy::section(groups),
        curves::section(groups),
        cost::trade_off(groups),
        delays::section(groups),
        neurons::section(groups),
        stability::section(groups),
        response::section(groups),
        activity::raster(groups),
        activity::confusion(groups),
        wrong::section(groups),
        cost::section(groups),
        rounding::section(groups),
        settings::section(groups),
    ];
    let place = 1;
    for (index, extra) in extras.iter().enumerate() {
        sections.insert(place + index, extra_section(extra, index));
    }
    let headline = headline::headline(groups);
    Page {
        answer: headline.answer,
        facts: headline.facts,
        title: title.map_or(usual, str::to_owned),
        lead: format!(
            "{}, {}. Accuracies are those of the best epoch, chosen on {}, with delays rounded to whole steps.",
            counted(groups.len(), "cell"),
            counted(runs, "run"),
            if first.stored.protocol == Protocol::SelectedOnTest {
                "the TEST split"
            } else {
                "the validation split"
            },
        ),
        sections,
    }
}

/// Paragraphs and tables of a Markdown text, in order.
fn extra_section(extra: &Extra, index: usize) -> Section {
    let mut blocks = Vec::new();
    for part in extra.markdown.split("\n\n").map(str::trim).filter(|part| !part.is_empty()) {
        blocks.push(match Table::from_markdown(part) {
            Some(table) => Block::Table {
                name: format!("extra-{}-{}", index + 1, blocks.len() + 1),
                caption: extra.title.clone(),
                data: extra
                    .data
                    .clone()
                    .filter(|_| !blocks.iter().any(|block| matches!(block, Block::Table { .. }))),
                table,
            },
            None => Block::Text(part.trim_start_matches(['#', ' ']).replace('\n', " ")),
        });
    }
    Section { id: format!("extra-{}", index + 1), title: extra.title.clone(), blocks }
}

/// `one seed`, `3 seeds together`.
fn together(seeds: usize) -> String {
    if seeds == 1 { "one seed".to_owned() } else { format!("{seeds} seeds together") }
}

/// `1 run`, `3 runs`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A block that is folded away at first: what is looked at after the rest.
fn folded(title: &str, block: Block) -> Block {
    Block::Group { title: title.to_owned(), open: false, blocks: vec![block] }
}

/// A part of a section for each cell, of very many for the best ones: folded away but for the first where there are several.
/// Cells that have no such part come last, those of one reason in one line.
fn per_cell(groups: &[Group], blocks: impl Fn(&Group) -> Vec<Block>) -> Vec<Block> {
    let one = groups.len() == 1;
    let mut all = Vec::new();
    let mut without: Vec<(String, Vec<&str>)> = Vec::new();
    for group in groups.iter().take(DETAILED) {
        let found = blocks(group);
        if let [Block::Missing(text)] = &found[..]
            && let Some(reason) = text.strip_prefix(&format!("{}: ", group.label))
        {
            match without.iter_mut().find(|(known, _)| known == reason) {
                Some((_, cells)) => cells.push(&group.label),
                None => without.push((reason.to_owned(), vec![&group.label])),
            }
        } else if one {
            all.extend(found);
        } else {
            all.push(Block::Group { title: group.label.clone(), open: all.is_empty(), blocks: found });
        }
    }
    let lines = without.into_iter().map(|(reason, cells)| format!("{}: {reason}", cells.join(", ")));
    all.extend(lines.map(Block::Missing));
    if let Some(more) = groups.len().checked_sub(DETAILED).filter(|more| *more > 0) {
        all.push(Block::Missing(format!(
            "{} more, with lower results, have their figures on pages of their own: the command `report RUN`.",
            counted(more, "cell")
        )));
    }
    all
}

/// `name` for a file: letters and digits in lower case, the rest as `-`.
fn slug(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}
