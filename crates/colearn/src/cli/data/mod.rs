//! `data`: what data sets there are, whether they are here, and what they hold.

pub(crate) mod cli;
mod encode;
mod fetch;
mod list;
mod set;
mod show;
mod stats;
mod verify;

use std::process::ExitCode;

use anyhow::Result;
use cli::{DataCommand, PlaceArgs};
use colearn_fetch::Manifest;

pub(crate) fn run(command: &DataCommand) -> Result<ExitCode> {
    match command {
        DataCommand::List(args) => list::run(args),
        DataCommand::Fetch(args) => fetch::run(args),
        DataCommand::Verify(args) => verify::run(args),
        DataCommand::Encode(args) => encode::run(args),
        DataCommand::Stats(args) => stats::run(args),
        DataCommand::Show(args) => show::run(args),
    }
}

/// The manifest that the user names, or the one of the project.
fn manifest(place: &PlaceArgs) -> Result<Manifest> {
    Ok(place.manifest.as_deref().map_or_else(|| Ok(Manifest::known()), Manifest::load)?)
}

/// A size for people, in the decimal units of publishers.
fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// `8,156`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_for_people() {
        for (count, sized, expected) in [
            (0, "0 B", "0"),
            (999, "999 B", "999"),
            (75_466, "75.5 kB", "75,466"),
            (2_428_923_189, "2.43 GB", "2,428,923,189"),
        ] {
            assert_eq!((size(count).as_str(), grouped(count).as_str()), (sized, expected));
        }
    }
}
