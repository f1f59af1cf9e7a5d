//! The checks of the continuous integration, in its order.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::layers::workspace;
use colearn::cli::terminal::say;

/// Arguments of cargo, and what rustdoc is told.
const STEPS: [(&[&str], &str); 6] = [
    (&["fmt", "--all", "--check"], ""),
    (&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], ""),
    (&["clippy", "--package", "colearn", "--no-default-features", "--", "-D", "warnings"], ""),
    (&["test", "--workspace"], ""),
    (&["doc", "--workspace", "--no-deps"], "-Dwarnings"),
    (PACKAGE, ""),
];

/// Every crate as the package that others would get, without building it once more.
const PACKAGE: &[&str] = &[
    "package",
    "--workspace",
    "--exclude=xtask",
    "--exclude=colearn-fuzz",
    "--locked",
    "--allow-dirty",
    "--no-verify",
];

pub(crate) fn run() -> Result<ExitCode> {
    for (arguments, rustdoc) in STEPS {
        let line = format!("cargo {}", arguments.join(" "));
        say(format!("> {line}"));
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(workspace());
        if !rustdoc.is_empty() {
            command.env("RUSTDOCFLAGS", rustdoc);
        }
        let status = command.status().with_context(|| format!("{line}: cannot be started"))?;
        if !status.success() {
            bail!("{line}: {status}");
        }
    }
    say("all checks passed");
    Ok(ExitCode::SUCCESS)
}
