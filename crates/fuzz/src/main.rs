//! `cargo run --release -p colearn-fuzz -- --cases 200000`: see `--help`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use colearn_fuzz::harness::{Limits, Report, Watchdog, run_watched};
use colearn_fuzz::targets::Target;
use colearn_fuzz::{mutate, targets};

const HELP: &str = "\
Changes good inputs at random and runs every reader of outside data on them.

  --cases N     cases in all, shared out evenly over the targets (default 20000)
  --seed S      seed of the changes (default 1)
  --target T    this target alone
  --case N      this case alone; needs --target
  --write FILE  write the input of that case to FILE
  --list        the names of the targets

Ends with 1 when there is a defect: a panic, more than 1 s, more than 1 GB, a refusal without a reason.
A case that hangs for 10 s is named and ends the process.";

/// Longest time of a case.
const LONGEST: Duration = Duration::from_secs(1);
/// A case of this time hangs.
const HANGS: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Arguments {
    cases: Option<u64>,
    seed: Option<u64>,
    target: Option<String>,
    case: Option<u64>,
    write: Option<PathBuf>,
    list: bool,
    help: bool,
}

fn main() -> ExitCode {
    match work() {
        Ok(code) => code,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(2)
        }
    }
}

fn work() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    if arguments.help {
        say(HELP);
        return Ok(ExitCode::SUCCESS);
    }
    let folder = tempfile::tempdir()?;
    let mut chosen = targets::all(folder.path())?;
    if arguments.list {
        for target in &chosen {
            say(target.name());
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &arguments.target {
        chosen.retain(|target| target.name() == name);
        if chosen.is_empty() {
            return Err(format!("--target {name}: no such target; --list names them").into());
        }
    }
    let seed = arguments.seed.unwrap_or(1);
    if let (Some(case), Some(path), [target]) = (arguments.case, &arguments.write, chosen.as_slice()) {
        let input = mutate::input(&target.seeds(), target.form(), target.name(), seed, case);
        std::fs::write(path, &input)?;
        say(&format!("{} bytes in {}", input.len(), path.display()));
    }
    let note = std::env::temp_dir().join(format!("colearn-fuzz-{}.txt", std::process::id()));
    let watchdog = Watchdog::new(&note, HANGS, |case| {
        complain(&format!("{case}: hangs, more than {} s", HANGS.as_secs()));
        std::process::abort();
    })?;
    say(&format!(
        "seed {seed}; should the process end without a word, the case stands in {}",
        note.display()
    ));
    let share = arguments.cases.unwrap_or(20_000).div_ceil(chosen.len() as u64);
    let cases = arguments.case.map_or(0..share, |case| case..case + 1);
    let limits = Limits { time: Some(LONGEST), ..Limits::default() };
    let mut defects = 0;
    for target in &chosen {
        let report =
            run_watched(target.as_ref(), seed, cases.clone(), folder.path(), &limits, Some(&watchdog));
        describe(target.as_ref(), seed, &report);
        defects += report.defects.len();
    }
    std::fs::remove_file(&note)?;
    Ok(if defects == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(target: &dyn Target, seed: u64, report: &Report) {
    let (time, slowest) = report.slowest;
    let (memory, largest) = report.largest;
    say(&format!(
        "{:14} {} cases, {} accepted, {} refused; slowest {:.1} ms (case {slowest}), most memory {:.1} MB (case \
         {largest})",
        target.name(),
        report.cases,
        report.accepted,
        report.refused,
        1e3 * time.as_secs_f64(),
        memory as f64 / f64::from(1 << 20),
    ));
    for defect in &report.defects {
        say(&format!(
            "  defect, {} times: {}\n    --target {} --seed {seed} --case {}",
            defect.times,
            defect.fault,
            target.name(),
            defect.case
        ));
    }
}

impl Arguments {
    fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, Box<dyn std::error::Error>> {
        let mut arguments = Self::default();
        while let Some(name) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("{name}: a value is missing"));
            let number = |text: String| text.parse().map_err(|error| format!("{name} {text}: {error}"));
            match name.as_str() {
                "--cases" => arguments.cases = Some(number(value()?)?),
                "--seed" => arguments.seed = Some(number(value()?)?),
                "--case" => arguments.case = Some(number(value()?)?),
                "--target" => arguments.target = Some(value()?),
                "--write" => arguments.write = Some(value()?.into()),
                "--list" => arguments.list = true,
                "--help" | "-h" => arguments.help = true,
                _ => return Err(format!("{name}: no such option; --help names them").into()),
            }
        }
        if arguments.target.is_none() && (arguments.case.is_some() || arguments.write.is_some()) {
            return Err("--case and --write need --target".into());
        }
        if arguments.write.is_some() && arguments.case.is_none() {
            return Err("--write needs --case".into());
        }
        Ok(arguments)
    }
}

#[expect(clippy::print_stdout, reason = "a program talks to its user")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a program talks to its user")]
fn complain(text: &str) {
    eprintln!("{text}");
}
