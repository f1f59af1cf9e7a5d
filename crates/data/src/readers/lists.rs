//! Which clip on disk a line of a list names: one matcher for the lists of every set.
//!
//! A name is compared by the last two parts of its path, folder and file, without extension; `\` is `/`, and `.` or
//! nothing between two of them is no part. Letter case and the Unicode form (NFC, NFD) may differ where that leaves one
//! clip. A name that fits none, but a clip with other punctuation or leading zeros, is no guess: it is an error that
//! shows both.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use colearn_store::shown::short;
use colearn_store::{LARGEST_TABLE, read_bounded};
use unicode_normalization::UnicodeNormalization;

use crate::DataError;

/// Class folder and file name without extension: what identifies a clip.
pub(crate) type Key = (String, String);

/// A clip on disk that a list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match<'a> {
    Exact(&'a Key),
    /// With another letter case or Unicode form.
    Folded(&'a Key),
    /// Not the same, but so alike that the list may mean it.
    Near(&'a Key),
    Missing,
}

/// The clips on disk, to be found by what lists call them.
pub(crate) struct Matcher<'a> {
    files: &'a BTreeMap<Key, PathBuf>,
    folded: HashMap<Key, Vec<&'a Key>>,
    loose: HashMap<Key, &'a Key>,
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(files: &'a BTreeMap<Key, PathBuf>) -> Self {
        let mut folded: HashMap<Key, Vec<&Key>> = HashMap::with_capacity(files.len());
        let mut loose = HashMap::with_capacity(files.len());
        for key in files.keys() {
            folded.entry(both(key, folded_name)).or_default().push(key);
            loose.entry(both(key, loose_name)).or_insert(key);
        }
        Self { files, folded, loose }
    }

    /// The clip that is meant by `folder` and `file`, as [`parts`] gives them.
    fn find(&self, folder: &str, file: &str) -> Match<'a> {
        // A name may come without extension and have a dot of its own.
        let without = file.rsplit_once('.').map(|(name, _)| name).filter(|name| !name.is_empty());
        let keys: Vec<Key> =
            without.into_iter().chain([file]).map(|name| (folder.to_owned(), name.to_owned())).collect();
        if let Some((key, _)) = keys.iter().find_map(|key| self.files.get_key_value(key)) {
            return Match::Exact(key);
        }
        match keys.iter().find_map(|key| self.folded.get(&both(key, folded_name))).map(Vec::as_slice) {
            Some([one]) => return Match::Folded(one),
            Some(several) => return several.first().map_or(Match::Missing, |one| Match::Near(one)),
            None => {}
        }
        let near = keys.iter().find_map(|key| self.loose.get(&both(key, loose_name)));
        near.map_or(Match::Missing, |key| Match::Near(key))
    }
}

/// Folder and file of a listed path; `None` without both.
pub(crate) fn parts(listed: &str) -> Option<(&str, &str)> {
    let mut parts = listed.rsplit(['/', '\\']).map(str::trim).filter(|part| !part.is_empty() && *part != ".");
    let (file, folder) = (parts.next()?, parts.next()?);
    Some((folder, file))
}

/// What the lines of one list name.
pub(crate) struct Named<'a> {
    path: PathBuf,
    /// The clips that are on disk, in the list's order, each with what its line says.
    pub(crate) clips: Vec<(&'a Key, String)>,
    /// Lines that name a clip, whether it is there or not.
    pub(crate) listed: usize,
    /// Lines whose clip is not there, and the first of them.
    pub(crate) missing: usize,
    pub(crate) first_missing: Option<String>,
    folded: usize,
    near: Vec<(u64, String, &'a Key)>,
}

impl<'a> Named<'a> {
    pub(crate) fn new(path: &Path) -> Self {
        let path = path.to_owned();
        let (clips, near) = (Vec::new(), Vec::new());
        Self { path, clips, listed: 0, missing: 0, first_missing: None, folded: 0, near }
    }

    /// One line, which names a file in a folder.
    pub(crate) fn add(
        &mut self,
        matcher: &Matcher<'a>,
        line: u64,
        listed: &str,
        (folder, file): (&str, &str),
    ) {
        self.listed += 1;
        let found = matcher.find(folder, file);
        self.folded += usize::from(matches!(found, Match::Folded(_)));
        match found {
            Match::Exact(key) | Match::Folded(key) => return self.clips.push((key, listed.to_owned())),
            Match::Near(key) => self.near.push((line, listed.to_owned(), key)),
            Match::Missing => {}
        }
        self.missing += 1;
        self.first_missing.get_or_insert_with(|| listed.to_owned());
    }

    /// The file's name.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The note on names that differ from those of the files.
    pub(crate) fn folded_note(&self) -> Option<String> {
        (self.folded > 0).then(|| {
            format!(
                "{}: {} of {} names differ from those of the files in letter case or Unicode form (NFC, NFD) alone, \
                 and are taken for them",
                self.name(),
                self.folded,
                self.listed
            )
        })
    }
}

/// Refuses the first line that names no clip but one much like it, unless some list names that one as it is.
pub(crate) fn no_near_miss(lists: &[&Named<'_>]) -> Result<(), DataError> {
    if lists.iter().all(|list| list.near.is_empty()) {
        return Ok(());
    }
    let named: HashSet<&Key> = lists.iter().flat_map(|list| &list.clips).map(|(key, _)| *key).collect();
    for list in lists {
        if let Some((line, listed, (folder, file))) =
            list.near.iter().find(|(_, _, key)| !named.contains(key))
        {
            return Err(DataError::Table {
                file: list.path.display().to_string(),
                line: *line,
                found: format!("\"{}\", which is not there", short(listed)),
                expected: format!(
                    "the name of a clip; \"{folder}/{file}\" is there and differs in punctuation, spaces, leading \
                     zeros or letter case"
                ),
            });
        }
    }
    Ok(())
}

/// Notes on files in `root` that are called like a list, but are none of those that the reader reads.
pub(crate) fn not_read(root: &Path, read: &[&str]) -> Vec<String> {
    const PURPOSES: [&str; 9] =
        ["train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"];
    let is_list = |name: &str| {
        let (stem, ending) = name.rsplit_once('.')?;
        let purpose = stem.split(['_', '-', ' ']).next()?;
        (PURPOSES.contains(&purpose) && ["csv", "tsv", "txt", "json"].contains(&ending)).then_some(())
    };
    let Ok(inside) = fs::read_dir(root) else { return Vec::new() };
    let mut names: Vec<String> = inside
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !read.contains(&name.as_str()) && is_list(&folded_name(name)).is_some())
        .collect();
    names.sort();
    let others = |name: &String| {
        let reader = [("gsc", super::gsc::LISTS.as_slice()), ("words", super::words::LISTS.as_slice())];
        let other = reader.into_iter().find(|(_, lists)| lists.contains(&name.as_str()));
        let other = other.map_or_else(String::new, |(reader, _)| format!("; --data {reader} reads it"));
        format!("warning: {name} is not read: lists are {}{other}", read.join(", "))
    };
    names.iter().map(others).collect()
}

/// A list as text, whatever wrote it: UTF-8 or UTF-16 with or without a byte-order mark, lines that end in LF, CR or
/// both. Spaces and byte-order marks at the ends of lines are taken away.
///
/// # Errors
/// [`DataError::Store`] when the file cannot be read, and [`DataError::Table`] with the line that is no UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, DataError> {
    let bytes = read_bounded(path, LARGEST_TABLE)?;
    let wrong = |line: usize, found: &str| DataError::Table {
        file: path.display().to_string(),
        line: line as u64,
        found: found.to_owned(),
        expected: "text in UTF-8".to_owned(),
    };
    let wide = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> =
            bytes[2..].chunks(2).map(|pair| of([pair[0], *pair.get(1).unwrap_or(&0)])).collect();
        String::from_utf16(&units).map_err(|_| wrong(1, "a byte-order mark of UTF-16, but no such text"))
    };
    let text = match bytes.as_slice() {
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes)?,
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes)?,
        _ => std::str::from_utf8(&bytes).map(str::to_owned).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            wrong(before.split(|&byte| byte == b'\n').count(), "bytes that are no UTF-8")
        })?,
    };
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    Ok(lines.split('\n').map(trimmed).collect::<Vec<_>>().join("\n"))
}

fn trimmed(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\0')
}

fn both(key: &Key, of: fn(&str) -> String) -> Key {
    (of(&key.0), of(&key.1))
}

/// A name without letter case and in one Unicode form.
pub(crate) fn folded_name(name: &str) -> String {
    if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        name.nfc().collect::<String>().to_lowercase().nfc().collect()
    }
}

/// The letters and numbers of a name: runs of either, numbers by value.
pub(crate) fn loose_name(name: &str) -> String {
    tokens(name).join(" ")
}

/// Runs of letters and runs of digits, folded; digits without leading zeros.
pub(crate) fn tokens(name: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last = None;
    for c in folded_name(name).chars() {
        let kind = if c.is_ascii_digit() { Some(true) } else { c.is_alphanumeric().then_some(false) };
        match (kind, tokens.last_mut()) {
            (None, _) => {}
            (Some(_), Some(token)) if kind == last => token.push(c),
            (Some(_), _) => tokens.push(c.to_string()),
        }
        last = kind;
    }
    for token in &mut tokens {
        if token.starts_with('0') {
            let value = token.trim_start_matches('0');
            *token = if value.is_empty() { "0".to_owned() } else { value.to_owned() };
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(names: &[&str]) -> BTreeMap<Key, PathBuf> {
        let key = |name: &&str| name.split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        names.iter().map(|name| (key(name), PathBuf::from(name))).collect()
    }

    #[test]
    fn a_path_is_its_last_two_parts() {
        for listed in [
            "bed/a.wav",
            "./bed/a.wav",
            "x/y/bed/a.wav",
            "bed\\a.wav",
            "C:\\x\\bed\\a.wav",
            "bed//a.wav",
            "bed/./a.wav",
        ] {
            assert_eq!(parts(listed), Some(("bed", "a.wav")), "{listed}");
        }
        for listed in ["a.wav", "", "/", "./a.wav", "bed/"] {
            assert_eq!(parts(listed), None, "{listed}");
        }
    }

    #[test]
    fn names_are_found_whatever_their_extension_case_and_form() {
        let files = disk(&["bed/a_1", "Zoë/b", "bed/v1.2", "up/X", "up/x", "zoom in/s05"]);
        let matcher = Matcher::new(&files);
        let find = |folder: &str, file: &str| match matcher.find(folder, file) {
            Match::Exact(key) => format!("exact {}", key.1),
            Match::Folded(key) => format!("folded {}", key.1),
            Match::Near(key) => format!("near {}", key.1),
            Match::Missing => "missing".to_owned(),
        };
        for ((folder, file), expected) in [
            (("bed", "a_1.wav"), "exact a_1"),
            (("bed", "a_1.flac"), "exact a_1"),
            (("bed", "a_1"), "exact a_1"),
            (("bed", "v1.2"), "exact v1.2"),
            (("bed", "v1.2.wav"), "exact v1.2"),
            (("Bed", "A_1.WAV"), "folded a_1"),
            (("Zoe\u{308}", "b.wav"), "folded b"),
            (("ZOE\u{308}", "b.wav"), "folded b"),
            (("up", "x.wav"), "exact x"),
            (("UP", "x.wav"), "near X"),
            (("zoom_in", "s5.wav"), "near s05"),
            (("bed", "a-01.wav"), "near a_1"),
            (("bed", "a1.wav"), "near a_1"),
            (("bed", "a_11.wav"), "missing"),
            (("cat", "a_1.wav"), "missing"),
        ] {
            assert_eq!(find(folder, file), expected, "{folder}/{file}");
        }
    }

    #[test]
    fn a_list_is_read_whatever_wrote_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("list.txt");
        let wide = |unit: fn(u16) -> [u8; 2]| {
            "\u{feff}bed/ä\r\ncat/b\r\n".encode_utf16().flat_map(unit).collect::<Vec<u8>>()
        };
        for bytes in [
            "bed/ä\ncat/b\n".as_bytes().to_vec(),
            "\u{feff}bed/ä\n\u{feff}cat/b\n".as_bytes().to_vec(),
            b"bed/\xC3\xA4 \r\n\tcat/b\r\n".to_vec(),
            b"bed/\xC3\xA4\rcat/b\r".to_vec(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
        ] {
            fs::write(&path, &bytes).unwrap();
            assert_eq!(read(&path).unwrap(), "bed/ä\ncat/b\n", "{bytes:?}");
        }
        fs::write(&path, b"bed/a\nb\xE4d/a\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.ends_with("list.txt, line 2: found bytes that are no UTF-8; expected text in UTF-8"),
            "{error}"
        );
    }
}
