//! Reverse-mode automatic differentiation over [`ndarray`], for networks whose layers are fused scans.
//!
//! A [`Tape`] is an append-only list of nodes. A [`Var`] is a copyable index into it. Elementary operations
//! (such as [`Tape::add`] and [`Tape::matrix_product`]) are the small set every formula can be written with;
//! they are also the oracle that fused operations are proved against. A fused operation ([`Fused`]) is one
//! node that computes a whole layer over a whole sequence, names what it saved and implements its own
//! vector-Jacobian product.
//!
//! ```
//! use colearn_tape::Tape;
//! use ndarray::arr1;
//!
//! let mut tape = Tape::<f64>::new();
//! let x = tape.leaf(&arr1(&[1.0, 2.0, 3.0]));
//! let square = tape.square(x);
//! let loss = tape.sum(square);
//! tape.backward(loss);
//! assert_eq!(tape.gradient(x).unwrap().as_slice().unwrap(), &[2.0, 4.0, 6.0]);
//! ```
//!
//! Buffers come from a [`Pool`] and go back to it on [`Tape::reset`], so a training loop that repeats the same
//! shapes reuses them after its first step; only slices, reshapes, concatenations and softmaxes of elementary operations
//! allocate anew. The backward pass is a reverse loop over the list, and what was forgotten is computed again by a loop
//! too: no recursion, so no sequence is too long for the stack.
//!
//! Beside the tape this crate holds the layout of sequences ([`sequence`]) that fused operations share, and hands on
//! the arithmetic of [`simd`]: the element type [`Real`], 16 samples side by side ([`Lanes`]) and the choice of
//! instruction set at run time. It knows nothing of neurons.

mod border;
mod buffers;
pub mod check;
mod elementary;
mod fused;
pub mod layout;
mod operations;
mod pool;
pub mod product;
mod reduce;
mod rules;
pub mod sequence;
mod tape;
mod workers;

pub use buffers::{Buffers, StepBuffers};
pub use colearn_simd as simd;
pub use colearn_simd::{LANES, Lanes, Real};
pub use fused::{Fused, Inputs, Pullback, Recompute};
pub use pool::Pool;
pub use reduce::{Alone, Part, Reduce, ThreadParts};
pub use sequence::{Sequence, SequenceShape, SequenceValues, SequenceVar, Signal, Spikes};
pub use tape::{Tape, Var};
pub use workers::on_workers;

/// The README's snippet is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
