//! Downloads from servers on 127.0.0.1 that behave in every way a server may.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod lies;
mod plain;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod secure;
mod server;
mod sets;

use std::path::Path;
use std::time::Duration;

use colearn_fetch::{
    Checksum, Client, ClientConfig, FetchError, Outcome, Progress, RemoteFile, Retries, download,
};

/// Attempts without a wait.
const RETRIES: Retries = Retries { attempts: 3, wait: Duration::ZERO };

/// Bytes that do not repeat soon.
fn content(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// SHA-256 as the library computes it, which its own tests compare with published values.
fn sha256(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, bytes).unwrap();
    colearn_fetch::hash_file(&path).unwrap().sha256
}

fn remote(url: String) -> RemoteFile {
    RemoteFile { name: "a.bin".to_owned(), urls: vec![url], size: None, checksum: None, unpack: None }
}

fn checked(url: String, bytes: &[u8]) -> RemoteFile {
    RemoteFile { checksum: Some(Checksum::Sha256(sha256(bytes))), ..remote(url) }
}

/// Keeps what a user would read.
#[derive(Default)]
struct Notes(Vec<String>);

impl Progress for Notes {
    fn note(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

/// A download with the default client.
fn get(file: &RemoteFile, target: &Path) -> (Result<Outcome, FetchError>, Vec<String>) {
    get_with(&ClientConfig::default(), file, target)
}

fn get_with(
    config: &ClientConfig,
    file: &RemoteFile,
    target: &Path,
) -> (Result<Outcome, FetchError>, Vec<String>) {
    let mut notes = Notes::default();
    let result = download(&Client::new(config).unwrap(), file, target, RETRIES, &mut notes);
    (result, notes.0)
}

/// Names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
