//! A page of results: text, tables and figures in sections, as one file of HTML, as Markdown and as tables of CSV.
//!
//! The HTML needs nothing but itself: the style is inside, figures are inline SVG that take their colours from
//! variables of the page and so follow the reader's light or dark setting, there is no script and nothing is fetched.
//! What can be folded is a `details` element. Drawings are as wide as a phone, so their type is never shrunk, and stand
//! side by side where there is room. The same page gives the same bytes.
//!
//! ```
//! use colearn_eval::Table;
//! use colearn_eval::page::{Block, Page, Section};
//!
//! let mut table = Table::new(["model", "accuracy"]);
//! table.row(["d-cadlif", "94.9 %"]);
//! let page = Page {
//!     title: "Delays".into(),
//!     answer: "d-cadlif: 94.9 % of 1,000 samples are right.".into(),
//!     facts: vec![("parameters".into(), "49,724".into())],
//!     lead: "One model.".into(),
//!     sections: vec![Section {
//!         id: "accuracy".into(),
//!         title: "Accuracy".into(),
//!         blocks: vec![Block::Table {
//!             name: "accuracy".into(),
//!             caption: "On the test split.".into(),
//!             table,
//!             data: None,
//!         }],
//!     }],
//! };
//! assert!(page.html().starts_with("<!DOCTYPE html>"));
//! assert!(page.markdown().contains("| d-cadlif | 94.9 %   |"));
//! assert_eq!(page.tables()[0].0, "accuracy");
//! ```

mod html;
mod style;

use std::fmt::Write;

use crate::table::Table;

/// A page of results.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Headline.
    pub title: String,
    /// What the page found, in a sentence or two, before anything else.
    pub answer: String,
    /// Names and values of the few numbers that belong to the answer.
    pub facts: Vec<(String, String)>,
    /// What the page is about, in a sentence or two.
    pub lead: String,
    /// The sections in order.
    pub sections: Vec<Section>,
}

/// A part of a page with a headline, reached from the list of contents.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Name of the anchor: letters, digits and `-`.
    pub id: String,
    /// Headline.
    pub title: String,
    /// Its content in order.
    pub blocks: Vec<Block>,
}

/// One thing on a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Why something is not here.
    Missing(String),
    /// A table; its CSV file is called `name`.
    Table {
        /// Name of the file without its ending: letters, digits and `-`.
        name: String,
        /// What one sees and how it was computed.
        caption: String,
        /// The table as it is read.
        table: Table,
        /// The same for programs, with plain numbers, one a column, and empty cells where there is none; without it the file
        /// holds the words of `table`.
        data: Option<Table>,
    },
    /// Numbers that are too many to be shown: a file alone.
    Data {
        /// Name of the file without its ending: letters, digits and `-`.
        name: String,
        /// What is in it.
        caption: String,
        /// The table.
        data: Table,
    },
    /// A figure of one or more drawings.
    Figure {
        /// Inline drawings as wide as a phone.
        panels: Vec<String>,
        /// One drawing to show in their place where there is room for it.
        wide: Option<String>,
        /// What one sees and how it was computed.
        caption: String,
    },
    /// A figure of drawings that belong together two by two, such as before and after.
    Pair {
        /// Inline drawings as wide as a phone.
        panels: Vec<String>,
        /// What one sees and how it was computed.
        caption: String,
    },
    /// Blocks that fold away under a title; groups that follow each other share a row where there is room.
    Group {
        /// The title.
        title: String,
        /// Whether they are unfolded at first.
        open: bool,
        /// The blocks.
        blocks: Vec<Block>,
    },
}

impl Page {
    /// The page as one file of HTML.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// Text, captions and tables as Markdown; figures by their captions.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("# {}\n\n", self.title);
        for paragraph in [&self.answer, &self.lead].into_iter().filter(|text| !text.is_empty()) {
            write!(out, "{paragraph}\n\n").expect("a string takes every text");
        }
        for (name, value) in &self.facts {
            writeln!(out, "- {name}: {value}").expect("a string takes every text");
        }
        for section in &self.sections {
            write!(out, "\n## {}\n", section.title).expect("a string takes every text");
            markdown(&mut out, &section.blocks, 3);
        }
        out
    }

    /// Name and CSV text of every table.
    #[must_use]
    pub fn tables(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        self.sections.iter().for_each(|section| tables(&mut found, &section.blocks));
        found
    }
}

fn markdown(out: &mut String, blocks: &[Block], level: usize) {
    let text = "a string takes every text";
    for block in blocks {
        match block {
            Block::Text(words) => write!(out, "\n{words}\n"),
            Block::Missing(words) => write!(out, "\n*{words}*\n"),
            Block::Table { caption, table, .. } => write!(out, "\n{caption}\n\n{table}"),
            Block::Data { name, caption, .. } => write!(out, "\n{caption} (`{name}.csv`)\n"),
            Block::Figure { caption, .. } | Block::Pair { caption, .. } => {
                write!(out, "\n*Figure on the page:* {caption}\n")
            }
            Block::Group { title, blocks, .. } => {
                write!(out, "\n{} {title}\n", "#".repeat(level)).expect(text);
                markdown(out, blocks, level + 1);
                Ok(())
            }
        }
        .expect(text);
    }
}

fn tables(found: &mut Vec<(String, String)>, blocks: &[Block]) {
    for block in blocks {
        match block {
            Block::Table { name, table, data, .. } => {
                found.push((name.clone(), data.as_ref().unwrap_or(table).to_csv()));
            }
            Block::Data { name, data, .. } => found.push((name.clone(), data.to_csv())),
            Block::Group { blocks, .. } => tables(found, blocks),
            Block::Text(_) | Block::Missing(_) | Block::Figure { .. } | Block::Pair { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
