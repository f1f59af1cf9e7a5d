//! `data list`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use colearn_eval::{Align, Table};
use colearn_fetch::{DataSet, Presence, RemoteFile, Samples};

use super::cli::ListArgs;
use super::{grouped, manifest, size};
use crate::cli::terminal::say;

pub(crate) fn run(args: &ListArgs) -> Result<ExitCode> {
    let manifest = manifest(&args.place)?;
    let root = &args.place.root;
    let texts: Vec<String> = match &args.name {
        Some(name) => vec![about(manifest.set(name)?, root)],
        None if args.long => manifest.sets().iter().map(|set| about(set, root)).collect(),
        None => vec![overview(manifest.sets(), root)],
    };
    say(texts.join("\n\n"));
    Ok(ExitCode::SUCCESS)
}

fn overview(sets: &[DataSet], root: &Path) -> String {
    let mut table =
        Table::new(["name", "here", "classes", "samples", "download", "licence", "title"]).align([
            Align::Left,
            Align::Left,
            Align::Right,
            Align::Right,
            Align::Right,
            Align::Left,
            Align::Left,
        ]);
    for set in sets {
        table.row([
            set.name.clone(),
            here(set, root).to_owned(),
            set.classes.to_string(),
            grouped(set.samples.total()),
            bytes(set.size()),
            set.licence.clone(),
            set.title.clone(),
        ]);
    }
    table.to_string().trim_end().to_owned()
}

fn here(set: &DataSet, root: &Path) -> &'static str {
    match set.presence(root) {
        Presence::BuiltIn => "built in",
        Presence::Whole => "yes",
        Presence::Part => "partly",
        Presence::Absent => "no",
    }
}

fn bytes(known: Option<u64>) -> String {
    match known {
        None => "unknown".to_owned(),
        Some(0) => "none".to_owned(),
        Some(bytes) => size(bytes),
    }
}

/// Everything about a set, a line a fact.
fn about(set: &DataSet, root: &Path) -> String {
    let counted = |count: Option<u64>, what: &str| {
        count.map_or_else(String::new, |count| format!(", {} {what}", grouped(count)))
    };
    let mut lines = vec![
        format!("{}: {}, version {}", set.name, set.title, set.version),
        format!(
            "  holds     {} classes{}{}",
            set.classes,
            counted(set.channels, "channels"),
            counted(set.speakers, "speakers")
        ),
        format!("  samples   {}", samples(&set.samples)),
        format!("  licence   {}", set.licence),
        format!("  cite      {}", set.citation()),
        format!("  home      {}", set.home),
        format!("  here      {}", here(set, root)),
    ];
    if !set.files.is_empty() {
        lines.push(format!("  folder    {}", root.join(&set.name).join(&set.folder).display()));
        lines.push(format!("  download  {}", bytes(set.size())));
    }
    lines.extend(set.files.iter().map(file));
    lines.join("\n")
}

fn samples(samples: &Samples) -> String {
    match samples {
        Samples::Whole(count) => grouped(*count),
        Samples::Split { train, validation: 0, test } => {
            format!("{} training, {} test", grouped(*train), grouped(*test))
        }
        Samples::Split { train, validation, test } => {
            format!(
                "{} training, {} validation, {} test",
                grouped(*train),
                grouped(*validation),
                grouped(*test)
            )
        }
    }
}

fn file(file: &RemoteFile) -> String {
    let checksum = match &file.checksum {
        Some(checksum) => {
            format!("{} {}", checksum.algorithm(), checksum.digits())
        }
        None => "checksum unknown".to_owned(),
    };
    let unpack =
        file.unpack.as_ref().map_or_else(String::new, |unpack| format!(", becomes {}/", unpack.folder));
    let size =
        file.size.map_or_else(|| "size unknown".to_owned(), |bytes| format!("{} bytes", grouped(bytes)));
    format!("  file      {}: {size}, {checksum}{unpack}\n            {}", file.name, file.urls[0])
}
