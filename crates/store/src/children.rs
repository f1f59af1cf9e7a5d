//! Programs that tests start, kept apart from tests of locks: until its program begins, a child has a copy of every open
//! file of the process, and a lock that was let go is held that long.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

static BEGINS: RwLock<()> = RwLock::new(());

/// No child begins while this is held.
pub(crate) fn none_begins() -> RwLockReadGuard<'static, ()> {
    BEGINS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a program with these arguments, and returns when it runs.
fn begin(program: &str, arguments: &[&Path]) -> Child {
    let _alone = BEGINS.write().unwrap_or_else(PoisonError::into_inner);
    Command::new(program).args(arguments).spawn().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Makes a pipe of this name.
pub(crate) fn make_pipe(path: &Path) {
    let made = begin("mkfifo", &[path]).wait();
    assert!(made.is_ok_and(|status| status.success()), "{}: no pipe", path.display());
}

/// Somebody who opens a pipe to write to it, as soon as it is read, and writes nothing.
pub(crate) fn silent_writer(pipe: &Path) -> Child {
    begin("sh", &[Path::new("-c"), Path::new("exec 3> \"$0\""), pipe])
}
