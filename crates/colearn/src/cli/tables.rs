//! `compare`, `report` and `config`: what is made of finished runs, or of none.

use std::process::ExitCode;

use anyhow::Result;

use super::args::{CompareArgs, ConfigArgs, ReportArgs};
use super::terminal::{say, say_line};
use crate::runs::{self, Request, described};

pub(crate) fn compare(args: &CompareArgs) -> Result<ExitCode> {
    let compared = runs::compare(&args.runs)?;
    say(compared.to_markdown());
    if let Some(differing) = compared.differing() {
        say(differing);
    }
    if let Some(out) = &args.out {
        compared.write(out)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn report(args: &ReportArgs) -> Result<ExitCode> {
    for file in runs::report(&args.runs, args.out.as_deref(), args.title.as_deref())? {
        say_line(file.display());
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn config(args: &ConfigArgs) -> Result<ExitCode> {
    let asked = Request { config: args.config.clone(), data: args.data, ..Request::default() };
    say(described(&asked.experiment()?)?.trim());
    Ok(ExitCode::SUCCESS)
}
