//! The one door through which files are read, and through which files that grow in place are opened: regular files only,
//! and none that is read is larger than the caller allows.
//!
//! A pipe would keep its reader waiting for ever, and a device such as `/dev/zero` has no end. What a name holds is looked
//! at before it is opened, and once more when it is open, since another file may have taken the name in between.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::error::StoreError;

/// The most bytes of a text that people write: settings, manifests, comparisons.
pub const LARGEST_TEXT: u64 = 16 << 20;

/// The most bytes of a text that programs write, of a line or a number for each clip, epoch or step: lists, metrics,
/// evaluations.
pub const LARGEST_TABLE: u64 = 1 << 30;

/// Opens a regular file for reading, and waits for nothing.
///
/// # Errors
/// [`StoreError::NotRegular`] for a folder, a pipe, a device or a socket, also at the end of a link;
/// [`StoreError::Io`] when the system refuses.
pub fn open_regular(path: &Path) -> Result<File, StoreError> {
    let failed = |source| StoreError::io(path, "read", source);
    expect_regular(path, fs::metadata(path).map_err(failed)?.file_type())?;
    let mut options = OpenOptions::new();
    let file = without_waiting(options.read(true)).open(path).map_err(failed)?;
    expect_regular(path, file.metadata().map_err(failed)?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open_regular`], and [`StoreError::TooLarge`] for a longer one, of which no more than that is read.
pub fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, StoreError> {
    let failed = |source| StoreError::io(path, "read", source);
    let too_large = |found| StoreError::TooLarge { path: path.to_owned(), found, most };
    let file = open_regular(path)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > most {
        return Err(too_large(size));
    }
    let mut bytes = Vec::new();
    let room = usize::try_from(size).is_ok_and(|size| bytes.try_reserve(size).is_ok());
    if !room {
        return Err(failed(io::ErrorKind::OutOfMemory.into()));
    }
    // Some files, such as those of /proc, say that they are empty; others grow while they are read.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Reads a regular file of at most `most` bytes of UTF-8.
///
/// # Errors
/// As [`read_bounded`], and [`StoreError::NotText`] for a file that is no UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String, StoreError> {
    String::from_utf8(read_bounded(path, most)?).map_err(|error| StoreError::NotText {
        path: path.to_owned(),
        place: error.utf8_error().valid_up_to(),
    })
}

/// Opens a regular file to read and write it, or makes it. It is not emptied, no link is followed, and nothing is waited
/// for.
///
/// # Errors
/// [`StoreError::NotRegular`] for anything else that has the name, a link among it; [`StoreError::Io`] when the system
/// refuses.
pub fn open_own(path: &Path) -> Result<File, StoreError> {
    expect_own(path)?;
    let failed = |source| StoreError::io(path, "written", source);
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = itself(options).open(path).map_err(failed)?;
    expect_regular(path, file.metadata().map_err(failed)?.file_type())?;
    Ok(file)
}

/// Refuses a name that holds something else than a regular file, a link among it: what is written there would go
/// elsewhere. A name that holds nothing is free.
///
/// # Errors
/// [`StoreError::NotRegular`] for such a name.
pub fn expect_own(path: &Path) -> Result<(), StoreError> {
    fs::symlink_metadata(path).map_or(Ok(()), |found| expect_regular(path, found.file_type()))
}

/// Refuses an open file that has a second name, through which it belongs to somebody else.
///
/// # Errors
/// [`StoreError::Shared`] for such a file, [`StoreError::Io`] when the system does not say.
pub fn expect_one_name(path: &Path, file: &File) -> Result<(), StoreError> {
    let found = file.metadata().map_err(|source| StoreError::io(path, "read", source))?;
    #[cfg(unix)]
    let names = std::os::unix::fs::MetadataExt::nlink(&found);
    #[cfg(not(unix))]
    let names = u64::from(found.is_file());
    if names <= 1 { Ok(()) } else { Err(StoreError::Shared { path: path.to_owned(), names }) }
}

/// Refuses everything but a regular file.
fn expect_regular(path: &Path, kind: FileType) -> Result<(), StoreError> {
    if kind.is_file() {
        return Ok(());
    }
    Err(StoreError::NotRegular { path: path.to_owned(), found: name(kind) })
}

/// What messages call something that is no regular file.
fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    match kind {
        _ if kind.is_dir() => "a folder",
        _ if kind.is_symlink() => "a link",
        _ => "something else",
    }
}

/// Opening then never waits for a writer at the other end of a pipe. Reading a regular file is not changed by it.
#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags(libc::O_NONBLOCK)
}

#[cfg(not(unix))]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Opening then follows no link and waits for nothing.
#[cfg(unix)]
fn itself(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
}

#[cfg(not(unix))]
fn itself(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Whether the name `path` holds the open `file`: the same number on the same device. Where systems have no such numbers,
/// whether the name holds any regular file; Windows lets nobody move the folder of an open file.
#[must_use]
pub fn holds(path: &Path, file: &File) -> bool {
    let Ok(named) = fs::symlink_metadata(path) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        file.metadata().is_ok_and(|open| (open.dev(), open.ino()) == (named.dev(), named.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        named.is_file()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "höher").unwrap();
        assert_eq!(read_bounded(&path, 6).unwrap(), "höher".as_bytes());
        assert_eq!(read_text(&path, 6).unwrap(), "höher");
        for most in [5, 1, 0] {
            let error = read_text(&path, most).unwrap_err().to_string();
            assert!(error.ends_with(&format!("a: found 6 bytes; expected at most {most}")), "{error}");
        }
        fs::write(&path, b"ab\xff").unwrap();
        let error = read_text(&path, 5).unwrap_err().to_string();
        assert!(error.ends_with("a: found a byte at place 2 that is no UTF-8; expected text"), "{error}");
        let error = read_bounded(&folder.path().join("absent"), 5).unwrap_err().to_string();
        assert!(error.contains("absent: cannot be read: "), "{error}");
        let error = read_bounded(folder.path(), 5).unwrap_err().to_string();
        assert!(error.ends_with(": found a folder; expected a regular file"), "{error}");
    }

    /// Read without the door, a pipe nobody writes to waits for ever, and the device fills the memory.
    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_refused_at_once_and_links_lead_to_what_they_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        crate::children::make_pipe(&at("pipe"));
        fs::write(at("file"), "x").unwrap();
        for (name, target) in [("to-pipe", "pipe"), ("to-zero", "/dev/zero"), ("to-file", "file")] {
            std::os::unix::fs::symlink(target, at(name)).unwrap();
        }
        for (name, found) in [("pipe", "a pipe"), ("to-pipe", "a pipe"), ("to-zero", "a device")] {
            // Whoever opens the pipe reads nothing, and does not wait for ever.
            let mut writer = crate::children::silent_writer(&at("pipe"));
            let read = read_bounded(&at(name), LARGEST_TEXT);
            writer.kill().unwrap();
            writer.wait().unwrap();
            let error = read.unwrap_err().to_string();
            assert!(error.ends_with(&format!("{name}: found {found}; expected a regular file")), "{error}");
        }
        assert_eq!(read_bounded(&at("to-file"), 1).unwrap(), b"x");
    }

    /// Links, also to nothing, files with two names, and devices.
    #[cfg(unix)]
    #[test]
    fn what_is_opened_to_be_written_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, path) = (folder.path().join("mine"), folder.path().join("a"));
        fs::write(&mine, "of the user").unwrap();
        for target in [mine.as_path(), Path::new("absent"), Path::new("/dev/zero")] {
            std::os::unix::fs::symlink(target, &path).unwrap();
            for error in [open_own(&path).map(|_| ()).unwrap_err(), expect_own(&path).unwrap_err()] {
                let error = error.to_string();
                assert!(error.ends_with("a: found a link; expected a regular file"), "{error}");
            }
            fs::remove_file(&path).unwrap();
        }
        assert!(!folder.path().join("absent").exists());
        let error = open_own(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with(": found a folder; expected a regular file"), "{error}");
        fs::hard_link(&mine, &path).unwrap();
        let error = expect_one_name(&path, &open_own(&path).unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("a: found a file that has 2 names; expected one of its own"), "{error}");
        assert_eq!(fs::read(&mine).unwrap(), b"of the user");
    }

    #[test]
    fn a_file_of_ones_own_is_made_once_and_never_emptied() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        expect_own(&path).unwrap();
        let mut file = open_own(&path).unwrap();
        file.write_all(b"ab").unwrap();
        assert!(holds(&path, &file));
        let mut again = open_own(&path).unwrap();
        expect_one_name(&path, &again).unwrap();
        let mut text = String::new();
        again.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ab");
        fs::rename(&path, folder.path().join("b")).unwrap();
        assert!(!holds(&path, &file) && holds(&folder.path().join("b"), &file));
        let error = open_own(&folder.path().join("absent/a")).unwrap_err().to_string();
        assert!(error.contains("a: cannot be written: "), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_hides_its_size_is_bounded_as_well() {
        let path = Path::new("/proc/self/status");
        assert!(read_text(path, LARGEST_TEXT).unwrap().contains("VmRSS"));
        let error = read_bounded(path, 10).unwrap_err().to_string();
        assert_eq!(error, "/proc/self/status: found 11 bytes; expected at most 10");
    }
}
