//! One reader of outside data under libFuzzer: the one that `COLEARN_READER` names.
//!
//! All of them are one program, which is built once instead of twenty times. `COLEARN_SEEDS` names a folder that gets
//! the reader's good inputs, `COLEARN_COUNTS` a file that gets how many inputs were accepted and refused. An input of a
//! reader of envelopes is the body alone, to which a header that fits is made, unless it begins like an envelope.

#![no_main]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use colearn_fuzz::mutate::{Form, HEADER, seal};
use colearn_fuzz::targets::{Outcome, Target, all};
use tempfile::TempDir;

/// Inputs between two updates of the counts.
const EVERY: u64 = 100;

/// The last panic. Some readers catch those of packages that they call: one that comes out of a reader is a finding.
static PANIC: Mutex<String> = Mutex::new(String::new());

thread_local! {
    // libFuzzer calls from one thread.
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

struct Reader {
    target: Box<dyn Target>,
    /// Magic and version of an envelope.
    head: Vec<u8>,
    scratch: TempDir,
    counts: Option<PathBuf>,
    accepted: u64,
    refused: u64,
}

impl Reader {
    fn open() -> Self {
        let scratch = tempfile::tempdir().expect("a folder for the reader's files");
        let mut targets = all(scratch.path()).expect("the readers' files");
        let name = std::env::var("COLEARN_READER").unwrap_or_default();
        if name.is_empty() {
            for target in &targets {
                println!("reader {}", target.name());
            }
            std::process::exit(0);
        }
        let place = targets.iter().position(|target| target.name() == name);
        let place = place.unwrap_or_else(|| panic!("COLEARN_READER={name}: no such reader"));
        let target = targets.swap_remove(place);
        let seeds = target.seeds();
        if let Some(folder) = std::env::var_os("COLEARN_SEEDS").map(PathBuf::from) {
            for (number, seed) in seeds.iter().enumerate() {
                let write =
                    |name: String, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("a seed");
                write(format!("seed-{number}"), seed);
                if target.form() == Form::Envelope {
                    write(format!("body-{number}"), &seed[HEADER..]);
                }
            }
        }
        // The hook of libfuzzer-sys ends the program also for a panic that is caught.
        std::panic::set_hook(Box::new(|panic| {
            *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
        }));
        let head = if target.form() == Form::Envelope { seeds[0][..12].to_vec() } else { Vec::new() };
        let counts = std::env::var_os("COLEARN_COUNTS").map(PathBuf::from);
        Self { target, head, scratch, counts, accepted: 0, refused: 0 }
    }

    fn read(&mut self, input: &[u8]) {
        let sealed =
            (!self.head.is_empty() && !input.starts_with(&self.head[..8])).then(|| seal(&self.head, input));
        let input = sealed.as_deref().unwrap_or(input);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.target.run(input, self.scratch.path())));
        match outcome {
            Ok(Outcome::Accepted) => self.accepted += 1,
            Ok(Outcome::Refused(reason)) if !reason.trim().is_empty() => self.refused += 1,
            Ok(Outcome::Refused(_)) => finding("refused without a reason"),
            Err(_) => finding(&PANIC.lock().unwrap_or_else(PoisonError::into_inner)),
        }
        if let (Some(path), 0) = (&self.counts, (self.accepted + self.refused) % EVERY) {
            // A help for the report, not a result.
            let _ = std::fs::write(path, format!("{} {}\n", self.accepted, self.refused));
        }
    }
}

/// Ends the program, for which libFuzzer keeps the input.
fn finding(what: &str) -> ! {
    eprintln!("{what}");
    std::process::abort()
}

libfuzzer_sys::fuzz_target!(
    init: READER.with(|reader| *reader.borrow_mut() = Some(Reader::open())),
    |input: &[u8]| READER.with(|reader| reader.borrow_mut().as_mut().expect("opened at the start").read(input))
);
