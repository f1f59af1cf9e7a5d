//! Where variable-length data lie: references into global heaps, resolved for all samples in one pass.
//!
//! A reference is 16 bytes: number of values (u32), address of a collection (u64), number of an object (u32), all
//! little-endian. A collection is `GCOL`, version 1, three bytes of nothing and its size (u64), then objects: number
//! (u16), reference count (u16), four bytes of nothing, size (u64), and the data, padded to 8 bytes. Object 0 is the
//! free space at the end. ("HDF5 File Format Specification", version 3.0, section III.E.)

use hdf5_reader::StorageBuffer;

use super::source::Source;

/// Length of a reference, of the header of a collection and of the header of an object.
pub(super) const HEADER: usize = 16;

/// Address and number of values of a sequence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) count: u32,
}

/// The references of one data set.
pub(super) struct References<'a> {
    /// 16 bytes per sequence.
    pub(super) raw: &'a [u8],
    /// Bytes of one value.
    pub(super) width: u8,
}

/// A sequence that cannot be reached.
#[derive(Debug)]
pub(super) struct Unreachable {
    /// Which of the data sets.
    pub(super) set: usize,
    /// Which sequence of it.
    pub(super) row: usize,
    pub(super) found: String,
    pub(super) expected: &'static str,
}

/// One sequence to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    collection: u64,
    object: u32,
    set: usize,
    row: usize,
    count: u32,
    width: u8,
}

impl Wanted {
    fn unreachable(&self, found: String, expected: &'static str) -> Unreachable {
        Unreachable { set: self.set, row: self.row, found, expected }
    }
}

/// Finds every sequence of every data set; each collection is walked once. The work is bounded by the length of the
/// file: collections that overlap are an error before they are walked again and again.
pub(super) fn locate(source: &Source, sets: &[References]) -> Result<Vec<Vec<Extent>>, Unreachable> {
    let mut extents: Vec<Vec<Extent>> =
        sets.iter().map(|set| vec![Extent::default(); set.raw.len() / HEADER]).collect();
    let mut wanted = wanted(sets)?;
    wanted.sort_unstable();
    let mut walk = Walk { source, window: None, steps: source.len() / HEADER as u64 };
    for group in wanted.chunk_by(|a, b| a.collection == b.collection) {
        walk.collection(group, &mut extents)?;
    }
    Ok(extents)
}

fn wanted(sets: &[References]) -> Result<Vec<Wanted>, Unreachable> {
    let mut wanted = Vec::new();
    for (set, References { raw, width }) in sets.iter().enumerate() {
        for (row, reference) in raw.chunks_exact(HEADER).enumerate() {
            let [a, b, c, d, address @ .., e, f, g, h] =
                <[u8; HEADER]>::try_from(reference).expect("chunks of this length");
            let one = Wanted {
                collection: u64::from_le_bytes(address),
                object: u32::from_le_bytes([e, f, g, h]),
                set,
                row,
                count: u32::from_le_bytes([a, b, c, d]),
                width: *width,
            };
            if one.count > 0 && one.object == 0 {
                let found = format!("a sequence of {} values that is nowhere", one.count);
                return Err(one.unreachable(found, "a reference to its values"));
            }
            if one.count > 0 {
                wanted.push(one);
            }
        }
    }
    Ok(wanted)
}

/// Reads the headers of objects, a few kilobytes at a time.
struct Walk<'a> {
    source: &'a Source,
    window: Option<(u64, StorageBuffer)>,
    /// Headers that may still be read; disjoint collections cannot need more.
    steps: u64,
}

impl Walk<'_> {
    /// Finds the objects of `group`, which lie in one collection and are sorted by object.
    fn collection(&mut self, group: &[Wanted], extents: &mut [Vec<Extent>]) -> Result<(), Unreachable> {
        let (start, first) = (group[0].collection, group[0]);
        let size = self
            .header(start)
            .filter(|header| header[..5] == *b"GCOL\x01")
            .map(|header| second_half(&header))
            .filter(|size| *size >= 2 * HEADER as u64)
            .ok_or_else(|| first.unreachable(format!("no heap at {start:#x}"), "a global heap collection"))?;
        let end = start.checked_add(size).filter(|end| *end <= self.source.len()).ok_or_else(|| {
            first
                .unreachable(format!("a heap of {size} bytes at {start:#x}"), "one that ends before the file")
        })?;
        let mut missing = group.len();
        let mut at = start + HEADER as u64;
        while missing > 0 && at + HEADER as u64 <= end {
            let object = self.object(at, end, first)?;
            if object.number == 0 {
                break;
            }
            let begin = group.partition_point(|one| one.object < object.number);
            for one in group[begin..].iter().take_while(|one| one.object == object.number) {
                let extent = &mut extents[one.set][one.row];
                let needed = u64::from(one.count) * u64::from(one.width);
                if needed > object.size {
                    let found = format!("{} values in {} bytes", one.count, object.size);
                    return Err(one.unreachable(found, "room for all values"));
                }
                // A number that comes twice counts once, so that `missing` stays right.
                if extent.count == 0 {
                    *extent = Extent { offset: object.data, count: one.count };
                    missing -= 1;
                }
            }
            at = object.next;
        }
        match group.iter().find(|one| extents[one.set][one.row].count == 0) {
            None => Ok(()),
            Some(one) => {
                let found = format!("no object {} in the heap at {start:#x}", one.object);
                Err(one.unreachable(found, "an object for each reference"))
            }
        }
    }

    fn object(&mut self, at: u64, end: u64, first: Wanted) -> Result<Object, Unreachable> {
        self.steps = self.steps.checked_sub(1).ok_or_else(|| {
            first.unreachable("heaps that overlap".to_owned(), "global heap collections one after the other")
        })?;
        let header = self.header(at).ok_or_else(|| {
            first.unreachable(format!("no object at {at:#x}"), "a heap that ends before the file")
        })?;
        let (data, size) = (at + HEADER as u64, second_half(&header));
        let number = u32::from(u16::from_le_bytes([header[0], header[1]]));
        if number == 0 {
            return Ok(Object { number, data, size, next: end });
        }
        if data.checked_add(size).is_none_or(|stop| stop > end) {
            let found = format!("an object of {size} bytes at {at:#x}");
            return Err(first.unreachable(found, "one that ends before its heap"));
        }
        // The length is padded, not the address: collections begin anywhere.
        Ok(Object { number, data, size, next: data + size.next_multiple_of(8) })
    }

    fn header(&mut self, at: u64) -> Option<[u8; HEADER]> {
        const WINDOW: u64 = 4096;
        let within = |(start, bytes): &(u64, StorageBuffer)| {
            let from = usize::try_from(at.checked_sub(*start)?).ok()?;
            bytes.get(from..from.checked_add(HEADER)?)?.try_into().ok()
        };
        if let Some(header) = self.window.as_ref().and_then(within) {
            return Some(header);
        }
        let len = WINDOW.min(self.source.len().checked_sub(at)?);
        let bytes = self.source.read(at, usize::try_from(len).ok()?).ok()?;
        within(self.window.insert((at, bytes)))
    }
}

struct Object {
    /// 0 for the free space.
    number: u32,
    data: u64,
    size: u64,
    next: u64,
}

fn second_half(header: &[u8; HEADER]) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *header;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: Vec<u8>) -> Source {
        Source::from_bytes("heap", bytes).unwrap()
    }

    fn reference(count: u32, collection: u64, object: u32) -> Vec<u8> {
        [&count.to_le_bytes()[..], &collection.to_le_bytes(), &object.to_le_bytes()].concat()
    }

    fn object(number: u16, size: u64) -> Vec<u8> {
        [&number.to_le_bytes()[..], &[1, 0, 0, 0, 0, 0], &size.to_le_bytes()].concat()
    }

    fn collection(size: usize) -> Vec<u8> {
        [&b"GCOL\x01\0\0\0"[..], &(size as u64).to_le_bytes()].concat()
    }

    #[test]
    fn objects_are_found_in_any_order_at_any_address_and_for_several_references() {
        // Begins at 3; object 7 of 5 bytes at 3 + 16, padded to 8; object 2 of 4 bytes after it.
        let heap =
            [vec![0; 3], collection(72), object(7, 5), vec![0; 8], object(2, 4), vec![0; 8], object(0, 8)];
        let source = source(heap.concat());
        let first = [reference(2, 3, 2), reference(0, 0, 0), reference(5, 3, 7)].concat();
        let second = [reference(1, 3, 7), reference(2, 3, 2)].concat();
        let found =
            locate(&source, &[References { raw: &first, width: 1 }, References { raw: &second, width: 2 }]);
        let at = |offset, count| Extent { offset, count };
        assert_eq!(found.unwrap(), [vec![at(59, 2), at(0, 0), at(35, 5)], vec![at(35, 1), at(59, 2)]]);
        let long = reference(3, 3, 7);
        let error = locate(&source, &[References { raw: &long, width: 2 }]).unwrap_err();
        assert_eq!((error.set, error.row, error.found.as_str()), (0, 0, "3 values in 5 bytes"));
    }

    #[test]
    fn heaps_that_overlap_are_not_walked_again_and_again() {
        // Each object holds the header of the next collection, and all collections share the last object.
        let number = 1000;
        let mut heap = Vec::new();
        for left in (1..=number).rev() {
            heap.extend(collection(32 * left));
            heap.extend(object(if left == 1 { 2 } else { 1 }, if left == 1 { 0 } else { 16 }));
        }
        let raw: Vec<u8> = (0..number).flat_map(|at| reference(1, 32 * at as u64, 2)).collect();
        let error = locate(&source(heap), &[References { raw: &raw, width: 0 }]).unwrap_err();
        assert_eq!((error.row, error.found.as_str()), (2, "heaps that overlap"));
    }
}
