//! The list of known data sets: what they are, who made them, where their files lie.

use std::path::{Component, Path};

use colearn_store::{LARGEST_TEXT, read_text};
use toml::Table;

use crate::contents;
use crate::digest::Checksum;
use crate::error::FetchError;
use crate::sums::SUMS_NAME;
use crate::table::Reader;

const KNOWN: &str = include_str!("../manifest.toml");
const KNOWN_NAME: &str = "crates/fetch/manifest.toml";

/// A list of data sets, in the order of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    sets: Vec<DataSet>,
}

/// A data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// Short name, also that of its folder.
    pub name: String,
    /// Full name.
    pub title: String,
    /// Terms of use.
    pub licence: String,
    /// Who made it.
    pub authors: String,
    /// Title of the publication.
    pub paper: String,
    /// Year of the publication.
    pub year: u64,
    /// Where it was published.
    pub venue: String,
    /// Digital object identifier of the publication, where there is one.
    pub doi: Option<String>,
    /// Web page of the set.
    pub home: String,
    /// Version of the set.
    pub version: String,
    /// Classes.
    pub classes: u64,
    /// Input channels, for sets of spikes.
    pub channels: Option<u64>,
    /// Speakers, where the publisher counts them.
    pub speakers: Option<u64>,
    /// Samples.
    pub samples: Samples,
    /// Where the data lie below the set's own folder once it is fetched, to be given to a reader.
    pub folder: String,
    /// Files to load; none where the set is part of the program.
    pub files: Vec<RemoteFile>,
}

/// How many samples a set has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// The publisher splits the set.
    Split {
        /// Training samples.
        train: u64,
        /// Validation samples, 0 where there is no such split.
        validation: u64,
        /// Test samples.
        test: u64,
    },
    /// One number for the whole set.
    Whole(u64),
}

/// A file to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name in the set's folder.
    pub name: String,
    /// Where it can be loaded from, tried in this order.
    pub urls: Vec<String>,
    /// Bytes, where known.
    pub size: Option<u64>,
    /// The published checksum, where there is one.
    pub checksum: Option<Checksum>,
    /// What is done with it afterwards; `None` keeps it as it is.
    pub unpack: Option<Unpack>,
}

/// How an archive (tar.gz) is unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpack {
    /// The folder it becomes, in the set's folder.
    pub folder: String,
    /// Leading parts of each entry's path that are taken off.
    pub strip: usize,
}

impl Manifest {
    /// The sets this project knows.
    pub fn known() -> Self {
        Self::parse(KNOWN_NAME, KNOWN).expect("a test reads this very text")
    }

    /// Reads a manifest of the user's own.
    ///
    /// # Errors
    /// [`FetchError::Store`] when the file cannot be read, otherwise as [`Manifest::parse`].
    pub fn load(path: &Path) -> Result<Self, FetchError> {
        let text = read_text(path, LARGEST_TEXT)?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// A manifest from its text; `file` stands in messages.
    ///
    /// # Errors
    /// [`FetchError::Manifest`] with the file, the set and the key.
    pub fn parse(file: &str, text: &str) -> Result<Self, FetchError> {
        let reader = |table| Reader { file, set: String::new(), prefix: String::new(), table };
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            reader(Table::new()).fault(&format!("line {line}"), error.message(), "TOML")
        })?;
        let mut root = reader(table);
        let mut sets: Vec<DataSet> = Vec::new();
        for (place, table) in root.tables("set")?.into_iter().enumerate() {
            let set = set(file, place, table)?;
            if sets.iter().any(|other| other.name == set.name) {
                return Err(root.fault("set", format!("{} twice", set.name), "each name once"));
            }
            sets.push(set);
        }
        if sets.is_empty() {
            return Err(root.fault("set", "nothing", "at least one [[set]]"));
        }
        root.finish()?;
        Ok(Self { sets })
    }

    /// All sets.
    pub fn sets(&self) -> &[DataSet] {
        &self.sets
    }

    /// The set of this name.
    ///
    /// # Errors
    /// [`FetchError::UnknownSet`] with all names.
    pub fn set(&self, name: &str) -> Result<&DataSet, FetchError> {
        self.sets.iter().find(|set| set.name == name).ok_or_else(|| FetchError::UnknownSet {
            found: name.to_owned(),
            known: self.sets.iter().map(|set| set.name.clone()).collect(),
        })
    }
}

impl DataSet {
    /// Bytes to load, where the size of every file is known.
    pub fn size(&self) -> Option<u64> {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Authors, year, title, place of publication and identifier on one line.
    pub fn citation(&self) -> String {
        let doi = self.doi.as_ref().map_or_else(String::new, |doi| format!(", doi:{doi}"));
        format!("{} ({}). {}. {}{doi}", self.authors, self.year, self.paper, self.venue)
    }
}

impl Samples {
    /// All samples.
    pub fn total(&self) -> u64 {
        match self {
            Self::Split { train, validation, test } => train + validation + test,
            Self::Whole(samples) => *samples,
        }
    }
}

fn set(file: &str, place: usize, table: Table) -> Result<DataSet, FetchError> {
    let numbered = format!("number {}", place + 1);
    let mut keys = Reader { file, set: numbered, prefix: String::new(), table };
    let name = keys.text("name")?;
    let name = keys.plain_name("name", name)?;
    keys.set.clone_from(&name);
    let mut files: Vec<RemoteFile> = Vec::new();
    for (place, table) in keys.tables("file")?.into_iter().enumerate() {
        let prefix = format!("file {}, ", place + 1);
        let new = remote_file(Reader { file, set: name.clone(), prefix, table })?;
        let folder = |file: &RemoteFile| file.unpack.as_ref().map(|unpack| unpack.folder.clone());
        let list = |file: &RemoteFile| folder(file).map(|folder| folder + contents::ENDING);
        let names = |file: &RemoteFile| [Some(file.name.clone()), folder(file), list(file)];
        let taken: Vec<String> = files.iter().flat_map(names).flatten().collect();
        if let Some(name) = names(&new).into_iter().flatten().find(|name| taken.contains(name)) {
            return Err(keys.fault("file", format!("{name} twice"), "each name once"));
        }
        files.push(new);
    }
    let folder = keys.text("folder")?;
    if !Path::new(&folder).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(keys.fault("folder", format!("{folder:?}"), "a path below the set's folder"));
    }
    let set = DataSet {
        title: keys.text("title")?,
        licence: keys.text("licence")?,
        authors: keys.text("authors")?,
        paper: keys.text("paper")?,
        year: keys.count("year")?,
        venue: keys.text("venue")?,
        doi: keys.optional_text("doi")?,
        home: keys.text("home")?,
        version: keys.text("version")?,
        classes: keys.count("classes")?,
        channels: keys.optional_count("channels")?,
        speakers: keys.optional_count("speakers")?,
        samples: samples(&mut keys)?,
        name,
        folder,
        files,
    };
    keys.finish()?;
    Ok(set)
}

/// `samples`, or `train` and `test` with or without `validation`.
fn samples(keys: &mut Reader) -> Result<Samples, FetchError> {
    if let Some(samples) = keys.optional_count("samples")? {
        return Ok(Samples::Whole(samples));
    }
    Ok(Samples::Split {
        train: keys.count("train")?,
        validation: keys.optional_count("validation")?.unwrap_or(0),
        test: keys.count("test")?,
    })
}

fn remote_file(mut keys: Reader) -> Result<RemoteFile, FetchError> {
    let name = keys.text("name")?;
    let name = keys.plain_name("name", name)?;
    if name == SUMS_NAME {
        return Err(keys.fault("name", name, "another name: the checksums are kept in that file"));
    }
    let urls = keys.texts("urls")?;
    if let Some(url) = urls.iter().find(|url| !(url.starts_with("https://") || url.starts_with("http://"))) {
        return Err(keys.fault("urls", format!("{url:?}"), "addresses with https:// or http://"));
    }
    let size = keys.optional_count("size")?;
    let sha256 = checksum(&mut keys, "sha256", 64)?.map(Checksum::Sha256);
    let md5 = checksum(&mut keys, "md5", 32)?.map(Checksum::Md5);
    let folder = keys.optional_text("unpack")?;
    let folder = folder.map(|folder| keys.plain_name("unpack", folder)).transpose()?;
    let strip = keys.optional_count("strip")?;
    if folder.is_none() && strip.is_some() {
        return Err(keys.fault("strip", "a number", "nothing without `unpack`"));
    }
    let strip = usize::try_from(strip.unwrap_or(0)).unwrap_or(usize::MAX);
    let unpack = folder.map(|folder| Unpack { folder, strip });
    let file = RemoteFile { name, urls, size, checksum: sha256.or(md5), unpack };
    if file.unpack.as_ref().is_some_and(|unpack| unpack.folder == file.name) {
        return Err(keys.fault("unpack", file.name, "another name than that of the file"));
    }
    keys.finish()?;
    Ok(file)
}

fn checksum(keys: &mut Reader, key: &str, digits: usize) -> Result<Option<String>, FetchError> {
    let Some(text) = keys.optional_text(key)? else { return Ok(None) };
    if text.len() != digits || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        let expected = format!("{digits} hexadecimal digits");
        return Err(keys.fault(key, format!("{text:?}"), &expected));
    }
    Ok(Some(text.to_ascii_lowercase()))
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
