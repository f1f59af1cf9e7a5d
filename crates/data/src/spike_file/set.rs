//! Writing the files of a set together.

use std::path::{Path, PathBuf};

use colearn_store::{Exchange, StoreError, hex};
use sha2::{Digest, Sha256};

use super::encoding::{self, SetPart};
use super::source::spike_file;
use super::{SpikeFile, SpikeFileHead, SpikeFileWriter};
use crate::readers::folder::entries;
use crate::{DataError, Protocol, Spikes};

/// Digits of an identity.
const DIGITS: usize = 64;

/// Writes a set of spike files that belong together, each under its own name in one folder.
///
/// Nothing in the folder changes until all files are complete. Then the new ones take their names, the training file last,
/// and parts that an earlier encoding left and this one does not have are removed. Every file carries the identity of the
/// encoding and the list of its parts, so that whatever a kill leaves on the way is the old set, the new one, or a mixture
/// that the reader refuses.
#[derive(Debug)]
pub struct SpikeSetWriter {
    folder: PathBuf,
    files: Vec<(SetPart, SpikeFileWriter)>,
    hash: Sha256,
}

impl SpikeSetWriter {
    /// Begins the files of the parts `heads` in `folder`, which must exist; `protocol` is what results on them may be called.
    ///
    /// # Errors
    /// [`DataError::SpikeFile`] when the folder holds spike files that this set would not replace, or for heads that a file
    /// cannot hold; [`DataError::Store`] when the system refuses.
    pub fn create(
        folder: &Path,
        heads: Vec<(SetPart, SpikeFileHead)>,
        protocol: Protocol,
    ) -> Result<Self, DataError> {
        let parts: Vec<SetPart> = heads.iter().map(|(part, _)| *part).collect();
        check_place(folder, &parts)?;
        let mut hash = Sha256::new();
        let mut files = Vec::with_capacity(heads.len());
        for (part, mut head) in heads {
            update(&mut hash, part.ending().as_bytes());
            update(&mut hash, &(head.samples as u64).to_le_bytes());
            let texts = head.notes.iter().flat_map(|(name, value)| [name, value]);
            head.keys.iter().chain(texts).for_each(|text| update(&mut hash, text.as_bytes()));
            let named: Vec<&str> = parts.iter().map(|part| part.ending()).collect();
            head.notes.extend([
                (encoding::IDENTITY.to_owned(), "0".repeat(DIGITS)),
                (encoding::PARTS.to_owned(), named.join(" ")),
                (encoding::PROTOCOL.to_owned(), encoding::protocol_name(protocol).to_owned()),
            ]);
            files.push((part, SpikeFileWriter::create(folder.join(part.file_name()), head)?));
        }
        update(&mut hash, encoding::protocol_name(protocol).as_bytes());
        Ok(Self { folder: folder.to_owned(), files, hash })
    }

    /// Writes the next sample of a part.
    ///
    /// # Errors
    /// As [`SpikeFileWriter::push`].
    ///
    /// # Panics
    /// If the set has no such part.
    pub fn push(
        &mut self,
        part: SetPart,
        spikes: &Spikes,
        label: usize,
        speaker: Option<i64>,
    ) -> Result<(), DataError> {
        let (_, file) = self.files.iter_mut().find(|(known, _)| *known == part).expect("a part of the set");
        file.push(spikes, label, speaker)?;
        update(&mut self.hash, part.ending().as_bytes());
        for number in [label as u64, u64::from(speaker.is_some()), speaker.unwrap_or(0).cast_unsigned()] {
            self.hash.update(number.to_le_bytes());
        }
        let values = spikes.iter().flat_map(|(time, unit)| {
            let ([a, b, c, d], [e, f]) = (time.to_le_bytes(), unit.to_le_bytes());
            [a, b, c, d, e, f]
        });
        update(&mut self.hash, &values.collect::<Vec<u8>>());
        Ok(())
    }

    /// Files of an earlier encoding that this one does not replace: they are removed when it is complete.
    #[must_use]
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let others =
            SetPart::ALL.into_iter().filter(|part| !self.files.iter().any(|(written, _)| written == part));
        others.map(|part| self.folder.join(part.file_name())).filter(|path| path.exists()).collect()
    }

    /// Completes all files and puts them in the place of what is there.
    ///
    /// # Errors
    /// [`DataError::SpikeFile`] for fewer samples than announced; [`DataError::Store`] when the system refuses. The folder then
    /// holds what it did, or, if the system refuses a change of names that has begun, a mixture that the reader refuses.
    pub fn finish(self) -> Result<(), DataError> {
        Ok(self.exchange()?.finish()?)
    }

    /// Everything that is left to do when all files are complete, in an order of which no begin looks like a whole set: the
    /// training file, which every set has, is the last of the new ones, and no old file goes before it.
    pub(crate) fn exchange(mut self) -> Result<Exchange, DataError> {
        let leftovers = self.leftovers();
        let identity = hex(&self.hash.finalize());
        self.files.sort_by_key(|(part, _)| std::cmp::Reverse(*part));
        let mut files = Vec::with_capacity(self.files.len());
        for (_, mut file) in self.files {
            file.set_note(encoding::IDENTITY, &identity);
            files.push(file.complete()?);
        }
        Ok(Exchange::new(files, leftovers)?)
    }
}

/// A piece of what makes the identity, with its length, so that no two lists of pieces are the same bytes.
fn update(hash: &mut Sha256, piece: &[u8]) {
    hash.update((piece.len() as u64).to_le_bytes());
    hash.update(piece);
}

/// Refuses a folder whose files would be mixed with the new ones, or that this set must not replace.
fn check_place(folder: &Path, written: &[SetPart]) -> Result<(), DataError> {
    let expected = "a folder without other spike files: move it away, or name another folder";
    // An empty folder is as good as any.
    for path in entries(folder, expected).unwrap_or_default() {
        let Some(part) = SetPart::ALL.into_iter().find(|part| part.fits(&path)) else { continue };
        if path.file_name().is_none_or(|name| *name != *part.file_name()) {
            let found = format!("a {} file beside the {} to be written", part.ending(), part.file_name());
            return Err(spike_file(path.display().to_string(), found, expected));
        }
        if path.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(StoreError::Io { path, action: "replaced", source }.into());
        }
        let ours = || SpikeFile::open(&path).is_ok_and(|file| file.is_own());
        if !written.contains(&part) && !ours() {
            let found = format!("a {} file of another origin, and none to be written", part.ending());
            return Err(spike_file(path.display().to_string(), found, expected));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
