//! What can go wrong with outside data, always with the item, what was found and what was expected.

use std::path::PathBuf;

/// Names in a message: the first few, and how many more there are. Sets have any number of speakers and classes.
#[must_use]
pub fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0..=SHOWN => names.join(", "),
        all => format!("{} and {} more", names[..SHOWN].join(", "), all - SHOWN),
    }
}

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A folder that should be there is not, or is no folder.
    #[error("{}: {found}; expected {expected}", path.display())]
    Folder {
        /// The folder asked for.
        path: PathBuf,
        /// What is there instead.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// The operating system refused to read something.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A sound file that cannot be used.
    #[error("{file}: found {found}; expected {expected}")]
    Audio {
        /// The file, or the name of an embedded stream.
        file: String,
        /// What the file holds.
        found: String,
        /// What would have been usable.
        expected: String,
    },
    /// Spikes that cannot be.
    #[error("{item}: found {found}; expected {expected}")]
    Spikes {
        /// The file and the sample in it.
        item: String,
        /// What the sample holds.
        found: String,
        /// What would have been usable.
        expected: String,
    },
    /// A file of spikes (HDF5 in the layout of SHD) that cannot be used.
    #[error("{file}: found {found}; expected {expected}")]
    SpikeFile {
        /// The file and, where it matters, the data set or sample in it.
        file: String,
        /// What the file holds.
        found: String,
        /// What would have been usable.
        expected: String,
    },
    /// The making of a batch panicked, which is an error of this program.
    #[error(
        "the batch that begins with sample {first:?}: its making ended with {message:?}; expected a batch"
    )]
    Batch {
        /// Its first sample.
        first: String,
        /// What the panic said.
        message: String,
    },
    /// A file that cannot be written or replaced.
    #[error(transparent)]
    Store(#[from] colearn_store::StoreError),
    /// A sound file whose name does not say what it is.
    #[error("{}: the file name does not fit; expected {expected}", path.display())]
    FileName {
        /// The file.
        path: PathBuf,
        /// The pattern of names.
        expected: String,
    },
    /// A line of a list or index that cannot be used.
    #[error("{file}, line {line}: found {found}; expected {expected}")]
    Table {
        /// The list.
        file: String,
        /// Line number, counted from 1.
        line: u64,
        /// What the line holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// A list names files that are not on disk.
    #[error(
        "{}: {missing} of {listed} listed files are missing, the first is {first}; expected all of them, since \
         results on a part of the set cannot be compared",
        list.display()
    )]
    MissingFiles {
        /// The list.
        list: PathBuf,
        /// The first listed file without a file on disk.
        first: String,
        /// How many are missing.
        missing: usize,
        /// How many the list names.
        listed: usize,
    },
    /// A clip is named by two lists, twice by one, or lies on disk in two formats.
    #[error("{file}: found in {first} and again in {second}; expected it once")]
    FoundTwice {
        /// The clip.
        file: String,
        /// Where it was met first.
        first: String,
        /// Where it was met again.
        second: String,
    },
    /// A speaker who is not in the set.
    #[error("leave_out: no speaker {found:?}; the speakers are {}", shortened(known))]
    UnknownSpeaker {
        /// The speaker asked for.
        found: String,
        /// All speakers of the set.
        known: Vec<String>,
    },
    /// Too few speakers for the split asked for.
    #[error("{}: {found} speaker(s); expected at least {expected} {purpose}", path.display())]
    TooFewSpeakers {
        /// The root of the set.
        path: PathBuf,
        /// Speakers found.
        found: usize,
        /// Speakers needed.
        expected: usize,
        /// What they are needed for.
        purpose: String,
    },
    /// Classes that are to be recognised without a single training clip.
    #[error(
        "{set}: {rule} leaves no training clip of {classes}; expected clips of every class in training: {instead}"
    )]
    NotInTraining {
        /// The set.
        set: String,
        /// How many classes of how many, and which.
        classes: String,
        /// What cut the set.
        rule: String,
        /// What would help.
        instead: String,
    },
    /// A value of the configuration that cannot work.
    #[error("data.{key}: {found}; expected {expected}")]
    Config {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What would have been usable.
        expected: String,
    },
    /// A change of training samples that does not exist for this set.
    #[error("train.augment.{key}: found {found}; expected nothing: {why}")]
    Augmentation {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// Why it cannot be.
        why: &'static str,
    },
    /// Stored statistics that do not fit the features.
    #[error("normaliser: found {found}; expected {expected}")]
    Normaliser {
        /// What the statistics are.
        found: String,
        /// What they should be.
        expected: String,
    },
    /// A split without a single clip.
    #[error("{set}: the {split} split is empty; expected at least one clip")]
    EmptySplit {
        /// The set.
        set: String,
        /// Which split.
        split: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_does_not_grow_with_the_names_of_a_set() {
        let names = |count: usize| (0..count).map(|n| format!("speaker{n}")).collect::<Vec<_>>();
        assert_eq!(shortened(&names(2)), "speaker0, speaker1");
        assert!(shortened(&names(12)).ends_with("speaker11"));
        let error = DataError::UnknownSpeaker { found: "eve".to_owned(), known: names(3000) };
        let said = error.to_string();
        assert!(said.ends_with("speaker10, speaker11 and 2988 more") && said.len() < 250, "{said}");
    }
}
