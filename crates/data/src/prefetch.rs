//! Batches that are made ahead: while one is used, the next one is under way.
//!
//! The next batch is a task of rayon's pool, like the parallel loops of whoever uses the present one. Threads that have
//! nothing else to do take it up and share it among themselves, so no thread comes on top of those that the pool was given,
//! and the processor is never asked for more than it has. With a single thread there is nobody to make a batch beside
//! the work: it is made when it is asked for.
//!
//! One batch is made ahead, not more: what training waits for is time, and a second one would only take memory.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::Duration;

use ndarray::{Array, Dimension};
use rayon::{Scope, Yield};

use crate::{Batch, DataError, Loader};

type Made = Result<Batch, DataError>;

/// Most buffers that are kept for later batches: of the one in use and of the one under way.
const SPARE: usize = 2;

/// How long a thread of the pool that finds nothing to do sleeps before it looks again.
const PAUSE: Duration = Duration::from_micros(50);

/// What the tasks of one [`Loader::ahead`] share.
struct Shared<'a> {
    loader: Loader<'a>,
    /// Nobody waits for a batch any more.
    ended: AtomicBool,
}

/// The batches of a loader in its order, with the same bits; `len()` is the number of those left. It ends after the first
/// error. Made by [`Loader::ahead`].
pub struct Batches<'r, 'scope> {
    shared: &'scope Shared<'scope>,
    /// Where tasks go; `None` if there is one thread alone.
    scope: Option<&'r Scope<'scope>>,
    /// The batch under way.
    coming: Option<Receiver<Made>>,
    /// Where in the visiting order the next batch that is given out begins.
    next: usize,
    spare: Vec<Vec<f32>>,
}

impl Loader<'_> {
    /// Runs `work` with the batches of this loader, each of which is made while `work` uses the one before. Returns once
    /// `work` has, and a batch that was under way at that time is done; none is begun any more then.
    ///
    /// A panic in the making of a batch becomes [`DataError::Batch`].
    ///
    /// ```
    /// use colearn_data::{DataConfig, DataName, Loader, Order};
    ///
    /// # fn main() -> Result<(), colearn_data::DataError> {
    /// let digits = DataConfig { bands: 8, ..DataConfig::default_for(DataName::Digits) }.load()?;
    /// let loader = Loader::new(&digits.validation, digits.steps, 64, Order::Sequential);
    /// let samples = loader.ahead(|batches| {
    ///     let mut samples = 0;
    ///     while let Some(batch) = batches.next() {
    ///         let batch = batch?;
    ///         samples += batch.labels.len();
    ///         batches.give(batch.input); // for a later batch
    ///     }
    ///     Ok::<_, colearn_data::DataError>(samples)
    /// })?;
    /// assert_eq!(samples, digits.validation.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn ahead<R>(self, work: impl FnOnce(&mut Batches<'_, '_>) -> R) -> R {
        let next = self.place();
        let shared = Shared { loader: self, ended: AtomicBool::new(false) };
        if rayon::current_num_threads() < 2 {
            return work(&mut Batches::new(&shared, None, next));
        }
        rayon::in_place_scope(|scope| work(&mut Batches::new(&shared, Some(scope), next)))
    }
}

impl<'r, 'scope> Batches<'r, 'scope> {
    fn new(shared: &'scope Shared<'scope>, scope: Option<&'r Scope<'scope>>, next: usize) -> Self {
        Self { shared, scope, coming: None, next, spare: Vec::new() }
    }

    /// Takes the input of a batch that is no longer needed, for a later one to be made in.
    pub fn give<D: Dimension>(&mut self, input: Array<f32, D>) {
        if self.spare.len() < SPARE {
            self.spare.push(input.into_raw_vec_and_offset().0);
        }
    }

    /// Begins with the batch that is given out next, if there is one and somebody to make it.
    fn begin(&mut self) {
        let (Some(scope), false) = (self.scope, self.len() == 0) else { return };
        let (shared, next, buffer) = (self.shared, self.next, self.spare.pop().unwrap_or_default());
        let (sender, receiver) = sync_channel(1);
        scope.spawn(move |_| {
            if !shared.ended.load(Ordering::Relaxed) {
                // Nobody may want it any more.
                let _ = sender.send(make(&shared.loader, next, buffer));
            }
        });
        self.coming = Some(receiver);
    }
}

impl Iterator for Batches<'_, '_> {
    type Item = Made;

    fn next(&mut self) -> Option<Made> {
        let shared = self.shared;
        let loader = &shared.loader;
        let count = loader.samples_from(self.next).len();
        if count == 0 {
            return None;
        }
        let made = match self.coming.take() {
            Some(coming) => wait(&coming).unwrap_or_else(|| make(loader, self.next, Vec::new())),
            None => make(loader, self.next, self.spare.pop().unwrap_or_default()),
        };
        self.next += count;
        match made {
            Ok(_) => self.begin(),
            Err(_) => self.next = usize::MAX,
        }
        Some(made)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.shared.loader.batches_from(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches<'_, '_> {}

impl Drop for Batches<'_, '_> {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Batches<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("next", &self.next).finish_non_exhaustive()
    }
}

/// A batch, whatever happens.
fn make(loader: &Loader<'_>, first: usize, buffer: Vec<f32>) -> Made {
    catch_unwind(AssertUnwindSafe(|| loader.make(first, buffer))).unwrap_or_else(|panic| {
        Err(DataError::Batch { first: loader.name(first).to_owned(), message: said(&*panic) })
    })
}

/// The words of a panic.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

/// What comes, or nothing if that task is gone. A thread of the pool does other tasks meanwhile, the awaited one perhaps:
/// there may be nobody else to do it.
fn wait(coming: &Receiver<Made>) -> Option<Made> {
    loop {
        match coming.try_recv() {
            Ok(made) => return Some(made),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        match rayon::yield_now() {
            Some(Yield::Executed) => {}
            None => return coming.recv().ok(),
            Some(Yield::Idle) => match coming.recv_timeout(PAUSE) {
                Ok(made) => return Some(made),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            },
        }
    }
}

#[cfg(test)]
mod tests;
