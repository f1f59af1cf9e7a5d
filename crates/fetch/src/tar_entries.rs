//! The entries of a tar, one after the other: what a header or a record in front of it may hold in memory has a bound.
//!
//! Names longer than a header has room for come in records of their own: GNU's (the name as it is) and those of pax
//! (`length key=value`). Only names, targets of links and sizes are taken from them.

use std::io::{self, ErrorKind, Read};

use colearn_store::shown;

use tar::{EntryType, Header};

/// Bytes of a block.
const BLOCK: u64 = 512;
/// Longest name and target, in bytes: no system takes a longer path.
pub(crate) const LONGEST_NAME: u64 = 4096;
/// Most bytes of the records in front of one entry.
const LONGEST_RECORDS: u64 = 1 << 20;

/// What an entry is and where it belongs. Its content is read from [`Entries`].
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: EntryType,
    /// Where a link leads.
    pub(crate) target: Option<Vec<u8>>,
    /// Bytes of its content.
    pub(crate) size: u64,
}

/// Why there is no next entry.
#[derive(Debug)]
pub(crate) enum Fault {
    /// What is read from.
    Source(io::Error),
    /// Something else than a tar, or more than allowed.
    Content {
        /// The entry, where one is meant.
        entry: Option<String>,
        found: String,
        expected: String,
    },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Source(error)
    }
}

fn fault(entry: Option<&[u8]>, found: impl Into<String>, expected: impl Into<String>) -> Fault {
    Fault::Content { entry: entry.map(shown::bytes), found: found.into(), expected: expected.into() }
}

/// What records say about the entry that follows them.
#[derive(Debug, Default)]
struct Records {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    /// Whether there are any.
    any: bool,
}

/// A tar that is read from its beginning. Reading gives the content of the last entry.
#[derive(Debug)]
pub(crate) struct Entries<R> {
    inner: R,
    /// Bytes of the entry's content that have not been read, and of what fills its last block.
    left: u64,
    padding: u64,
    /// Headers so far, records among them, and how many there may be.
    headers: u64,
    most: u64,
}

impl<R: Read> Entries<R> {
    pub(crate) fn new(inner: R, most: u64) -> Self {
        Self { inner, left: 0, padding: 0, headers: 0, most }
    }

    /// What is behind the tar.
    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    /// The next entry, whatever is left of the one before; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Fault> {
        let mut records = Records::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                return if records.any {
                    Err(fault(None, "records about nothing", "an entry behind them"))
                } else {
                    Ok(None)
                };
            };
            self.headers += 1;
            if self.headers > self.most {
                let found = format!("more than {} entries", self.most);
                return Err(fault(None, found, "fewer: this is the limit of what is unpacked"));
            }
            let name = header.path_bytes();
            let size =
                header.entry_size().map_err(|_| fault(Some(&name), "a size that is no number", "bytes"))?;
            self.content_of(size);
            match header.entry_type() {
                EntryType::GNULongName => records.name = Some(self.long_name(size)?),
                EntryType::GNULongLink => records.target = Some(self.long_name(size)?),
                EntryType::XHeader => self.pax(size, &mut records)?,
                EntryType::XGlobalHeader => continue,
                kind => {
                    let size = records.size.unwrap_or(size);
                    self.content_of(size);
                    let target =
                        records.target.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
                    let name = records.name.unwrap_or_else(|| name.into_owned());
                    return Ok(Some(Entry { name, kind, target, size }));
                }
            }
            records.any = true;
        }
    }

    fn content_of(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK - size % BLOCK) % BLOCK;
    }

    /// Reads over what is left of an entry.
    fn skip(&mut self) -> Result<(), Fault> {
        let left = u128::from(self.left) + u128::from(self.padding);
        (self.left, self.padding) = (0, 0);
        let left = u64::try_from(left).map_err(|_| fault(None, "an entry of 16 EiB", "a smaller one"))?;
        let skipped = io::copy(&mut (&mut self.inner).take(left), &mut io::sink())?;
        if skipped < left { Err(ended()) } else { Ok(()) }
    }

    /// The next header; `None` at the end: blocks of zeros, or nothing.
    fn header(&mut self) -> Result<Option<Header>, Fault> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < block.len() {
            match self.inner.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(ended()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        // The checksum counts its own eight bytes as blanks.
        let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
        let found = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
        if header.cksum().ok() != Some(found) {
            return Err(fault(None, "a block that is no header of an entry", "a tar in the gzip"));
        }
        Ok(Some(header))
    }

    /// The content of a record, if it is not longer than `most`.
    fn record(&mut self, size: u64, most: u64, what: &str) -> Result<Vec<u8>, Fault> {
        if size > most {
            return Err(fault(None, format!("{what} of {size} bytes"), format!("at most {most}")));
        }
        let mut bytes = Vec::new();
        self.take(size).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < size { Err(ended()) } else { Ok(bytes) }
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, Fault> {
        // One zero more than the name has ends it.
        let mut name = self.record(size, LONGEST_NAME + 1, "a name")?;
        name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
        Ok(name)
    }

    fn pax(&mut self, size: u64, records: &mut Records) -> Result<(), Fault> {
        let bytes = self.record(size, LONGEST_RECORDS, "pax records")?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (key, value, behind) = pax_record(rest)
                .ok_or_else(|| fault(None, "a damaged pax record", "a length, a key and a value"))?;
            rest = behind;
            let name = || -> Result<Vec<u8>, Fault> {
                if value.len() as u64 > LONGEST_NAME {
                    return Err(fault(
                        None,
                        format!("a name of {} bytes", value.len()),
                        format!("at most {LONGEST_NAME}"),
                    ));
                }
                Ok(value.to_vec())
            };
            match key {
                b"path" => records.name = Some(name()?),
                b"linkpath" => records.target = Some(name()?),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                    records.size =
                        Some(size.ok_or_else(|| fault(None, "a size that is no number", "bytes"))?);
                }
                _ if key.starts_with(b"GNU.sparse.") => {
                    return Err(fault(None, "a file with holes (GNU.sparse)", "a file or folder"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Key and value of `length key=value\n`, where the length counts all of it, and what is behind it.
fn pax_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().take(20).position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
    let (record, behind) = bytes.split_at_checked(length)?;
    let record = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], behind))
}

fn ended() -> Fault {
    Fault::Source(ErrorKind::UnexpectedEof.into())
}

impl<R: Read> Read for Entries<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(block.len());
        let count = self.inner.read(&mut block[..most])?;
        self.left -= count as u64;
        Ok(count)
    }
}
