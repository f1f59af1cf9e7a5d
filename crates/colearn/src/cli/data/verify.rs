//! `data verify`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use colearn_eval::{Align, Table};
use colearn_fetch::{Checked, verify_folder, verify_set};

use super::cli::VerifyArgs;
use super::{grouped, manifest};
use crate::cli::terminal::{say, say_line};

pub(crate) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    let manifest = manifest(&args.place)?;
    let set = manifest.sets().iter().find(|set| set.name == args.what);
    let (checked, place) = match set {
        Some(set) if set.files.is_empty() => {
            say_line(format!("{}: part of the program; nothing to check", set.name));
            return Ok(ExitCode::SUCCESS);
        }
        Some(set) => {
            let folder = args.place.root.join(&set.name);
            if !folder.is_dir() {
                bail!(
                    "{}: no such folder; expected the set after `data fetch {}`",
                    folder.display(),
                    set.name
                );
            }
            (verify_set(set, &args.place.root)?, folder)
        }
        None => {
            let folder = Path::new(&args.what);
            if !folder.is_dir() {
                let names: Vec<&str> = manifest.sets().iter().map(|set| set.name.as_str()).collect();
                bail!("{}: no such folder or data set; the sets are {}", args.what, names.join(", "));
            }
            (verify_folder(&manifest, folder)?, folder.to_owned())
        }
    };
    if checked.is_empty() {
        bail!("{}: nothing to check; expected a SHA256SUMS or files of a known set", place.display());
    }
    say(table(&checked).to_string().trim_end());
    let faults = checked.iter().filter(|file| file.state.is_fault()).count();
    if faults > 0 {
        bail!("{}: {faults} of {} files are not right; expected all", place.display(), checked.len());
    }
    Ok(ExitCode::SUCCESS)
}

fn table(checked: &[Checked]) -> Table {
    let mut table = Table::new(["file", "size", "state"]).align([Align::Left, Align::Right, Align::Left]);
    for file in checked {
        let size = file.size.map_or_else(|| "-".to_owned(), grouped);
        table.row([file.name.clone(), size, file.state.to_string()]);
    }
    table
}
