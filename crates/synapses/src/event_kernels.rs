//! The hot loops of sparse two-tap synapses: work only where the presynaptic signal is not zero.
//!
//! One event (place p, value x) of pre-unit i meets [`TILE`] outputs o on their time lines (see [`crate::events`]):
//!
//! ```text
//! scatter   y_o[p + lag] += near · x,   y_o[p + lag + 1] += far · x                     (forward)
//! gather    P₀ += x · g_o[p + lag],     P₁ += x · g_o[p + lag + 1]          (gradient of weight and delay)
//! ```
//!
//! Both taps are neighbours on the line, so one vector load brings both; it is four numbers wide because compilers
//! do not vectorise two. The two spare ones are multiplied by zero or not used: lines are longer by as much.

use crate::events::{Events, GROUP};
use crate::lag_kernels::TapTable;
use colearn_tape::Real;
use colearn_tape::simd::{Kernel, Level};

/// Outputs that share an event's place and value.
pub(crate) const TILE: usize = 8;

/// Numbers that one access moves.
const WIDTH: usize = 4;

/// Sizes of the time lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    /// Largest lag of a near tap plus one.
    pub(crate) reach: usize,
    /// Steps of a line: T, then room for the reach and the spare numbers of an access.
    pub(crate) len: usize,
}

impl Lines {
    pub(crate) fn new(steps: usize, max_delay: usize) -> Self {
        let reach = max_delay + 1;
        Self { reach, len: steps + reach + WIDTH }
    }

    /// Numbers of the lines of one group and output.
    pub(crate) fn group(&self) -> usize {
        GROUP * self.len
    }

    /// Numbers of a tile.
    pub(crate) fn tile(&self) -> usize {
        TILE * self.group()
    }

    /// Length of a window into the lines of one group and output that holds every place, wherever it starts.
    fn window(&self) -> usize {
        self.group() - self.reach
    }
}

/// The lag of output q of the tile for one input; outputs that do not exist have lag 0.
#[inline(always)]
fn lag<F>(table: &TapTable<'_, F>, outputs: usize, q: usize, input: usize) -> usize {
    if q < outputs { table.lag[q * table.inputs + input] as usize } else { 0 }
}

/// Adds all events of a group to the outputs' lines.
pub(crate) struct Scatter<'a, F> {
    pub(crate) events: &'a Events<F>,
    pub(crate) group: usize,
    /// At most [`TILE`] rows.
    pub(crate) table: TapTable<'a, F>,
    pub(crate) lines: Lines,
    /// The lines of the group: output, sample, step.
    pub(crate) tile: &'a mut [F],
}

impl<F: Real> Kernel for Scatter<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { events, group, table, lines, tile } = self;
        let outputs = table.near.len() / table.inputs;
        let len = lines.window();
        for input in 0..table.inputs {
            let (places, values) = events.of(input, group);
            let mut each = tile.chunks_exact_mut(lines.group());
            let windows: [&mut [F]; TILE] = std::array::from_fn(|q| {
                let from = lag(&table, outputs, q, input);
                &mut each.next().expect("a tile holds TILE outputs")[from..from + len]
            });
            let mut taps = [[F::zero(); WIDTH]; TILE];
            for (q, taps) in taps.iter_mut().enumerate().take(outputs) {
                let k = q * table.inputs + input;
                (taps[0], taps[1]) = (table.near[k], table.far[k]);
            }
            for (&place, &value) in places.iter().zip(values) {
                let place = place as usize;
                for q in 0..TILE {
                    let line: &mut [F; WIDTH] =
                        (&mut windows[q][place..place + WIDTH]).try_into().expect("sliced to this length");
                    for k in 0..WIDTH {
                        line[k] = L::multiply_add(taps[q][k], value, line[k]);
                    }
                }
            }
        }
    }
}

/// Adds the products of all events of a group with the outputs' gradients.
pub(crate) struct Gather<'a, F> {
    pub(crate) events: &'a Events<F>,
    pub(crate) group: usize,
    /// At most [`TILE`] rows.
    pub(crate) table: TapTable<'a, F>,
    pub(crate) lines: Lines,
    /// The lines of the group: output, sample, step; zero after the last step.
    pub(crate) tile: &'a [F],
    /// P₀ and P₁ in the order of the table.
    pub(crate) sums: &'a mut [[F; 2]],
}

impl<F: Real> Kernel for Gather<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { events, group, table, lines, tile, sums } = self;
        let outputs = table.near.len() / table.inputs;
        let len = lines.window();
        for input in 0..table.inputs {
            let (places, values) = events.of(input, group);
            let windows: [&[F]; TILE] = std::array::from_fn(|q| {
                let from = q * lines.group() + lag(&table, outputs, q, input);
                &tile[from..from + len]
            });
            let mut products = [[F::zero(); WIDTH]; TILE];
            for (&place, &value) in places.iter().zip(values) {
                let place = place as usize;
                for q in 0..TILE {
                    let line: &[F; WIDTH] =
                        windows[q][place..place + WIDTH].try_into().expect("sliced to this length");
                    for k in 0..WIDTH {
                        products[q][k] = L::multiply_add(line[k], value, products[q][k]);
                    }
                }
            }
            for (q, product) in products.iter().enumerate().take(outputs) {
                let [near, far] = &mut sums[q * table.inputs + input];
                *near += product[0];
                *far += product[1];
            }
        }
    }
}
