//! Why the HDF5 library could not read something, in the words of a message.

use hdf5_reader::error::Error;

/// Filters of HDF5's registry that the library does not undo, by their numbers. Those that it does: gzip, shuffle, fletcher32,
/// szip, n-bit, scale-offset, lz4.
const FILTERS: [(u16, &str); 17] = [
    (305, "LZO"),
    (307, "bzip2"),
    (32_000, "lzf"),
    (32_001, "blosc"),
    (32_003, "snappy"),
    (32_008, "bitshuffle"),
    (32_010, "SPDP"),
    (32_013, "zfp"),
    (32_014, "fpzip"),
    (32_015, "zstd"),
    (32_016, "B3D"),
    (32_017, "SZ"),
    (32_018, "FCIDECOMP"),
    (32_019, "JPEG"),
    (32_024, "SZ3"),
    (32_026, "blosc2"),
    (32_028, "Granular BitRound"),
];

/// What was found and what was expected.
pub(super) fn of(error: &Error) -> (String, &'static str) {
    match error {
        Error::Context { source, .. } => of(source),
        Error::UnsupportedFilter(filter) => (
            format!("values packed with {}", name(filter)),
            "values packed with gzip, or not at all: write them anew with what reads them, such as h5py and \
             compression=\"gzip\"",
        ),
        Error::UnsupportedDatatypeClass(_)
        | Error::UnsupportedLayoutClass(_)
        | Error::UnsupportedLayoutVersion(_)
        | Error::UnsupportedFilterPipelineVersion(_)
        | Error::UnsupportedFillValueVersion(_)
        | Error::UnsupportedLinkVersion(_)
        | Error::UnsupportedLinkType(_)
        | Error::UnsupportedChunkIndexType(_)
        | Error::UnsupportedEncoding(_) => (
            format!("HDF5 of a kind that is not read ({error})"),
            "a data set in this file, contiguous or in chunks, as h5py and PyTables write it",
        ),
        Error::ResourceLimit(_) => {
            (format!("a claim of more than the file can hold ({error})"), "a whole data set")
        }
        Error::Io(source) => (format!("what the system does not read ({source})"), "a file that can be read"),
        _ => (format!("damage ({error})"), "a whole data set"),
    }
}

/// `lzf (HDF5 filter 32000)` of the library's `filter id 32000`.
fn name(filter: &str) -> String {
    let Some(id) = filter.strip_prefix("filter id ").and_then(|id| id.parse::<u16>().ok()) else {
        return filter.to_owned();
    };
    match FILTERS.iter().find(|(known, _)| *known == id) {
        Some((_, name)) => format!("{name} (HDF5 filter {id})"),
        None => format!("HDF5 filter {id}"),
    }
}
