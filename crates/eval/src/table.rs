//! Small tables for the terminal and for Markdown: the same text is both.
//!
//! ```
//! use colearn_eval::{Align, Table};
//!
//! let mut table = Table::new(["seed", "accuracy"]).align([Align::Right, Align::Right]);
//! table.row(["1", "91.2 %"]).row(["10", "90.5 %"]);
//! assert_eq!(
//!     table.to_string(),
//!     "| seed | accuracy |\n\
//!      | ---: | -------: |\n\
//!      |    1 |   91.2 % |\n\
//!      |   10 |   90.5 % |\n"
//! );
//! ```

use std::fmt;

/// Side a column is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// Text, the default.
    #[default]
    Left,
    /// Numbers.
    Right,
    /// Short marks.
    Centre,
}

/// A Markdown table whose columns are padded to equal width (one column per `char`), so that it reads well as plain
/// text too. `Display` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    headers: Vec<String>,
    alignment: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these column heads, all columns set left.
    #[must_use]
    pub fn new<S: Into<String>>(headers: impl IntoIterator<Item = S>) -> Self {
        let headers: Vec<String> = headers.into_iter().map(|head| clean(head.into())).collect();
        Self { alignment: vec![Align::Left; headers.len()], headers, rows: Vec::new() }
    }

    /// Sets the alignment of the first columns, as many as are given.
    #[must_use]
    pub fn align(mut self, alignment: impl IntoIterator<Item = Align>) -> Self {
        for (column, align) in self.alignment.iter_mut().zip(alignment) {
            *column = align;
        }
        self
    }

    /// Adds a row. Missing cells stay empty, cells without a column are dropped.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        let mut row: Vec<String> = cells.into_iter().map(|cell| clean(cell.into())).collect();
        row.resize(self.headers.len(), String::new());
        self.rows.push(row);
        self
    }

    /// The first pipe table of a Markdown text, as [`Table`]'s `Display` or a person writes it; `None` without one.
    ///
    /// ```
    /// let table = colearn_eval::Table::from_markdown("| a | b |\n|---|--:|\n| x | 1 |\n").expect("a table");
    /// assert_eq!(table.to_csv(), "a,b\nx,1\n");
    /// ```
    #[must_use]
    pub fn from_markdown(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with('|'));
        let head = cells(lines.next()?);
        let rule = cells(lines.next()?);
        if !rule.iter().all(|cell| !cell.is_empty() && cell.chars().all(|mark| "-: ".contains(mark))) {
            return None;
        }
        let align = rule.iter().map(|cell| match (cell.starts_with(':'), cell.ends_with(':')) {
            (true, true) => Align::Centre,
            (false, true) => Align::Right,
            _ => Align::Left,
        });
        let mut table = Self::new(head).align(align);
        for line in lines.take_while(|line| line.starts_with('|')) {
            table.row(cells(line));
        }
        Some(table)
    }

    /// The table as CSV (RFC 4180, with line feeds): cells with a comma, a quote or a line break are quoted.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let line = |row: &Vec<String>| -> String {
            let cell = |cell: &String| {
                let cell = bare(cell);
                if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
            };
            row.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
        };
        std::iter::once(&self.headers).chain(&self.rows).map(line).collect()
    }

    /// Column heads with their alignment, and the rows, without the marks of Markdown.
    pub(crate) fn parts(&self) -> (Vec<(String, Align)>, Vec<Vec<String>>) {
        let heads = self.headers.iter().map(|head| bare(head)).zip(self.alignment.iter().copied());
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| bare(cell)).collect());
        (heads.collect(), rows.collect())
    }

    /// Number of rows below the head.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.headers.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| &row[column]).chain([&self.headers[column]]);
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
            })
            .collect();
        self.write_row(f, &self.headers, &widths)?;
        for (align, width) in self.alignment.iter().zip(&widths) {
            match align {
                Align::Left => write!(f, "| {:-<width$} ", "")?,
                Align::Right => write!(f, "| {:-<1$}: ", "", width - 1)?,
                Align::Centre => write!(f, "| :{:-<1$}: ", "", width - 2)?,
            }
        }
        f.write_str("|\n")?;
        self.rows.iter().try_for_each(|row| self.write_row(f, row, &widths))
    }
}

impl Table {
    fn write_row(&self, f: &mut fmt::Formatter<'_>, row: &[String], widths: &[usize]) -> fmt::Result {
        for ((cell, align), width) in row.iter().zip(&self.alignment).zip(widths) {
            match align {
                Align::Left => write!(f, "| {cell:<width$} ")?,
                Align::Right => write!(f, "| {cell:>width$} ")?,
                Align::Centre => write!(f, "| {cell:^width$} ")?,
            }
        }
        f.write_str("|\n")
    }
}

/// The cells of a line of Markdown.
fn cells(line: &str) -> Vec<String> {
    // A bar behind a backslash belongs to its cell.
    let inner = line.trim().trim_start_matches('|').replace("\\|", "\u{1}");
    let inner = inner.strip_suffix('|').unwrap_or(&inner);
    inner.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// A cell as it was before [`clean`], but for its line breaks.
fn bare(cell: &str) -> String {
    cell.replace("\\|", "|")
}

/// A cell is one line, and a bar inside it must not end it.
fn clean(text: String) -> String {
    if text.contains(['|', '\n', '\r']) {
        return text.replace('|', "\\|").replace(['\n', '\r'], " ");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_read_back() {
        let mut table = Table::new(["a|b", "n", "c"]).align([Align::Left, Align::Right, Align::Centre]);
        table.row(["x, \"y\"", "1", ""]).row(["ü|", "−2", "z"]);
        assert_eq!(Table::from_markdown(&format!("words\n\n{table}\nmore")), Some(table.clone()));
        assert_eq!(table.to_csv(), "a|b,n,c\n\"x, \"\"y\"\"\",1,\nü|,−2,z\n");
        for none in ["", "no table", "| a |", "| a |\n| b |\n"] {
            assert_eq!(Table::from_markdown(none), None, "{none:?}");
        }
    }

    #[test]
    fn lines_are_equally_wide() {
        let mut table =
            Table::new(["Layer", "Δ rate", "x"]).align([Align::Left, Align::Right, Align::Centre]);
        table.row(["hidden 1", "0.05", "✓"]).row(["a|b\nc"]).row(["ü", "−12.5", "y", "dropped"]);
        let text = table.to_string();
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths.len(), 5);
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
        assert!(text.contains("a\\|b c") && !text.contains("dropped"));
        assert!(text.contains("| -------- | -----: | :-: |"), "{text}");
        assert_eq!((table.len(), table.is_empty()), (3, false));
    }
}
