#![doc = include_str!("../README.md")]

mod arithmetic;
mod binary;
mod bits;
mod dispatch;
mod events;
mod lanes;
mod panel;
mod peak;
mod real;
mod single;

pub use binary::{
    BINARY_STEPS, BinaryProduct, BinarySums, Code, TABLE_BITS, binary_codes, binary_table, looks_up,
    looks_up_lagged,
};
pub use bits::{Word, row_of_word, word_of_row};
pub use dispatch::{
    FusedLevel, InstructionSet, Kernel, Level, PortableLevel, dispatch, dispatch_to, prefetch, prefetch_all,
};
pub use events::{EVENT_COLUMNS, Events};
pub use lanes::{
    ALIGN_ROOM, LANES, Lanes, aligned, aligned_mut, aligned_range, copy_row, load_row, scaled, store_row,
};
pub use panel::{FromPanel, PANEL_ROWS, ToPanel};
pub use peak::MultiplyAdds;
pub use real::{Forms, Real};
pub use single::{in_words, single, within};
