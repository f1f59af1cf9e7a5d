//! A small program's state that a crash cannot spoil: `cargo run -p colearn-store --example notebook [-- FOLDER]`.
//!
//! Every run adds a line. Kill it whenever you like: the file holds the old notebook or the new one, and a file that
//! something else has changed is refused with its name and what is wrong with it.

#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use std::error::Error;
use std::path::PathBuf;

use colearn_store::{FolderLock, Format, fingerprint};

const NOTES: Format =
    Format { magic: *b"\x89notes\r\n", version: 1, oldest: 1, what: "notebook", most: 1 << 20 };

fn main() -> Result<(), Box<dyn Error>> {
    let folder =
        std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join("notebook"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let _lock = FolderLock::take(&folder)?;
    let path = folder.join("notes.bin");

    let mut notes: Vec<String> = if path.exists() { NOTES.load(&path)? } else { Vec::new() };
    notes.push(format!("run {}", notes.len() + 1));
    NOTES.save(&path, &notes)?;
    println!("{}: {} lines, fingerprint {}", path.display(), notes.len(), fingerprint(&notes));

    // One bit that flips on the disk is found.
    let mut bytes = std::fs::read(&path)?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let problem = NOTES.decode::<Vec<String>>(&bytes).expect_err("a changed byte does not pass");
    println!("with one bit changed: {problem}");
    Ok(())
}
