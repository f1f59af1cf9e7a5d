//! What a name stands for before a file is written under it: a file, a link to one, a pipe or a device.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

/// Links that may lead to one another, as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Where content for a name belongs.
#[derive(Debug)]
pub(crate) enum Place {
    /// A file, which need not be there yet: content waits beside it and then takes its name.
    File {
        /// The file behind all links.
        target: PathBuf,
        /// Of the file that is there.
        permissions: Option<Permissions>,
    },
    /// A pipe or a device of characters, such as a terminal: it is written into and stays what it is.
    Stream,
}

impl Place {
    /// Follows links and looks at what is there.
    ///
    /// # Errors
    /// What the system says, or an error that names what is there where no content can go: a folder, a disk, a socket, or a
    /// file that is only reached through a descriptor of a process (`/dev/stdout > file`).
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Ok(found) => Some(found),
            // The place itself, or what a link leads to, may still have to be made; other reasons come up when it is.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        match found {
            Some(found) if is_stream(&found) => Ok(Self::Stream),
            Some(found) if !found.is_file() => Err(io::Error::other(format!(
                "found {}; expected a file, a pipe or a terminal",
                kind_in_words(&found)
            ))),
            found => {
                let target = behind_links(path)?;
                Ok(Self::File { target, permissions: found.map(|found| found.permissions()) })
            }
        }
    }
}

/// The file that a chain of links ends at.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&place) else { return Ok(place) };
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A link in there is no path but a descriptor, and whoever holds it would go on writing to the file that is replaced.
        if fs::canonicalize(folder).is_ok_and(|folder| folder.starts_with("/proc")) {
            return Err(io::Error::other(format!(
                "found an open descriptor of {}; expected the file's own name",
                next.display()
            )));
        }
        place = folder.join(next);
    }
    Err(io::Error::other(format!("found more than {MOST_LINKS} links in a row; expected a file")))
}

#[cfg(unix)]
fn is_stream(found: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = found.file_type();
    kind.is_fifo() || kind.is_char_device()
}

#[cfg(not(unix))]
fn is_stream(_found: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn kind_in_words(found: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = found.file_type();
    match (kind.is_dir(), kind.is_block_device(), kind.is_socket()) {
        (true, ..) => "a folder",
        (_, true, _) => "a device of blocks, such as a disk",
        (.., true) => "a socket",
        _ => "something else",
    }
}

#[cfg(not(unix))]
fn kind_in_words(found: &Metadata) -> &'static str {
    if found.is_dir() { "a folder" } else { "something else" }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::{WholeFile, write_whole};
    use std::io::{Read, Write};
    use std::os::unix::fs::{FileTypeExt, symlink};

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).expect("the folder is there");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("the folder can be listed").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = names.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_link_stays_and_the_file_behind_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("elsewhere")).unwrap();
        fs::write(at("elsewhere/file"), "old").unwrap();
        symlink("elsewhere/file", at("first")).unwrap();
        symlink(at("first"), at("second")).unwrap();
        symlink("elsewhere/none", at("dangling")).unwrap();
        let mut file = WholeFile::create(&at("second")).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(
            file.part().parent(),
            Some(at("elsewhere").as_path()),
            "beside the file, not beside the link"
        );
        assert_eq!(fs::read(at("first")).unwrap(), b"old");
        file.commit().unwrap();
        write_whole(&at("dangling"), b"made").unwrap();
        for name in ["first", "second", "dangling"] {
            assert!(fs::symlink_metadata(at(name)).unwrap().is_symlink(), "{name}");
        }
        assert_eq!(fs::read(at("elsewhere/file")).unwrap(), b"new");
        assert_eq!(fs::read(at("elsewhere/none")).unwrap(), b"made");
        assert_eq!(names(&at("elsewhere")), ["file", "none"]);
    }

    #[test]
    fn links_in_a_circle_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink("a", at("b")).unwrap();
        let error = write_whole(&at("a"), b"x").unwrap_err().to_string();
        assert!(error.contains("a: cannot be written: "), "{error}");
        assert_eq!(names(folder.path()), ["a", "b"]);
    }

    #[test]
    fn a_pipe_is_written_into_and_stays_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        crate::children::make_pipe(&path);
        let reader = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut text = String::new();
                fs::File::open(path).unwrap().read_to_string(&mut text).map(|_| text)
            }
        });
        write_whole(&path, b"through").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), "through");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(names(folder.path()), ["pipe"]);
    }

    #[test]
    fn devices_stay_and_folders_sockets_and_descriptors_are_named() {
        let folder = tempfile::tempdir().unwrap();
        // A link to the device, so that even a wrong replacement would harm nothing.
        let null = folder.path().join("null");
        symlink("/dev/null", &null).unwrap();
        write_whole(&null, b"gone").unwrap();
        assert!(fs::symlink_metadata(&null).unwrap().is_symlink());
        assert!(fs::metadata(&null).unwrap().file_type().is_char_device());

        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, found) in [(folder.path(), "found a folder"), (&socket, "found a socket")] {
            let error = write_whole(path, b"x").unwrap_err().to_string();
            assert!(error.contains(found) && error.contains("expected a file"), "{error}");
        }
        assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_open_descriptor_of_a_file_is_refused_by_name() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let open = fs::File::create(&path).unwrap();
        let descriptor = folder.path().join("descriptor");
        symlink(format!("/proc/self/fd/{}", open.as_raw_fd()), &descriptor).unwrap();
        let error = write_whole(&descriptor, b"x").unwrap_err().to_string();
        assert!(error.contains("descriptor: cannot be written: found an open descriptor of"), "{error}");
        assert!(error.contains("expected the file's own name"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}
