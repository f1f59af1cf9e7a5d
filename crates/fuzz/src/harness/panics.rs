//! Panics as values, with message and place, whatever thread they start on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// The first panic since it was last taken. A hook belongs to the process, and so does this.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// One case at a time: the panics of two at once could not be told apart.
static TURN: Mutex<()> = Mutex::new(());

/// Waits for the turn of a case, which lasts until the guard is dropped.
pub(super) fn turn() -> MutexGuard<'static, ()> {
    lock(&TURN)
}

/// What `work` returns, or "place: message" if it panics. To be called in one's [`turn`].
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A panic outside a case, such as a test's own, is reported as usual.
            if TURN.try_lock().is_ok() {
                return usual(info);
            }
            let place = info.location().map_or_else(|| "nowhere".to_owned(), ToString::to_string);
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().map(ToString::to_string);
            let message = text.or_else(|| payload.downcast_ref::<String>().cloned());
            lock(&FIRST).get_or_insert_with(|| format!("{place}: {}", message.unwrap_or_default()));
        }));
    });
    lock(&FIRST).take();
    let message = |_| lock(&FIRST).take().unwrap_or_else(|| "nowhere: a panic without a message".to_owned());
    catch_unwind(AssertUnwindSafe(work)).map_err(message)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
