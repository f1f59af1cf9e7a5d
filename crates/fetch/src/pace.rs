//! How fast bytes have to come, by a clock that tests may replace.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Tells the time and waits: the system, or a test that wants an hour to pass at once.
pub trait Clock: Debug + Send + Sync {
    /// The time since some fixed moment.
    fn now(&self) -> Duration;

    /// Returns after `time`.
    fn wait(&self, time: Duration);
}

/// The clock of the system.
#[derive(Debug)]
pub(crate) struct SystemClock(pub(crate) Instant);

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wait(&self, time: Duration) {
        if !time.is_zero() {
            std::thread::sleep(time);
        }
    }
}

/// The least that has to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeastRate {
    /// Bytes a second.
    pub bytes: u64,
    /// Over how long a time they are counted.
    pub window: Duration,
}

impl Default for LeastRate {
    /// 1,024 bytes a second over a minute: a tenth of what an old telephone line carried.
    fn default() -> Self {
        Self { bytes: 1024, window: Duration::from_secs(60) }
    }
}

/// Judges how fast bytes come.
pub(crate) trait Paced {
    /// So many bytes more have come. If they come too slowly, how many there were a second.
    fn came(&mut self, count: usize) -> Result<(), u64>;
}

/// Any speed will do.
#[derive(Debug)]
pub(crate) struct Unhurried;

impl Paced for Unhurried {
    fn came(&mut self, _: usize) -> Result<(), u64> {
        Ok(())
    }
}

/// Counts bytes over windows of time, across attempts but without the waits between them.
#[derive(Debug)]
pub(crate) struct Pace<'a> {
    clock: &'a dyn Clock,
    least: LeastRate,
    /// When the clock was last looked at, while an attempt runs.
    seen: Duration,
    /// Time and bytes of the window so far.
    spent: Duration,
    bytes: u64,
    /// Windows in a row that brought too little.
    slow: u32,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(clock: &'a dyn Clock, least: LeastRate) -> Self {
        Self { clock, least, seen: clock.now(), spent: Duration::ZERO, bytes: 0, slow: 0 }
    }

    /// An attempt begins: what passed since the last one does not count.
    pub(crate) fn begin(&mut self) {
        self.seen = self.clock.now();
    }

    /// Windows in a row that brought too little.
    pub(crate) fn slow(&self) -> u32 {
        self.slow
    }
}

impl Paced for Pace<'_> {
    /// Judged at the end of each window.
    fn came(&mut self, count: usize) -> Result<(), u64> {
        let now = self.clock.now();
        self.spent += now.saturating_sub(self.seen);
        self.seen = now;
        self.bytes = self.bytes.saturating_add(count as u64);
        if self.spent < self.least.window {
            return Ok(());
        }
        let millis = self.spent.as_millis().max(1);
        let rate = u64::try_from(u128::from(self.bytes) * 1000 / millis).unwrap_or(u64::MAX);
        (self.spent, self.bytes) = (Duration::ZERO, 0);
        if rate < self.least.bytes {
            self.slow += 1;
            return Err(rate);
        }
        self.slow = 0;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A clock that goes on by so much at every look, and by what is waited for.
    #[derive(Debug)]
    pub(crate) struct Ticking(pub(crate) Duration, pub(crate) Mutex<Duration>);

    impl Clock for Ticking {
        fn now(&self) -> Duration {
            let mut time = self.1.lock().unwrap();
            *time += self.0;
            *time
        }

        fn wait(&self, time: Duration) {
            *self.1.lock().unwrap() += time;
        }
    }

    fn ticking(seconds: u64) -> Ticking {
        Ticking(Duration::from_secs(seconds), Mutex::default())
    }

    #[test]
    fn a_window_with_too_few_bytes_is_told_with_its_rate() {
        let clock = ticking(20);
        let mut pace = Pace::new(&clock, LeastRate { bytes: 10, window: Duration::from_secs(60) });
        // 600 bytes in 60 seconds are enough, 599 are not.
        assert_eq!([pace.came(200), pace.came(200), pace.came(200)], [Ok(()); 3]);
        assert_eq!([pace.came(599), pace.came(0), pace.came(0)], [Ok(()), Ok(()), Err(9)]);
        assert_eq!(pace.slow(), 1);
        assert_eq!([pace.came(1), pace.came(1), pace.came(1)], [Ok(()), Ok(()), Err(0)]);
        assert_eq!(pace.slow(), 2);
        assert_eq!([pace.came(0), pace.came(0), pace.came(9999)], [Ok(()); 3]);
        assert_eq!(pace.slow(), 0);
    }

    #[test]
    fn waits_between_attempts_do_not_count_and_the_attempts_do() {
        let clock = ticking(25);
        let mut pace = Pace::new(&clock, LeastRate { bytes: 10, window: Duration::from_secs(60) });
        for _ in 0..2 {
            clock.wait(Duration::from_secs(1000));
            pace.begin();
            assert_eq!(pace.came(1), Ok(()));
        }
        pace.begin();
        assert_eq!(pace.came(1), Err(0), "three attempts of 25 seconds with a byte each");
    }
}
