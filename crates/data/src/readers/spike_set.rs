//! Sets of spikes in HDF5 files of the layout of SHD and SSC.
//!
//! In the folder there is one file whose name ends in `train.h5`, and perhaps one that ends in `valid.h5` and one in
//! `test.h5`, each possibly with `.gz`. SHD has no validation file, so whole training speakers are held out; SSC has
//! one. Files that say which encoding they are of must all be of the same, and all of it must be there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::entries;
use super::{Clip, Found, Source, Usual};
use crate::spike_file::{Encoding, SetPart, SpikeFile};
use crate::{DataConfig, DataError, DataName, Protocol, shortened};

/// Samples of the published files: training, validation, test.
const SHD: [Option<usize>; 3] = [Some(8_156), None, Some(2_264)];
const SSC: [Option<usize>; 3] = [Some(75_466), Some(9_981), Some(20_382)];

/// So many classes may be numbered by labels alone, however few samples there are.
const MOST_NUMBERED: usize = 1000;

pub(crate) fn find(config: &DataConfig, root: &Path) -> Result<Found, DataError> {
    let expected = format!("{} files in HDF5, …train.h5 and …test.h5 (or .h5.gz)", config.name);
    let names = entries(root, &expected)?;
    let mut found = Found { name: config.name.to_string(), usual: Usual::Speakers, ..Found::default() };
    let mut files = Vec::with_capacity(SetPart::ALL.len());
    for part in SetPart::ALL {
        let Some(path) = only(&names, part)? else { continue };
        files.push((part, path, Arc::new(SpikeFile::open(path)?)));
    }
    let encoding = one_encoding(root, &files)?;
    check_numbers(&files)?;
    let mut clips = [None, None, None];
    let mut classes: Option<(PathBuf, Vec<String>)> = None;
    let mut counts = [None; 3];
    for (part, path, file) in &files {
        counts[*part as usize] = Some(file.len());
        if file.is_empty() {
            return Err(spike_error(path, "no sample", "at least one sample"));
        }
        same_classes(path, file, &mut classes)?;
        clips[*part as usize] = Some(clips_of(file, *part));
    }
    let [train, validation, test] = clips;
    found.train = train.ok_or_else(|| DataError::Folder {
        path: root.to_owned(),
        found: "no file that ends in train.h5 or train.h5.gz".to_owned(),
        expected,
    })?;
    (found.validation, found.test) = (validation, test);
    found.classes = classes.map(|(_, classes)| classes).unwrap_or_default();
    found.notes.extend(count_note(config.name, counts, encoding.as_ref()));
    if found.test.is_none() {
        found.split_notes.push("no test file: there is no test split".to_owned());
    }
    if encoding.is_some_and(|encoding| encoding.protocol == Protocol::SelectedOnTest) {
        found.usual = Usual::OnTest;
        found.split_notes.push("the set was encoded with data.split=none: its test split selects".to_owned());
    }
    Ok(found)
}

/// Refuses files that were not written together, and such as were written with others that are not there. Files of other
/// writers say nothing of that, and are one set as long as all of them are such.
fn one_encoding(
    root: &Path,
    files: &[(SetPart, &PathBuf, Arc<SpikeFile>)],
) -> Result<Option<Encoding>, DataError> {
    let Some((_, first, file)) = files.first() else { return Ok(None) };
    let encoding = file.encoding();
    let say = |encoding: &Option<Encoding>| match encoding {
        Some(encoding) => format!("a file of the encoding {}", encoding.short()),
        None => "a file of no encoding of this program".to_owned(),
    };
    for (_, path, file) in &files[1..] {
        let other = file.encoding();
        if other.as_ref().map(|other| &other.identity) != encoding.as_ref().map(|own| &own.identity) {
            let expected = format!(
                "{}, as {} is: files of one set are written together; encode the set again",
                say(&encoding),
                first.display()
            );
            return Err(spike_error(path, say(&other), expected));
        }
    }
    let Some(encoding) = encoding else { return Ok(None) };
    let is_there = |part: &&SetPart| files.iter().any(|(there, ..)| there == *part);
    if let Some(part) = encoding.parts.iter().find(|part| !is_there(part)) {
        return Err(DataError::Folder {
            path: root.to_owned(),
            found: format!("no file that ends in {}", part.file_name()),
            expected: format!(
                "all files of the encoding {}, {}: copy or encode the set again",
                encoding.short(),
                encoding.parts.iter().map(|part| part.file_name()).collect::<Vec<_>>().join(", ")
            ),
        });
    }
    Ok(Some(encoding))
}

/// Classes without names are as many as the largest label says, which must not be a number out of nothing.
fn check_numbers(files: &[(SetPart, &PathBuf, Arc<SpikeFile>)]) -> Result<(), DataError> {
    if files.iter().any(|(_, _, file)| file.keys().is_some()) {
        return Ok(());
    }
    let samples: usize = files.iter().map(|(_, _, file)| file.len()).sum();
    let below = samples.max(MOST_NUMBERED);
    for (_, path, file) in files {
        if let Some(sample) = file.labels().iter().position(|label| *label >= below) {
            let found = format!("label {} of sample {sample}", file.labels()[sample]);
            let expected =
                format!("a label below {below}, since {samples} samples name no classes in extra/keys");
            return Err(DataError::SpikeFile {
                file: format!("{}, labels", path.display()),
                found,
                expected,
            });
        }
    }
    Ok(())
}

/// The one file of a part.
fn only(names: &[PathBuf], part: SetPart) -> Result<Option<&PathBuf>, DataError> {
    let mut fitting = names.iter().filter(|path| part.fits(path));
    match (fitting.next(), fitting.next()) {
        (Some(first), Some(second)) => Err(DataError::FoundTwice {
            file: format!("the {} file", part.ending()),
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
            let expected = format!("{}, as in {}", shortened(known), first.display());
            return Err(spike_error(path, format!("the classes {}", shortened(&own)), expected));
        }
    }
    Ok(())
}

fn clips_of(file: &Arc<SpikeFile>, part: SetPart) -> Vec<Clip> {
    let speaker =
        |index: usize| file.speakers().map_or_else(|| "unknown".to_owned(), |all| all[index].to_string());
    file.labels()
        .iter()
        .enumerate()
        .map(|(index, &label)| Clip {
            source: Source::Spikes { file: Arc::clone(file), index },
            label,
            speaker: speaker(index),
            id: format!("{}-{index:05}", part.ending()),
        })
        .collect()
}

/// What differs from the published set; of a set that was encoded here how much it is.
fn count_note(name: DataName, found: [Option<usize>; 3], encoding: Option<&Encoding>) -> Option<String> {
    let published = if name == DataName::Ssc { SSC } else { SHD };
    let say = |counts: [Option<usize>; 3]| {
        let parts = SetPart::ALL.iter().zip(counts);
        let parts = parts.filter_map(|(part, count)| Some(format!("{} {}", part.ending(), count?)));
        parts.collect::<Vec<_>>().join(", ")
    };
    if let Some(encoding) = encoding {
        return Some(format!("samples: {}, of the encoding {}", say(found), encoding.short()));
    }
    (found != published).then(|| format!("samples: {}; the published set has {}", say(found), say(published)))
}

fn spike_error(path: &Path, found: impl Into<String>, expected: impl Into<String>) -> DataError {
    DataError::SpikeFile { file: path.display().to_string(), found: found.into(), expected: expected.into() }
}
