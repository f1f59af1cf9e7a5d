//! Moving a body into a file, with a bound on its size and one on its slowness.

use std::io::{self, ErrorKind, Read, Write};

use crate::digest::BLOCK;
use crate::pace::Paced;
use crate::progress::Progress;

/// Why a transfer ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The server or the line.
    Source(io::Error),
    /// The disk.
    Disk(io::Error),
    /// More bytes than stated, or than allowed where nothing is stated.
    TooLong,
    /// So few bytes a second.
    TooSlow(u64),
}

/// Writes `body` to `out`, which holds `done` bytes and may grow to `limit`; `pace` stops one that is too slow.
pub(crate) fn receive(
    mut body: impl Read,
    out: &mut impl Write,
    mut done: u64,
    limit: Option<u64>,
    pace: &mut impl Paced,
    progress: &mut dyn Progress,
) -> Result<(), Stop> {
    let mut block = vec![0; BLOCK];
    loop {
        let count = match body.read(&mut block) {
            Ok(0) => return out.flush().map_err(Stop::Disk),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Stop::Source(error)),
        };
        done += count as u64;
        if limit.is_some_and(|limit| done > limit) {
            return Err(Stop::TooLong);
        }
        out.write_all(&block[..count]).map_err(Stop::Disk)?;
        progress.reached(done);
        pace.came(count).map_err(Stop::TooSlow)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Unhurried;

    /// A disk with room for so many bytes.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            if count == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(count) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_and_too_long_a_body_stop_the_transfer() {
        let body = vec![7; 3 * BLOCK];
        assert!(
            receive(&body[..], &mut Disk(3 * BLOCK), 0, Some(3 * BLOCK as u64), &mut Unhurried, &mut ())
                .is_ok()
        );
        let full = receive(&body[..], &mut Disk(2 * BLOCK + 1), 0, None, &mut Unhurried, &mut ());
        assert!(matches!(full, Err(Stop::Disk(error)) if error.kind() == ErrorKind::StorageFull));
        let mut out = Vec::new();
        let long = receive(&body[..], &mut out, 1, Some(3 * BLOCK as u64), &mut Unhurried, &mut ());
        assert!(matches!(long, Err(Stop::TooLong)));
        assert_eq!(out.len(), 2 * BLOCK);
    }
}
