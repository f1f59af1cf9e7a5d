use std::fs;

use super::*;
use crate::readers::spike_set::find;
use crate::{DataConfig, DataName};

const EVERY: [SetPart; 3] = SetPart::ALL;

/// A set of these parts of `samples` samples each, all but its names on disk.
fn begun(folder: &Path, parts: &[SetPart], samples: usize) -> SpikeSetWriter {
    let head = || SpikeFileHead {
        samples,
        keys: vec!["no".to_owned(), "yes".to_owned()],
        speakers: true,
        notes: vec![("writer".to_owned(), "colearn 0".to_owned())],
    };
    let heads = parts.iter().map(|&part| (part, head())).collect();
    let mut set = SpikeSetWriter::create(folder, heads, Protocol::Clean).unwrap();
    for &part in parts {
        for i in 0..samples {
            let (spikes, _) = Spikes::checked(vec![0.25 * i as f32], vec![3], 700, "made").unwrap();
            set.push(part, &spikes, i % 2, Some(0)).unwrap();
        }
    }
    set
}

fn write(folder: &Path, parts: &[SetPart], samples: usize) {
    begun(folder, parts, samples).finish().unwrap();
}

/// Samples of each part as the reader sees them, or what it says.
fn seen(folder: &Path) -> Result<[Option<usize>; 3], String> {
    let config = DataConfig { root: Some(folder.to_owned()), ..DataConfig::default_for(DataName::Shd) };
    let found = find(&config, folder).map_err(|error| error.to_string())?;
    let len = |clips: &Option<Vec<_>>| clips.as_ref().map(Vec::len);
    Ok([Some(found.train.len()), len(&found.validation), len(&found.test)])
}

fn whole(parts: &[SetPart], samples: usize) -> [Option<usize>; 3] {
    EVERY.map(|part| parts.contains(&part).then_some(samples))
}

/// Every stop between two changes on the way from any set to any other: the old set, the new one, or a refusal that says why.
#[test]
fn a_stop_at_any_moment_leaves_the_old_set_the_new_one_or_a_refusal() {
    use SetPart::{Test, Train, Validation};
    let sets = [&EVERY[..], &[Train, Validation], &[Train, Test], &[Train]];
    for old in sets.into_iter().map(Some).chain([None]) {
        for new in sets {
            for stop in 0.. {
                let folder = tempfile::tempdir().unwrap();
                let place = folder.path();
                if let Some(old) = old {
                    write(place, old, 4);
                }
                let mut exchange = begun(place, new, 6).exchange().unwrap();
                let changes = (0..stop).take_while(|_| exchange.step().unwrap()).count();
                let is_done = changes < stop;
                // As a kill would: nothing is cleared away.
                std::mem::forget(exchange);
                let what = format!("{old:?} to {new:?}, stopped after {changes} changes");
                match seen(place) {
                    Ok(found) if changes == 0 => {
                        assert_eq!(Some(found), old.map(|old| whole(old, 4)), "{what}");
                    }
                    Ok(found) => assert_eq!(found, whole(new, 6), "{what}"),
                    Err(message) => {
                        let why = ["the encoding ", "no file that ends in train.h5"];
                        assert!(why.iter().any(|why| message.contains(why)), "{what}: {message}");
                        assert!(!is_done && (changes > 0 || old.is_none()), "{what}: {message}");
                    }
                }
                if is_done {
                    assert_eq!(seen(place).unwrap(), whole(new, 6), "{what}");
                    break;
                }
            }
        }
    }
}

#[test]
fn the_files_of_two_encodings_are_no_set() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    for (place, samples) in [(&a, 4), (&b, 5)] {
        fs::create_dir(place).unwrap();
        write(place, &EVERY, samples);
    }
    assert_eq!(seen(&a).unwrap(), whole(&EVERY, 4));
    let identity = |place: &Path, part: SetPart| {
        SpikeFile::open(place.join(part.file_name())).unwrap().encoding().unwrap().identity
    };
    assert_eq!(identity(&a, SetPart::Train), identity(&a, SetPart::Test));
    assert_ne!(identity(&a, SetPart::Train), identity(&b, SetPart::Train));
    let short = |place: &Path| identity(place, SetPart::Train)[..12].to_owned();

    fs::copy(b.join("test.h5"), a.join("test.h5")).unwrap();
    let message = seen(&a).unwrap_err();
    let expected = format!(
        "test.h5: found a file of the encoding {}; expected a file of the encoding {}, as {}",
        short(&b),
        short(&a),
        a.join("train.h5").display()
    );
    assert!(message.contains(&expected), "{message}");

    fs::remove_file(a.join("test.h5")).unwrap();
    let message = seen(&a).unwrap_err();
    assert!(
        message.contains("no file that ends in test.h5; expected all files of the encoding "),
        "{message}"
    );

    let (spikes, _) = Spikes::checked(vec![0.1], vec![3], 700, "made").unwrap();
    let head =
        SpikeFileHead { samples: 1, keys: vec!["no".into(), "yes".into()], ..SpikeFileHead::default() };
    let mut other = SpikeFileWriter::create(a.join("test.h5"), head).unwrap();
    other.push(&spikes, 0, None).unwrap();
    other.finish().unwrap();
    let message = seen(&a).unwrap_err();
    assert!(
        message.contains("test.h5: found a file of no encoding of this program; expected a file of"),
        "{message}"
    );
}

#[test]
fn the_same_content_is_the_same_encoding_and_any_change_another_one() {
    let identity = |change: &dyn Fn(&mut SpikeFileHead, &mut Vec<f32>), protocol| {
        let folder = tempfile::tempdir().unwrap();
        let (mut head, mut times) = (SpikeFileHead { samples: 1, ..SpikeFileHead::default() }, vec![0.25]);
        change(&mut head, &mut times);
        let mut set = SpikeSetWriter::create(folder.path(), vec![(SetPart::Train, head)], protocol).unwrap();
        let (spikes, _) = Spikes::checked(times, vec![3], 700, "made").unwrap();
        set.push(SetPart::Train, &spikes, 0, None).unwrap();
        set.finish().unwrap();
        SpikeFile::open(folder.path().join("train.h5")).unwrap().encoding().unwrap()
    };
    let first = identity(&|_, _| (), Protocol::Clean);
    assert_eq!(first, identity(&|_, _| (), Protocol::Clean));
    assert_eq!((first.parts.as_slice(), first.identity.len()), (&[SetPart::Train][..], DIGITS));
    for other in [
        identity(&|_, times| times[0] = 0.5, Protocol::Clean),
        identity(&|head, _| head.keys.push("yes".to_owned()), Protocol::Clean),
        identity(&|head, _| head.notes.push(("encoder".to_owned(), "x".to_owned())), Protocol::Clean),
        identity(&|_, _| (), Protocol::SelectedOnTest),
    ] {
        assert_ne!(first.identity, other.identity);
    }
    assert_eq!(identity(&|_, _| (), Protocol::SelectedOnTest).protocol, Protocol::SelectedOnTest);
}

#[test]
fn a_set_replaces_no_files_of_another_origin() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |parts: &[SetPart]| {
        let heads = parts.iter().map(|&part| (part, SpikeFileHead::default())).collect();
        SpikeSetWriter::create(folder.path(), heads, Protocol::Clean).unwrap_err().to_string()
    };
    fs::write(folder.path().join("test.h5"), "not ours").unwrap();
    let message = refused(&[SetPart::Train]);
    assert!(
        message.contains("test.h5: found a test file of another origin, and none to be written"),
        "{message}"
    );
    fs::write(folder.path().join("shd_train.h5.gz"), "not ours").unwrap();
    let message = refused(&EVERY);
    assert!(
        message.contains("shd_train.h5.gz: found a train file beside the train.h5 to be written"),
        "{message}"
    );
    fs::remove_file(folder.path().join("shd_train.h5.gz")).unwrap();
    fs::create_dir(folder.path().join("valid.h5")).unwrap();
    let message = refused(&EVERY);
    assert!(message.contains("valid.h5: cannot be replaced: "), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing was begun");
}
