//! What comes with downloads: archives, manifests, records of checksums, answers of servers.

use std::io::Write;
use std::path::Path;

use colearn_fetch::{
    Client, ClientConfig, Contents, FetchError, Limits, Manifest, RemoteFile, Retries, SumsFile, download,
    unpack_tar_gz,
};
use colearn_store::read_bounded;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::{Outcome, Target};
use crate::mutate::Form;

/// A tar.gz as it is.
#[derive(Debug)]
pub(super) struct Archive;

/// The tar in a tar.gz, which is packed afterwards: changes do not end at the checksum of the gzip.
#[derive(Debug)]
pub(super) struct Tar;

/// A manifest of a user's own.
#[derive(Debug)]
pub(super) struct Sets;

/// `SHA256SUMS`.
#[derive(Debug)]
pub(super) struct Sums;

/// A list of what was unpacked.
#[derive(Debug)]
pub(super) struct List;

/// Answers of a server, a connection each, separated by [`NEXT`]. With a `+` in front, a part of the file is there.
#[derive(Debug)]
pub(super) struct Answers;

/// What separates the answers of [`Answers`].
const NEXT: &[u8] = b"\n====\n";
/// The beginning of a file that an earlier run has left.
const PART: &str = "RIFF";

/// A tar with every kind of entry that is unpacked, one with records in front of its entries.
fn tars() -> [Vec<u8>; 2] {
    let mut builder = Builder::new(Vec::new());
    let mut add = |kind: EntryType, name: &str, content: &str| {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        let link = matches!(kind, EntryType::Symlink | EntryType::Link);
        let body = if link { "" } else { content };
        header.set_size(body.len() as u64);
        if link {
            header.set_link_name(content).expect("a short path");
        }
        builder.append_data(&mut header, name, body.as_bytes()).expect("a vector takes every entry");
    };
    add(EntryType::Directory, "set/", "");
    add(EntryType::Regular, "set/yes/a.wav", "RIFF");
    add(EntryType::Symlink, "set/b.wav", "yes/a.wav");
    add(EntryType::Link, "set/c.wav", "set/yes/a.wav");
    let plain = builder.into_inner().expect("a vector takes every entry");
    let mut builder = Builder::new(Vec::new());
    let records = [("path", &b"set/of pax"[..]), ("mtime", b"1.5"), ("size", b"4")];
    builder.append_pax_extensions(records).expect("a vector takes every entry");
    for name in ["short".to_owned(), format!("set/{}", "long/".repeat(30))] {
        let mut header = Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o644);
        builder.append_data(&mut header, name + "a", &b"RIFF"[..]).expect("a vector takes every entry");
    }
    [plain, builder.into_inner().expect("a vector takes every entry")]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a vector takes every byte");
    encoder.finish().expect("a vector takes every byte")
}

/// Unpacks an archive, compares what came out with its list, and looks for what must not be left.
fn unpack(archive: &[u8], scratch: &Path) -> Outcome {
    let place = match tempfile::tempdir_in(scratch) {
        Ok(place) => place,
        Err(error) => return Outcome::Refused(format!("no folder can be made: {error}")),
    };
    let (path, out) = (place.path().join("a.tar.gz"), place.path().join("out"));
    if let Err(error) = std::fs::write(&path, archive) {
        return Outcome::Refused(format!("the archive cannot be written: {error}"));
    }
    let unpacked = unpack_tar_gz(&path, &out, 0, Limits { entries: 1_000, bytes: 16 << 20 });
    let names = std::fs::read_dir(place.path()).expect("the folder is there").count();
    match unpacked {
        Ok(contents) => {
            let difference = contents.difference(&out, true).expect("what was unpacked can be read");
            assert_eq!(difference, None, "the folder against its list");
            assert_eq!(names, 2, "the archive and its folder");
            Outcome::Accepted
        }
        Err(error) => {
            assert_eq!(names, 1, "nothing is left of a refused archive");
            refused(&error)
        }
    }
}

/// A refusal, whose message must be fit for a terminal.
fn refused(error: &FetchError) -> Outcome {
    let message = error.to_string();
    assert!(message.len() < 5_000 && !message.contains('\u{1b}'), "{} bytes of message", message.len());
    Outcome::Refused(message)
}

fn taken<T>(result: Result<T, FetchError>) -> Outcome {
    result.map_or_else(|error| refused(&error), |_| Outcome::Accepted)
}

impl Target for Archive {
    fn name(&self) -> &'static str {
        "archive"
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds: Vec<_> = tars().iter().map(|tar| gzip(tar)).collect();
        // No checksum covers names and remarks of a gzip: most changes of them are accepted, and what follows is read.
        let head = GzBuilder::new().filename("a.tar").comment("remark ".repeat(200)).extra(vec![7; 400]);
        let mut encoder = head.write(Vec::new(), Compression::fast());
        encoder.write_all(&tars()[0]).expect("a vector takes every byte");
        seeds.push(encoder.finish().expect("a vector takes every byte"));
        seeds
    }

    fn run(&self, input: &[u8], scratch: &Path) -> Outcome {
        unpack(input, scratch)
    }
}

impl Target for Tar {
    fn name(&self) -> &'static str {
        "tar"
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        tars().to_vec()
    }

    fn run(&self, input: &[u8], scratch: &Path) -> Outcome {
        unpack(&gzip(input), scratch)
    }
}

impl Target for Sets {
    fn name(&self) -> &'static str {
        "manifest"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![include_bytes!("../../../fetch/manifest.toml").to_vec()]
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused("no text".to_owned()) };
        taken(Manifest::parse("case.toml", text).map(|manifest| {
            for set in manifest.sets() {
                assert!(!set.citation().is_empty(), "a set that can be shown");
                set.presence(Path::new("absent"));
            }
        }))
    }
}

impl Target for Sums {
    fn name(&self) -> &'static str {
        "checksums"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let line = |digit: &str, name: &str| format!("{}  {name}\n", digit.repeat(64));
        vec![
            (line("0", "a.tar.gz") + &line("b", "unpacked.contents")).into_bytes(),
            line("C", "a b").replace("  ", " *").into_bytes(),
        ]
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused("no text".to_owned()) };
        taken(SumsFile::parse(Path::new("SHA256SUMS"), text).map(|sums| {
            for name in sums.names() {
                assert!(!name.contains('/') && sums.get(name).is_some_and(|digits| digits.len() == 64));
            }
        }))
    }
}

impl Target for List {
    fn name(&self) -> &'static str {
        "contents-list"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let digits = "0123456789abcdef".repeat(4);
        vec![
            format!("# 2 files, 1 links, 12 bytes\n{digits} 5 a/b\n{digits} link a/c\n{digits} 7 d \\x0ae\n")
                .into_bytes(),
            b"# 0 files, 0 links, 0 bytes\n".to_vec(),
        ]
    }

    fn run(&self, input: &[u8], scratch: &Path) -> Outcome {
        let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused("no text".to_owned()) };
        let empty = scratch.join("empty");
        if let Err(error) = std::fs::create_dir_all(&empty) {
            return Outcome::Refused(format!("no folder can be made: {error}"));
        }
        taken(Contents::parse(Path::new("case.contents"), text).map(|contents| {
            let difference = contents.difference(&empty, true).expect("an empty folder can be read");
            assert!(difference.is_some() || contents == Contents::default(), "an empty folder holds nothing");
        }))
    }
}

impl Target for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nETag: \"a\"\r\n\r\nRIFFWAVE";
        let moved = "HTTP/1.1 302 Found\r\nLocation: ../b?c#d\r\nContent-Length: 0\r\n\r\n";
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nLast-Modified: x\r\n\r\n4;a=b\r\nRIFF\r\n0\r\nT: v\r\n\r\n";
        let rest = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-7/8\r\nETag: \"a\"\r\nContent-Length: 4\r\n\r\nWAVE";
        let beyond = "HTTP/1.1 416 x\r\nContent-Range: bytes */4\r\nContent-Length: 0\r\n\r\n";
        let next = std::str::from_utf8(NEXT).expect("text");
        [
            format!(" {ok}"),
            format!(" {moved}{next}{chunked}"),
            format!("+{rest}"),
            format!("+{beyond}{next}{ok}"),
            format!(" {}{next}{rest}", &ok[..ok.len() - 4]),
        ]
        .map(String::into_bytes)
        .to_vec()
    }

    fn run(&self, input: &[u8], scratch: &Path) -> Outcome {
        let place = match tempfile::tempdir_in(scratch) {
            Ok(place) => place,
            Err(error) => return Outcome::Refused(format!("no folder can be made: {error}")),
        };
        let target = place.path().join("a.wav");
        let url = "http://server.example/x/a.wav".to_owned();
        let (begin, answers) = input.split_first().unwrap_or((&b' ', input));
        if *begin == b'+' {
            let left = [(".part", PART.to_owned()), (".part.from", format!("{url}\n\"a\"\n"))];
            for (ending, text) in left {
                let written = std::fs::write(place.path().join(format!("a.wav{ending}")), text);
                written.expect("the folder was just made");
            }
        }
        let file = RemoteFile {
            name: "a.wav".to_owned(),
            urls: vec![url],
            size: None,
            checksum: None,
            unpack: None,
        };
        let config = ClientConfig { largest: 1 << 16, redirects: 3, ..ClientConfig::default() };
        let client = Client::answered(&config, split(answers)).expect("nothing is read for this client");
        let retries = Retries { attempts: 2, wait: std::time::Duration::ZERO };
        match download(&client, &file, &target, retries, &mut ()) {
            Ok(outcome) => {
                let content = read_bounded(&target, 1 << 16).expect("the file has its name, and its bound");
                assert_eq!(content.len() as u64, outcome.sums.size, "bytes of the file");
                assert!(content.starts_with(b"RIFF"), "a file of its kind");
                Outcome::Accepted
            }
            Err(error) => {
                assert!(!target.exists(), "nothing has the name of a file that did not come");
                refused(&error)
            }
        }
    }
}

/// The answers of an input, without what separates them.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(NEXT.len()).position(|window| window == NEXT) {
        answers.push(rest[..at].to_vec());
        rest = &rest[at + NEXT.len()..];
    }
    answers.push(rest.to_vec());
    answers
}
