#![doc = include_str!("../README.md")]

mod arithmetic;
mod binary;
mod bits;
mod dispatch;
mod events;
mod lanes;
mod level;
mod panel;
mod peak;
mod real;
mod sets;
mod single;

pub use binary::{
    BINARY_STEPS, BinaryProduct, BinarySums, Code, TABLE_BITS, binary_codes, binary_table, looks_up,
    looks_up_lagged,
};
pub use bits::{Word, row_of_word, word_of_row};
pub use dispatch::{Kernel, dispatch, dispatch_to, prefetch, prefetch_all};
pub use events::{EVENT_COLUMNS, Events};
pub use lanes::{
    ALIGN_ROOM, LANES, Lanes, aligned, aligned_mut, aligned_range, copy_row, load_row, scaled, store_row,
};
pub use level::{FusedLevel, Level, PortableLevel};
pub use panel::{FromPanel, PANEL_ROWS, ToPanel};
pub use peak::MultiplyAdds;
pub use real::{Forms, Real};
pub use sets::InstructionSet;
pub use single::{in_words, single, within};
