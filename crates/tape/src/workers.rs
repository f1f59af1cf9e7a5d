//! Where the program's parallel loops start.

/// Runs `work` on one of rayon's threads, the calling one if it is one of them.
///
/// A parallel loop that another thread starts wakes rayon's threads and lets its own sleep until they are done. A training
/// step has hundreds of loops, many of them shorter than that takes: whoever runs several in a row starts them here.
///
/// # Panics
/// If `work` does, with its message.
pub fn on_workers<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_a_thread_of_rayon_and_stays_there() {
        let outer = on_workers(rayon::current_thread_index);
        assert!(outer.is_some());
        on_workers(|| {
            let here = std::thread::current().id();
            assert_eq!(on_workers(|| std::thread::current().id()), here);
        });
    }

    #[test]
    #[should_panic(expected = "what went wrong")]
    fn a_panic_keeps_its_message() {
        on_workers(|| panic!("what went wrong"));
    }
}
