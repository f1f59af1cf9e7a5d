//! `eval`.

use std::process::ExitCode;

use anyhow::Result;

use super::args::EvalArgs;
use super::terminal::{say, say_json, say_line, use_threads};
use crate::runs::{EvaluationRequest, evaluate, expect_csv, expect_npz};

pub(crate) fn run(args: &EvalArgs) -> Result<ExitCode> {
    use_threads(args.threads)?;
    args.csv.as_deref().map_or(Ok(()), expect_csv)?;
    args.npz.as_deref().map_or(Ok(()), expect_npz)?;
    let evaluated = evaluate(&EvaluationRequest {
        checkpoint: args.checkpoint.clone(),
        data: args.data,
        root: args.root.clone(),
        split: args.split.map(Into::into),
        loading: args.load.loading(),
        record: args.record.clone(),
    })?;
    if let Some(file) = &args.csv {
        evaluated.write_csv(file)?;
    }
    if let Some(file) = &args.npz {
        evaluated.write_npz(file)?;
    }
    if args.json {
        say_json(&evaluated.to_json()?);
    } else {
        evaluated.heading().into_iter().for_each(say_line);
        say("");
        evaluated.tables().into_iter().for_each(say);
    }
    Ok(ExitCode::SUCCESS)
}
