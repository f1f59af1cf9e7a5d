//! What an encoding says of itself in each of its files, so that files of different encodings are never taken for one set.
//!
//! Three notes beside the others in `extra/meta_info`: the identity, which follows from everything that the files hold; the
//! parts that were written together; and what results on them may be called. Published files have none of them.

use crate::Protocol;

/// Names of the notes.
pub(super) const IDENTITY: &str = "encoding";
pub(super) const PARTS: &str = "encoding_parts";
pub(super) const PROTOCOL: &str = "encoding_protocol";
pub(super) const WRITER: &str = "writer";

/// A part of a set: the file whose name ends so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetPart {
    /// `train.h5`.
    Train,
    /// `valid.h5`.
    Validation,
    /// `test.h5`.
    Test,
}

impl SetPart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// What names of its files end with, before the extension.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "valid",
            Self::Test => "test",
        }
    }

    /// Name of its file in a set that is written here.
    #[must_use]
    pub fn file_name(self) -> String {
        format!("{}.h5", self.ending())
    }

    /// Whether a file is one of this part, by its name: `…train.h5`, `.hdf5`, perhaps with `.gz`.
    #[must_use]
    pub(crate) fn fits(self, path: &std::path::Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
        let name = name.unwrap_or_default();
        let stem = name.strip_suffix(".gz").unwrap_or(&name);
        let stem = stem.strip_suffix(".h5").or_else(|| stem.strip_suffix(".hdf5"));
        stem.is_some_and(|stem| stem.ends_with(self.ending()))
    }
}

/// The encoding that a file belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// SHA-256 of the content of all its files, in hexadecimal digits.
    pub identity: String,
    /// The parts that were written together.
    pub parts: Vec<SetPart>,
    /// What results on them may be called.
    pub protocol: Protocol,
}

impl Encoding {
    /// Begin of the identity, enough for a message.
    #[must_use]
    pub fn short(&self) -> &str {
        self.identity.get(..12).unwrap_or(&self.identity)
    }

    /// Of the notes of a file, `None` where it is of none.
    pub(super) fn of_notes(notes: &[(String, String)]) -> Option<Self> {
        let note =
            |name: &str| notes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let identity = note(IDENTITY)?.to_owned();
        let named = note(PARTS).unwrap_or_default();
        let parts =
            SetPart::ALL.into_iter().filter(|part| named.split(' ').any(|name| name == part.ending()));
        let on_test = note(PROTOCOL) == Some(protocol_name(Protocol::SelectedOnTest));
        Some(Self {
            identity,
            parts: parts.collect(),
            protocol: if on_test { Protocol::SelectedOnTest } else { Protocol::Clean },
        })
    }
}

/// What the note calls a protocol.
pub(super) fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Clean => "clean",
        Protocol::NoTest => "no_test",
        Protocol::SelectedOnTest => "selected_on_test",
    }
}
