//! A whole comparison as a file: cells, seeds, pairs, published numbers.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};
use colearn_data::DataName;
use colearn_store::{LARGEST_TEXT, read_text};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Table;

use crate::runs::comparison::{Pair, Published};
use crate::runs::overrides::{leaves, set};
use crate::runs::request::with_line;

/// The comparisons that come with the program.
pub(super) const EMBEDDED: [(&str, &str); 9] = [
    ("digits", include_str!("../../../configs/reproduce/digits.toml")),
    ("fsdd", include_str!("../../../configs/reproduce/fsdd.toml")),
    ("asc", include_str!("../../../configs/reproduce/asc.toml")),
    ("asc-ablation", include_str!("../../../configs/reproduce/asc-ablation.toml")),
    ("fsdd-700", include_str!("../../../configs/reproduce/fsdd-700.toml")),
    ("asc-700", include_str!("../../../configs/reproduce/asc-700.toml")),
    ("shd", include_str!("../../../configs/reproduce/shd.toml")),
    ("ssc", include_str!("../../../configs/reproduce/ssc.toml")),
    ("gsc", include_str!("../../../configs/reproduce/gsc.toml")),
];

/// Cells and pairs of a comparison that says `grid = true`.
const GRID: &str = include_str!("../../../configs/reproduce/grid.toml");

/// A comparison: base settings, and cells that differ from them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    /// Headline of the tables.
    pub(crate) title: String,
    /// The set whose experiment the settings start from.
    pub(crate) data: DataName,
    pub(crate) seeds: Vec<u64>,
    /// Each of these speakers is left out once; a seed's accuracy is the mean over them.
    #[serde(default)]
    pub(crate) leave_out: Vec<String>,
    /// Whether the cells of `grid.toml` come before its own, and those of its pairs whose cells are there. An own cell with the
    /// name of one of these changes it: its settings come on top, and it needs no label.
    #[serde(default)]
    pub(crate) grid: bool,
    /// On top of the set's experiment, for all cells.
    #[serde(default)]
    pub(crate) settings: Table,
    #[serde(default, rename = "cell")]
    pub(crate) cells: Vec<CellSpec>,
    #[serde(default, rename = "pair")]
    pub(crate) pairs: Vec<Pair>,
    #[serde(default)]
    pub(crate) published: Vec<Published>,
}

/// The part of a file that several share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    #[serde(rename = "cell")]
    cells: Vec<CellSpec>,
    #[serde(rename = "pair")]
    pairs: Vec<Pair>,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CellSpec {
    /// Its folder: letters, digits, `-` and `_`.
    pub(crate) name: String,
    /// May be left out where it changes a cell of the grid.
    #[serde(default)]
    pub(crate) label: String,
    /// On top of the settings of all cells.
    #[serde(default)]
    pub(crate) settings: Table,
}

impl CellSpec {
    /// Puts another cell's label, if it has one, and its settings on top of the own ones.
    fn change(&mut self, by: Self) {
        if !by.label.is_empty() {
            self.label = by.label;
        }
        for (key, value) in leaves(&by.settings) {
            let placed = set(&mut self.settings, &key, value);
            debug_assert!(placed, "{key}: grid.toml has a value where a table is expected");
        }
    }
}

impl Spec {
    /// The comparison that comes with the program under `name`, or a file; also its name.
    pub(crate) fn find(name: &str) -> Result<(String, Self)> {
        if let Some((_, text)) = EMBEDDED.iter().find(|(known, _)| *known == name) {
            return Ok((name.to_owned(), Self::parse(text, name)?));
        }
        let path = Path::new(name);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| path.exists());
        let Some(stem) = stem else {
            let names: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();
            bail!("{name}: no such comparison or file; expected a TOML file or one of {}", names.join(", "));
        };
        let text = read_text(path, LARGEST_TEXT)?;
        Ok((stem.to_owned(), Self::parse(&text, name)?))
    }

    fn parse(text: &str, origin: &str) -> Result<Self> {
        let mut spec: Self = read(text, origin)?;
        if spec.grid {
            let Shared { mut cells, pairs } = read(GRID, "grid")?;
            unique(spec.cells.iter().map(|cell| cell.name.clone()), "names of cells", origin)?;
            for cell in std::mem::take(&mut spec.cells) {
                match cells.iter_mut().find(|other| other.name == cell.name) {
                    Some(of_grid) => of_grid.change(cell),
                    None => cells.push(cell),
                }
            }
            spec.cells = cells;
            let known = |name: &str| spec.cells.iter().any(|cell| cell.name == name);
            let pairs = pairs
                .into_iter()
                .filter(|pair| known(&pair.first) && known(&pair.second))
                .collect::<Vec<Pair>>();
            spec.pairs.splice(0..0, pairs);
        }
        spec.check(origin)?;
        Ok(spec)
    }

    /// Refuses what would give folders that overwrite one another, or rows that do not exist.
    fn check(&self, origin: &str) -> Result<()> {
        if self.seeds.is_empty() || self.cells.is_empty() {
            bail!("{origin}: found {} seeds and {} cells; expected some", self.seeds.len(), self.cells.len());
        }
        unique(self.seeds.iter().map(u64::to_string), "seeds", origin)?;
        unique(self.leave_out.iter().cloned(), "leave_out", origin)?;
        unique(self.cells.iter().map(|cell| cell.name.clone()), "names of cells", origin)?;
        let names = self.cells.iter().map(|cell| &cell.name).chain(&self.leave_out);
        for name in names {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || !name.chars().all(plain) {
                bail!("{origin}: found the name {name:?}; expected letters, digits, '-' and '_'");
            }
        }
        if let Some(cell) = self.cells.iter().find(|cell| cell.label.is_empty()) {
            bail!("{origin}: the cell {:?} has no label; expected one for the tables", cell.name);
        }
        unique(self.cells.iter().map(|cell| cell.label.clone()), "labels of cells", origin)?;
        let known = |name: &str| self.cells.iter().any(|cell| cell.name == name);
        for Published { cell, percent, .. } in &self.published {
            if !known(cell) {
                bail!("{origin}: a published number names the cell {cell:?}; expected one of the cells");
            }
            if !(0.0..=100.0).contains(percent) {
                bail!("{origin}: found {percent} % published for {cell}; expected 0 to 100");
            }
        }
        for pair in &self.pairs {
            for name in [&pair.first, &pair.second] {
                if !known(name) {
                    bail!("{origin}: a pair names the cell {name:?}; expected one of the cells");
                }
            }
            if pair.first == pair.second {
                bail!("{origin}: a pair names {:?} twice; expected two cells", pair.first);
            }
        }
        Ok(())
    }

    /// Keeps only these seeds and cells; an empty list keeps all. Pairs of cells that are gone go too.
    pub(crate) fn shorten(&mut self, seeds: &[u64], cells: &[String]) -> Result<()> {
        let known: Vec<String> = self.cells.iter().map(|cell| cell.name.clone()).collect();
        if let Some(unknown) = cells.iter().find(|name| !known.contains(name)) {
            bail!("--cells {unknown}: no such cell; expected some of {}", known.join(", "));
        }
        if !seeds.is_empty() {
            unique(seeds.iter().map(u64::to_string), "seeds", "--seeds")?;
            self.seeds = seeds.to_vec();
        }
        if !cells.is_empty() {
            self.cells.retain(|cell| cells.contains(&cell.name));
            self.pairs.retain(|pair| cells.contains(&pair.first) && cells.contains(&pair.second));
        }
        Ok(())
    }

    /// What others published for a cell.
    pub(crate) fn published(&self, cell: &str) -> Vec<Published> {
        self.published.iter().filter(|number| number.cell == cell).cloned().collect()
    }

    /// The speakers to leave out, one after the other; `None` for a set as it is.
    pub(crate) fn speakers(&self) -> Vec<Option<String>> {
        if self.leave_out.is_empty() {
            return vec![None];
        }
        self.leave_out.iter().cloned().map(Some).collect()
    }
}

/// A file of this form, with the line in messages.
fn read<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| with_line(&error, text, origin))
}

fn unique(values: impl Iterator<Item = String>, what: &str, origin: &str) -> Result<()> {
    let mut seen = BTreeSet::new();
    for value in values {
        if !seen.insert(value.clone()) {
            bail!("{origin}: found {value} twice among the {what}; expected each once");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "title = \"t\"\ndata = \"digits\"\nseeds = [0, 1]\n[[cell]]\nname = \"a\"\nlabel = \"A\"\n\
                         [[cell]]\nname = \"b\"\nlabel = \"B\"\nsettings = { model = \"lif\", network.hidden = [4] }\n\
                         [[pair]]\nfirst = \"a\"\nsecond = \"b\"\nasks = \"?\"\n";

    #[test]
    fn what_comes_along_can_be_read_and_has_the_whole_grid() {
        for (name, _) in EMBEDDED {
            let (found, spec) = Spec::find(name).unwrap();
            assert_eq!(found, name);
            let cells: Vec<&str> = spec.cells.iter().map(|cell| cell.name.as_str()).collect();
            if name != "asc-ablation" {
                for neuron in ["lif", "adlif", "cadlif"] {
                    for cell in [neuron.to_owned(), format!("{neuron}-fixed"), format!("d-{neuron}")] {
                        assert!(cells.contains(&cell.as_str()), "{name}: {cell}");
                    }
                }
                assert!(cells.contains(&"gru"), "{name}");
            }
            assert!(!spec.pairs.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_small_one_is_read_and_shortened() {
        let mut spec = Spec::parse(SMALL, "small").unwrap();
        assert_eq!((spec.speakers(), spec.pairs.len()), (vec![None], 1));
        spec.shorten(&[7], &["b".to_owned()]).unwrap();
        assert_eq!((spec.seeds.as_slice(), spec.cells.len(), spec.pairs.len()), ([7].as_slice(), 1, 0));
        let error = spec.shorten(&[], &["c".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "--cells c: no such cell; expected some of b");
    }

    #[test]
    fn an_own_cell_changes_one_of_the_grid() {
        let grid = Spec::find("gsc").unwrap().1;
        let with = |name: &str| {
            let own =
                SMALL.replace("seeds = ", "grid = true\nseeds = ").replacen("\"a\"", &format!("{name:?}"), 1);
            Spec::parse(&own.replace("first = \"a\"", &format!("first = {name:?}")), "small").unwrap()
        };
        let (without, with) = (with("a"), with("adlif"));
        let names = |spec: &Spec| spec.cells.iter().map(|cell| cell.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&without)[..9], names(&grid)[..9]);
        assert_eq!(names(&without)[9..], ["a", "b"]);
        assert_eq!(names(&with)[..9], names(&grid)[..9]);
        assert_eq!(names(&with)[9..], ["b"]);
        assert_eq!(with.cells[1].label, "A");
    }

    #[test]
    fn an_own_cell_keeps_what_it_does_not_name() {
        let own = "[[cell]]\nname = \"adlif\"\nsettings = { norm.clamp = 7, train.epochs = 3 }\n";
        let text = SMALL.replace("seeds = [0, 1]\n", &format!("grid = true\nseeds = [0, 1]\n{own}"));
        let cells = Spec::parse(&text, "small").unwrap().cells;
        let grid: Shared = read(GRID, "grid").unwrap();
        assert_eq!(cells[1].label, grid.cells[1].label);
        let (changed, before) = (leaves(&cells[1].settings), leaves(&grid.cells[1].settings));
        let added =
            [("norm.clamp", 7), ("train.epochs", 3)].map(|(key, value)| (key.to_owned(), value.into()));
        assert!(before.iter().chain(&added).all(|setting| changed.contains(setting)), "{changed:?}");
        assert_eq!(changed.len(), before.len() + 2);
        let other = text.replace("norm.clamp = 7", "model = \"lif\"");
        assert_eq!(Spec::parse(&other, "small").unwrap().cells[1].settings["model"].as_str(), Some("lif"));
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (from, to, message) in [
            ("seeds = [0, 1]", "grid = 1\nseeds = [0, 1]", "small, line 3: invalid type"),
            ("seeds = [0, 1]", "seeds = [1, 1]", "small: found 1 twice among the seeds"),
            ("seeds = [0, 1]", "seeds = []", "small: found 0 seeds and 2 cells"),
            ("label = \"A\"\n", "", "small: the cell \"a\" has no label"),
            // Two without a label are no twins of one name.
            (
                "label = \"A\"\n[[cell]]\nname = \"b\"\nlabel = \"B\"",
                "[[cell]]\nname = \"b\"",
                "small: the cell \"a\" has no label",
            ),
            ("name = \"b\"", "name = \"a\"", "small: found a twice among the names of cells"),
            (
                "seeds = [0, 1]",
                "seeds = [0, 1]\ngrid = true\n[[cell]]\nname = \"lif\"\nlabel = \"1\"\n[[cell]]\nname = \"lif\"\nlabel = \"2\"",
                "small: found lif twice among the names of cells",
            ),
            ("name = \"b\"", "name = \"../b\"", "small: found the name \"../b\"; expected letters"),
            ("second = \"b\"", "second = \"c\"", "small: a pair names the cell \"c\""),
            ("second = \"b\"", "second = \"a\"", "small: a pair names \"a\" twice"),
            ("label = \"A\"", "labl = \"A\"", "small, line 6: unknown field `labl`"),
            (
                "label = \"A\"",
                "label = \"A\"\n[[published]]\ncell=\"a\"\npercent=120\nselected_on=\"test\"\nsource=\"x\"",
                "small: found 120 % published for a; expected 0 to 100",
            ),
        ] {
            let error = Spec::parse(&SMALL.replacen(from, to, 1), "small").unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        let error = Spec::find("nothing").unwrap_err().to_string();
        assert!(error.starts_with("nothing: no such comparison or file; expected"), "{error}");
    }
}
