//! Sets of spikes in HDF5 files of the layout of SHD and SSC.
//!
//! In the folder there is one file whose name ends in `train.h5`, and perhaps one that ends in `valid.h5` and one in
//! `test.h5`, each possibly with `.gz`. SHD has no validation file, so whole training speakers are held out; SSC has
//! one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::entries;
use super::{Clip, Found, Source, Usual};
use crate::spike_file::SpikeFile;
use crate::{DataConfig, DataError, DataName};

/// Samples of the published files: training, validation, test.
const SHD: [Option<usize>; 3] = [Some(8_156), None, Some(2_264)];
const SSC: [Option<usize>; 3] = [Some(75_466), Some(9_981), Some(20_382)];
const PARTS: [&str; 3] = ["train", "valid", "test"];

pub(crate) fn find(config: &DataConfig, root: &Path) -> Result<Found, DataError> {
    let expected = format!("{} files in HDF5, …train.h5 and …test.h5 (or .h5.gz)", config.name);
    let names = entries(root, &expected)?;
    let mut found = Found { name: config.name.to_string(), usual: Usual::Speakers, ..Found::default() };
    let mut clips = Vec::with_capacity(PARTS.len());
    let mut classes: Option<(PathBuf, Vec<String>)> = None;
    let mut counts = [None; 3];
    for (place, part) in PARTS.iter().enumerate() {
        let Some(path) = only(&names, part)? else {
            clips.push(None);
            continue;
        };
        let file = Arc::new(SpikeFile::open(path)?);
        counts[place] = Some(file.len());
        if file.is_empty() {
            return Err(spike_error(path, "no sample", "at least one sample"));
        }
        same_classes(path, &file, &mut classes)?;
        clips.push(Some(clips_of(&file, part)));
    }
    let [train, validation, test] = clips.try_into().expect("an entry per part");
    found.train = train.ok_or_else(|| DataError::Folder {
        path: root.to_owned(),
        found: "no file that ends in train.h5 or train.h5.gz".to_owned(),
        expected,
    })?;
    (found.validation, found.test) = (validation, test);
    found.classes = classes.map(|(_, classes)| classes).unwrap_or_default();
    found.notes.extend(count_note(config.name, counts));
    if found.test.is_none() {
        found.split_notes.push("no test file: there is no test split".to_owned());
    }
    Ok(found)
}

/// The one file of a part.
fn only<'a>(names: &'a [PathBuf], part: &str) -> Result<Option<&'a PathBuf>, DataError> {
    let endings = [".h5", ".hdf5", ".h5.gz", ".hdf5.gz"].map(|ending| format!("{part}{ending}"));
    let fits = |path: &&PathBuf| {
        let name =
            path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        endings.iter().any(|ending| name.ends_with(ending))
    };
    let mut fitting = names.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(first), Some(second)) => Err(DataError::FoundTwice {
            file: format!("the {part} file"),
            first: first.display().to_string(),
            second: second.display().to_string(),
        }),
        (first, _) => Ok(first),
    }
}

/// All files must name the same classes; without names they are numbered.
fn same_classes(
    path: &Path,
    file: &SpikeFile,
    classes: &mut Option<(PathBuf, Vec<String>)>,
) -> Result<(), DataError> {
    let numbered = || {
        let count = file.labels().iter().max().map_or(0, |most| most + 1);
        (0..count).map(|label| label.to_string()).collect::<Vec<_>>()
    };
    let named = file.keys().is_some();
    let own = file.keys().map_or_else(numbered, <[String]>::to_vec);
    match classes {
        None => *classes = Some((path.to_owned(), own)),
        // A part without names may lack the last classes.
        Some((_, known)) if !named && own.len() <= known.len() => {}
        Some((_, known)) if *known == own => {}
        Some((first, known)) => {
            let expected = format!("{}, as in {}", known.join(", "), first.display());
            return Err(spike_error(path, format!("the classes {}", own.join(", ")), expected));
        }
    }
    Ok(())
}

fn clips_of(file: &Arc<SpikeFile>, part: &str) -> Vec<Clip> {
    let speaker =
        |index: usize| file.speakers().map_or_else(|| "unknown".to_owned(), |all| all[index].to_string());
    file.labels()
        .iter()
        .enumerate()
        .map(|(index, &label)| Clip {
            source: Source::Spikes { file: Arc::clone(file), index },
            label,
            speaker: speaker(index),
            id: format!("{part}-{index:05}"),
        })
        .collect()
}

/// What differs from the published set.
fn count_note(name: DataName, found: [Option<usize>; 3]) -> Option<String> {
    let published = if name == DataName::Ssc { SSC } else { SHD };
    let say = |counts: [Option<usize>; 3]| {
        let parts = PARTS.iter().zip(counts).filter_map(|(part, count)| Some(format!("{part} {}", count?)));
        parts.collect::<Vec<_>>().join(", ")
    };
    (found != published).then(|| format!("samples: {}; the published set has {}", say(found), say(published)))
}

fn spike_error(path: &Path, found: impl Into<String>, expected: impl Into<String>) -> DataError {
    DataError::SpikeFile { file: path.display().to_string(), found: found.into(), expected: expected.into() }
}
