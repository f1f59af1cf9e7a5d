//! The known data sets, and which of them lie in a folder: `cargo run -p colearn-fetch --example known_sets [-- FOLDER]`.
//!
//! Nothing is loaded; `fetch_set` does that.

#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use std::path::PathBuf;

use colearn_fetch::Manifest;

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("data"), PathBuf::from);
    for set in Manifest::known().sets() {
        println!(
            "{:8} {:6} samples, {:2} classes, {}",
            set.name,
            set.samples.total(),
            set.classes,
            set.licence
        );
        println!("         {}", set.citation());
        println!("         in {}: {:?}", folder.display(), set.presence(&folder.join(&set.name)));
    }
}
