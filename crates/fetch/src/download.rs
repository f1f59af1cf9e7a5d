//! Loading one file: attempts, resumption, and the check at the end.

use std::path::Path;
use std::time::Duration;

use colearn_store::shown;

use ureq::Body;
use ureq::http::Response;

use crate::client::{Client, Failure, Rest, header, unasked_encoding};
use crate::digest::{Checksum, Sums};
use crate::error::FetchError;
use crate::manifest::RemoteFile;
use crate::pace::Pace;
use crate::part::{Origin, Part};
use crate::progress::Progress;
use crate::sort::{self, Wrong};
use crate::transfer::{Stop, receive};

/// How often and when a broken transfer is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in a row that bring no further byte, before the address is given up; at least 1.
    pub attempts: u32,
    /// Wait before the second attempt in a row; it doubles each time.
    pub wait: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 5, wait: Duration::from_secs(1) }
    }
}

/// What a download came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Size and checksums of the file.
    pub sums: Sums,
    /// Bytes of it that an earlier run had left.
    pub resumed: u64,
}

/// Loads `file` to `target`, going on with what an earlier run has left in `<target>.part`.
///
/// The name `target` appears, or changes its content, only when the file is complete and checked. The addresses are
/// tried in their order.
///
/// # Errors
/// The last address's [`FetchError::Transfer`], [`FetchError::Status`], [`FetchError::Redirect`],
/// [`FetchError::Answer`], [`FetchError::Size`], [`FetchError::Sort`] or [`FetchError::Checksum`]; at once
/// [`FetchError::Io`], [`FetchError::Kind`], [`FetchError::Store`] and [`FetchError::Busy`]. The part stays for the next
/// run, except after a wrong checksum.
pub fn download(
    client: &Client,
    file: &RemoteFile,
    target: &Path,
    retries: Retries,
    progress: &mut dyn Progress,
) -> Result<Outcome, FetchError> {
    let mut failed = None;
    for url in &file.urls {
        if let Some(error) = &failed {
            progress.note(&format!("{error}; trying the next address"));
        }
        let part = Part::open(target)?;
        let pace = Pace::new(&*client.clock, client.least_rate);
        let mut transfer = Transfer { client, file, url, part, pace, progress: &mut *progress };
        let result = transfer.insist(retries);
        transfer.progress.end();
        let resumed = transfer.part.kept();
        match result.and_then(|()| finish(transfer.part, file)) {
            Ok(sums) => return Ok(Outcome { sums, resumed }),
            Err(
                error @ (FetchError::Io { .. }
                | FetchError::Kind { .. }
                | FetchError::Store(_)
                | FetchError::Busy { .. }),
            ) => return Err(error),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.expect("a manifest's file has at least one address"))
}

/// Checks a complete part and gives it its name. Where no checksum vouches for it, it has to be at least of the kind that
/// its name says: what is taken once is the truth from then on.
fn finish(part: Part, file: &RemoteFile) -> Result<Sums, FetchError> {
    let sums = part.sums();
    let stated = file.checksum.as_ref();
    if !stated.is_some_and(|stated| sums.fits(stated)) {
        match sort::check(part.path(), &file.name) {
            Err(Wrong::Unreadable(error)) => return Err(error),
            Err(Wrong::Sort { found, expected }) => {
                part.discard();
                return Err(FetchError::Sort {
                    file: file.name.clone(),
                    found,
                    expected: expected.to_owned(),
                });
            }
            Ok(()) => {}
        }
    }
    if let Some(stated) = stated.filter(|stated| !sums.fits(stated)) {
        part.discard();
        return Err(mismatch(&file.name, &sums, stated));
    }
    part.commit()?;
    Ok(sums)
}

fn mismatch(file: &str, sums: &Sums, stated: &Checksum) -> FetchError {
    FetchError::Checksum {
        file: file.to_owned(),
        algorithm: stated.algorithm(),
        found: sums.like(stated).to_owned(),
        expected: stated.digits().to_owned(),
    }
}

/// One file from one address.
struct Transfer<'a> {
    client: &'a Client,
    file: &'a RemoteFile,
    url: &'a str,
    part: Part,
    pace: Pace<'a>,
    progress: &'a mut dyn Progress,
}

impl Transfer<'_> {
    /// Attempts until the file is complete or nothing comes any more.
    fn insist(&mut self, retries: Retries) -> Result<(), FetchError> {
        let (mut furthest, mut failures) = (self.part.size(), 0);
        loop {
            self.pace.begin();
            let failure = match self.attempt() {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            if self.part.size() > furthest {
                (furthest, failures) = (self.part.size(), 0);
            }
            failures = (failures + 1).max(self.pace.slow());
            if !failure.again || failures >= retries.attempts {
                return Err(*failure.error);
            }
            self.progress.note(&format!("{}; trying again", failure.error));
            let wait = retries.wait.saturating_mul(1 << (failures - 1).min(16));
            self.client.clock.wait(wait);
        }
    }

    fn attempt(&mut self) -> Result<(), Failure> {
        let rest = self.rest()?;
        if self.file.size.is_some_and(|size| size > 0 && size == self.part.size()) {
            return Ok(());
        }
        let answer = self.client.get(self.url, rest.as_ref())?;
        self.check_encoding(&answer)?;
        match (answer.status().as_u16(), rest) {
            (200, rest) => self.whole(answer, rest.is_some()),
            (206, Some(rest)) => self.go_on(answer, &rest),
            (416, Some(rest)) if range_total(&answer) == Some(rest.from) => Ok(()),
            (416, Some(_)) => self.start_over("the server does not have the range asked for"),
            (status, _) => {
                let again = status >= 500 || matches!(status, 408 | 429);
                Err(Failure::new(FetchError::Status { url: self.url.to_owned(), status }, again))
            }
        }
    }

    /// What to ask for: the rest of the part, if it is known to be of this file.
    fn rest(&mut self) -> Result<Option<Rest>, FetchError> {
        let from = self.part.size();
        if from == 0 {
            return Ok(None);
        }
        let mark = self.part.origin().filter(|origin| origin.url == self.url).and_then(|origin| origin.mark);
        let fits = self.file.size.is_none_or(|size| from <= size);
        if fits && (mark.is_some() || self.file.checksum.is_some()) {
            return Ok(Some(Rest { from, mark }));
        }
        let reason = if fits { "nothing tells which version it is of" } else { "it is larger than the file" };
        self.progress.note(&format!("{}: {reason}; starting over", self.part.path().display()));
        self.part.restart(None)?;
        Ok(None)
    }

    /// The whole file comes, asked for or not.
    fn whole(&mut self, answer: Response<Body>, rest_wanted: bool) -> Result<(), Failure> {
        if rest_wanted {
            self.progress.note(&format!("{}: the server sends the whole file; starting over", self.url));
        }
        let length = header(&answer, "content-length").and_then(|length| length.parse().ok());
        self.check_total(length)?;
        let ends = length.is_some() || header(&answer, "transfer-encoding").is_some();
        if !ends && self.file.size.is_none() && self.file.checksum.is_none() {
            let expected = "one: nothing else tells whether the file is whole";
            return Err(self.refused("an answer without a length", expected).into());
        }
        self.part.restart(Some(&Origin { url: self.url.to_owned(), mark: mark(&answer) }))?;
        self.receive(answer, length)
    }

    /// The rest of the file comes, if it is the rest that was asked for.
    fn go_on(&mut self, answer: Response<Body>, rest: &Rest) -> Result<(), Failure> {
        let range = header(&answer, "content-range").unwrap_or_default();
        let first = range.strip_prefix("bytes ").and_then(|range| range.split('-').next()?.parse().ok());
        if first != Some(rest.from) {
            let range = shown::short(&range);
            return self.start_over(&format!("found the range \"{range}\"; expected bytes {}-", rest.from));
        }
        match (&rest.mark, mark(&answer)) {
            (Some(known), Some(came)) if *known != came => {
                return self.start_over("the file has changed meanwhile");
            }
            (Some(_), None) if self.file.checksum.is_none() => {
                return self.start_over("nothing tells whether the rest is of the same version");
            }
            _ => {}
        }
        let total = range_total(&answer);
        self.check_total(total)?;
        self.receive(answer, total)
    }

    fn start_over(&mut self, reason: &str) -> Result<(), Failure> {
        self.part.restart(None)?;
        Err(Failure::passing(self.url, format!("{reason}; starting over")))
    }

    /// A body in an encoding is another file than the one asked for, unless a checksum says that it is just called so.
    fn check_encoding(&mut self, answer: &Response<Body>) -> Result<(), FetchError> {
        let Some(encoding) = unasked_encoding(answer) else { return Ok(()) };
        if self.file.checksum.is_none() {
            let expected = "the file as it is (identity), as was asked for";
            return Err(self.refused(format!("Content-Encoding {encoding}"), expected));
        }
        let url = shown::long(self.url);
        self.progress
            .note(&format!("{url}: found Content-Encoding {encoding}, unasked; the checksum decides"));
        Ok(())
    }

    fn refused(&self, found: impl Into<String>, expected: impl Into<String>) -> FetchError {
        FetchError::Answer { url: self.url.to_owned(), found: found.into(), expected: expected.into() }
    }

    /// The largest that a file of unknown size may be, for messages.
    fn allowed(&self) -> String {
        format!("at most {}, the limit where the manifest states no size", self.client.largest)
    }

    /// The size that the server states against that of the manifest, or the largest one.
    fn check_total(&self, total: Option<u64>) -> Result<(), FetchError> {
        match (total, self.file.size) {
            (Some(found), Some(expected)) if found != expected => Err(self.wrong_size(found, expected)),
            (Some(found), None) if found > self.client.largest => {
                Err(self.refused(format!("{found} bytes"), self.allowed()))
            }
            _ => Ok(()),
        }
    }

    fn wrong_size(&self, found: u64, expected: u64) -> FetchError {
        FetchError::Size { item: self.url.to_owned(), found, expected }
    }

    fn receive(&mut self, answer: Response<Body>, total: Option<u64>) -> Result<(), Failure> {
        let total = self.file.size.or(total);
        let done = self.part.size();
        self.progress.begin(&self.file.name, done, total);
        let body = answer.into_body().into_reader();
        let limit = total.or(Some(self.client.largest));
        let stopped = receive(body, &mut self.part, done, limit, &mut self.pace, &mut *self.progress);
        let done = self.part.size();
        match stopped {
            Ok(()) => match total {
                Some(total) if done < total => Err(self.broken_off(done, total)),
                _ => Ok(()),
            },
            Err(Stop::TooLong) => {
                self.part.restart(None)?;
                let Some(expected) = total else {
                    let found = format!("more than {} bytes", self.client.largest);
                    return Err(self.refused(found, self.allowed()).into());
                };
                Err(self.wrong_size(expected.saturating_add(1), expected).into())
            }
            Err(Stop::TooSlow(rate)) => {
                let least = self.client.least_rate;
                let reason = format!(
                    "found {rate} bytes a second over {} s after {done} bytes; expected at least {}",
                    least.window.as_secs(),
                    least.bytes
                );
                Err(Failure::passing(self.url, reason))
            }
            Err(Stop::Disk(error)) => Err(FetchError::io(self.part.path(), "written")(error).into()),
            Err(Stop::Source(_)) if total.is_some() => Err(self.broken_off(done, total.unwrap_or(done))),
            Err(Stop::Source(error)) => {
                Err(Failure::passing(self.url, format!("after {done} bytes: {error}")))
            }
        }
    }

    fn broken_off(&self, done: u64, total: u64) -> Failure {
        Failure::passing(self.url, format!("broke off after {done} of {total} bytes"))
    }
}

/// The server's mark of a version: a strong entity tag, or else the date of the last change.
fn mark(answer: &Response<Body>) -> Option<String> {
    let tag = header(answer, "etag").filter(|tag| tag.starts_with('"'));
    tag.or_else(|| header(answer, "last-modified"))
}

/// The size of the whole file in `Content-Range: bytes 5-9/10` or `bytes */10`.
fn range_total(answer: &Response<Body>) -> Option<u64> {
    header(answer, "content-range")?.rsplit('/').next()?.parse().ok()
}
