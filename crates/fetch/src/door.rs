//! Opening what lies in a folder of ours: regular files only, bounded, and never through a link where something is
//! written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::error::FetchError;

/// The content of a regular file of at most `most` bytes. A pipe or a device is refused, not waited for.
pub(crate) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, FetchError> {
    let file = open_regular(path)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that grew since.
    file.take(most + 1).read_to_end(&mut bytes).map_err(FetchError::io(path, "read"))?;
    if bytes.len() as u64 > most {
        return Err(FetchError::Kind {
            path: path.to_owned(),
            found: format!("more than {most} bytes"),
            expected: format!("at most {most}"),
        });
    }
    Ok(bytes)
}

/// Opens a regular file for reading.
pub(crate) fn open_regular(path: &Path) -> Result<File, FetchError> {
    require_regular(path)?;
    Ok(colearn_store::open_regular(path)?)
}

/// Refuses what is no regular file, nor a link to one: opening a pipe waits, and a device has no end.
pub(crate) fn require_regular(path: &Path) -> Result<(), FetchError> {
    let found = fs::metadata(path).map_err(FetchError::io(path, "read"))?;
    if found.is_file() { Ok(()) } else { Err(not_regular(path, &found)) }
}

/// The same as text.
pub(crate) fn read_text(path: &Path, most: u64) -> Result<String, FetchError> {
    String::from_utf8(read_bounded(path, most)?).map_err(|error| {
        FetchError::io(path, "read")(io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
    })
}

/// Opens a regular file to read and write, or makes it. It is not emptied, no link is followed, and nothing that is no
/// regular file is opened.
pub(crate) fn open_own(path: &Path) -> Result<File, FetchError> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let opened = match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => return Err(not_regular(path, &found)),
            Ok(_) => options.open(path),
            Err(error) if error.kind() == ErrorKind::NotFound => options.create_new(true).open(path),
            Err(error) => Err(error),
        };
        match opened {
            // What has the name may have changed between the look and the opening.
            Ok(file) if !is_named(path, &file) => {}
            Ok(file) => return Ok(file),
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists) => {}
            Err(error) if error.kind() == ErrorKind::NotFound && path.parent().is_some_and(Path::is_dir) => {}
            Err(error) => return Err(FetchError::io(path, "written")(error)),
        }
    }
}

/// Whether `path` itself, and no link of that name, is the open `file`.
#[cfg(unix)]
pub(crate) fn is_named(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |found: io::Result<fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
    id(path.symlink_metadata()).is_some_and(|named| Some(named) == id(file.metadata()))
}

/// As above; other systems tell no identity of files.
#[cfg(not(unix))]
pub(crate) fn is_named(path: &Path, _: &File) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}

/// Refuses a name that something else than a regular file has already: what is written there would go elsewhere.
pub(crate) fn refuse_other(path: &Path) -> Result<(), FetchError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(not_regular(path, &found)),
        _ => Ok(()),
    }
}

/// Refuses a file that has a second name, through which it belongs to somebody else.
pub(crate) fn refuse_second_name(path: &Path, file: &File) -> Result<(), FetchError> {
    let found = file.metadata().map_err(FetchError::io(path, "read"))?;
    #[cfg(unix)]
    let names = std::os::unix::fs::MetadataExt::nlink(&found);
    #[cfg(not(unix))]
    let names = u64::from(found.is_file());
    if names <= 1 {
        return Ok(());
    }
    let found = format!("a file that has {names} names");
    Err(FetchError::Kind { path: path.to_owned(), found, expected: EXPECTED.to_owned() })
}

const EXPECTED: &str = "a regular file of its own, or nothing";

fn not_regular(path: &Path, found: &fs::Metadata) -> FetchError {
    let found = match found.file_type() {
        sort if sort.is_symlink() => "a link",
        sort if sort.is_dir() => "a folder",
        _ => "a pipe, device or socket",
    };
    FetchError::Kind { path: path.to_owned(), found: found.to_owned(), expected: EXPECTED.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_has_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        assert_eq!(read_text(&path, 3).unwrap(), "abc");
        let error = read_text(&path, 2).unwrap_err().to_string();
        assert!(error.ends_with("a: found more than 2 bytes; expected at most 2"), "{error}");
        let error = read_bounded(folder.path(), 2).unwrap_err().to_string();
        assert!(error.ends_with("found a folder; expected a regular file of its own, or nothing"), "{error}");
        fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 3).unwrap_err().to_string().contains("a: cannot be read: "));
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link_or_into_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, path) = (folder.path().join("mine"), folder.path().join("a.part"));
        fs::write(&mine, "of the user").unwrap();
        for target in [mine.as_path(), Path::new("absent"), Path::new("/dev/zero")] {
            std::os::unix::fs::symlink(target, &path).unwrap();
            let error = open_own(&path).unwrap_err().to_string();
            assert!(
                error.ends_with("a.part: found a link; expected a regular file of its own, or nothing"),
                "{error}"
            );
            fs::remove_file(&path).unwrap();
        }
        assert!(!folder.path().join("absent").exists());
        fs::hard_link(&mine, &path).unwrap();
        let error = refuse_second_name(&path, &open_own(&path).unwrap()).unwrap_err().to_string();
        assert!(error.contains("a.part: found a file that has 2 names; expected a regular file"), "{error}");
        assert_eq!(fs::read(&mine).unwrap(), b"of the user");
        let error = read_bounded(Path::new("/dev/zero"), 9).unwrap_err().to_string();
        assert!(error.contains("/dev/zero: found a pipe, device or socket"), "{error}");
    }
}
