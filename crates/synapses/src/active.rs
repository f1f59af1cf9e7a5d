//! The rows of a sequence that are not zero: what sparse forms work on.
//!
//! | symbol | meaning |
//! | --- | --- |
//! | group | [`GROUP`] neighbouring samples; the last group may hold fewer |
//! | row | one unit, one step, the samples of one group |
//! | active row | a row in which at least one sample is not zero |
//! | listed row | an active one; of a unit that is mostly active ([`choice::lists_every_row`]) any |
//!
//! Spikes of 7 % leave six rows of ten empty: what is skipped is worth more than what the zeros in the other rows cost,
//! because a row is one vector instruction. Rows of spikes are listed as bits, beside their steps.

mod counts;
mod rows;
#[cfg(test)]
mod tests;

use crate::block::Signals;
use crate::choice;
use crate::samples::Samples;
use colearn_tape::simd::{ALIGN_ROOM, Kernel, Level, Word, aligned, aligned_mut, dispatch};
use colearn_tape::{Buffers, LANES, Pool, Real, SequenceShape};
pub(crate) use counts::Counts;
use counts::is_active;
use rayon::prelude::*;
use rows::{FloatRows, SpikeRows};
pub(crate) use rows::{Listed, Rows};

/// Samples of a row: one AVX2 register of `f32`, half an AVX-512 one. Sixteen leave fewer rows empty, four use the
/// arithmetic units badly.
pub(crate) const GROUP: usize = 8;

/// The values of one unit and step for the samples of a group; samples that do not exist are zero.
pub(crate) type Row<F> = [F; GROUP];

/// One unit of a sequence.
#[derive(Clone, Copy)]
struct Unit<'a, F> {
    values: Samples<'a, F>,
    shape: SequenceShape,
    n: usize,
}

impl<'a, F: Real> Unit<'a, F> {
    /// Its rows in each block, step after step.
    #[inline(always)]
    fn blocks(self) -> impl Iterator<Item = Samples<'a, F>> {
        let Self { values, shape: SequenceShape { steps, units, .. }, n } = self;
        values.parts(units * steps).map(move |block| block.rows(n * steps..(n + 1) * steps))
    }
}

/// The bits of each group of a block.
#[inline(always)]
fn groups_of(word: Word) -> [u32; LANES / GROUP] {
    std::array::from_fn(|group| u32::from(word) >> (group * GROUP) & MASK)
}

/// A group's bits beside a step: those of the step lie above.
const MASK: u32 = (1 << GROUP) - 1;

/// The listed rows of some units: steps and values, group by group, in the order of time.
#[derive(Debug)]
pub(crate) struct Active<F> {
    /// Where the rows of (unit, group) start; one more entry ends the last. Each range has one place more than rows.
    starts: Vec<u32>,
    /// Of floats the steps; of spikes the steps, each with its row's bits in the lowest [`GROUP`] places.
    steps: Vec<u32>,
    /// The rows of floats.
    rows: Vec<F>,
    /// That of spikes.
    amplitude: Option<F>,
    /// Of each unit and group where the rows of steps 0, [`MARK_STEPS`], 2 [`MARK_STEPS`] … start, from the unit's first on.
    marks: Vec<u32>,
    groups: usize,
    /// Marks of a unit and group.
    group_marks: usize,
}

/// Steps between marks: a search for the last row before a step would mispredict branches, which costs as much as some ten
/// rows.
const MARK_STEPS: usize = 16;

/// Writes the listed rows of one unit group by group.
struct Fill<'a, F> {
    unit: Unit<'a, F>,
    /// Whether rows of zeros are written too.
    every: bool,
    /// Where each group starts in `steps` and `rows`; the kernel moves it to the end.
    next: &'a mut [u32],
    /// Those of the unit.
    marks: &'a mut [u32],
    steps: &'a mut [u32],
    /// Of floats alone.
    rows: &'a mut [Row<F>],
}

impl<F: Real> Kernel for Fill<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { unit, every, next, marks, steps, rows } = self;
        let of_group = marks.len() / next.len();
        let of_block = LANES / GROUP;
        let groups = next.chunks_mut(of_block).zip(marks.chunks_mut(of_block * of_group));
        for ((next, marks), values) in groups.zip(unit.blocks()) {
            let mut mark = |step: usize, next: &[u32]| {
                if step.is_multiple_of(MARK_STEPS) {
                    let marks = marks[step / MARK_STEPS..].iter_mut().step_by(of_group);
                    marks.zip(next).for_each(|(mark, &next)| *mark = next);
                }
            };
            // Rows are written whether active or not, and then written over: no branch that depends on the data.
            match values {
                Samples::Floats(values) => {
                    for (step, values) in values.iter().enumerate() {
                        mark(step, next);
                        for (next, row) in next.iter_mut().zip(values.as_chunks().0) {
                            let place = *next as usize;
                            steps[place] = u32::try_from(step).unwrap_or(u32::MAX);
                            rows[place] = *row;
                            *next += u32::from(every | is_active(row));
                        }
                    }
                }
                Samples::Spikes(words, _) => {
                    for (step, (entry, &word)) in (0..).step_by(1 << GROUP).zip(words).enumerate() {
                        mark(step, next);
                        for (next, bits) in next.iter_mut().zip(groups_of(word)) {
                            steps[*next as usize] = entry | bits;
                            *next += u32::from(every || bits != 0);
                        }
                    }
                }
            }
        }
    }
}

impl<F: Real> Active<F> {
    /// What [`Active::new`] takes for a sequence of this shape and kind if all its rows are listed.
    pub(crate) fn buffers(shape: SequenceShape, input: Signals) -> Buffers {
        let counts = shape.units * shape.batch.div_ceil(GROUP);
        let room = (shape.steps + 1) * counts;
        let marks = Buffers::indices(counts * shape.steps.div_ceil(MARK_STEPS));
        let starts = Buffers::indices(counts + 1).and(marks);
        let rows = match input {
            Signals::Numbers => Buffers::array(room * GROUP),
            Signals::Spikes => Buffers::none(),
        };
        starts.and(Buffers::indices(room)).and(rows)
    }

    /// The listed rows of those units of a sequence that `wanted` names; the others have none.
    pub(crate) fn new(
        values: Samples<'_, F>,
        shape: SequenceShape,
        counts: &Counts<F>,
        wanted: impl Fn(usize) -> bool,
        pool: &mut Pool<F>,
    ) -> Self {
        let groups = counts.groups;
        let mut starts = pool.take_indices(counts.rows.len() + 1);
        let all_steps = u32::try_from(counts.steps).unwrap_or(u32::MAX);
        let mut total = 0;
        let units = starts.chunks_mut(groups.max(1)).zip(counts.rows.chunks(groups.max(1)));
        for (unit, (starts, counted)) in units.enumerate() {
            let (wanted, every) = (wanted(unit), choice::lists_every_row(counts.share(unit)));
            for (start, &count) in starts.iter_mut().zip(counted) {
                *start = total;
                if wanted {
                    total += 1 + if every { all_steps } else { count };
                }
            }
        }
        starts[counts.rows.len()] = total;
        // A quarter, half or all of what there can be: the count changes from step to step, and the pool keeps buffers by
        // their length. Of spikes, whose rows take no room, all.
        let (total, full) = (total as usize, (counts.steps + 1) * counts.rows.len());
        let rooms = match values {
            Samples::Floats(_) => [full.div_ceil(4), full.div_ceil(2)],
            Samples::Spikes(..) => [full; 2],
        };
        let room = rooms.into_iter().find(|&room| total <= room).unwrap_or(full);
        let (amplitude, rows) = match values {
            Samples::Floats(_) => (None, pool.take(room * GROUP + ALIGN_ROOM)),
            Samples::Spikes(_, amplitude) => {
                assert!(
                    counts.steps < 1 << (32 - GROUP),
                    "{} steps, more than lists of spikes name",
                    counts.steps
                );
                (Some(amplitude), Vec::new())
            }
        };
        let steps = pool.take_indices(room);
        let group_marks = counts.steps.div_ceil(MARK_STEPS);
        let marks = pool.take_indices(counts.rows.len() * group_marks);
        let mut active = Self { starts, steps, rows, amplitude, marks, groups, group_marks };
        active.fill(values, shape, counts);
        active
    }

    fn fill(&mut self, values: Samples<'_, F>, shape: SequenceShape, counts: &Counts<F>) {
        // Units write to ranges of their own: split the buffers at the units' starts.
        let groups = self.groups;
        let (mut steps, mut rows) =
            (&mut self.steps[..], aligned_mut(&mut self.rows).as_chunks_mut::<GROUP>().0);
        let mut parts = Vec::with_capacity(shape.units);
        let marks = self.marks.chunks_mut((groups * self.group_marks).max(1));
        for (k, marks) in (0..shape.units).zip(marks) {
            let starts = &self.starts[k * groups..=(k + 1) * groups];
            let count = (starts[groups] - starts[0]) as usize;
            let (mine, rest) = std::mem::take(&mut steps).split_at_mut(count);
            steps = rest;
            // Of spikes there are none.
            let of_unit = count.min(rows.len());
            let (my_rows, rest) = std::mem::take(&mut rows).split_at_mut(of_unit);
            rows = rest;
            if count > 0 {
                let unit = Unit { values, shape, n: k };
                parts.push((unit, choice::lists_every_row(counts.share(k)), starts, marks, mine, my_rows));
            }
        }
        parts.into_par_iter().with_min_len(4).for_each(|(unit, every, starts, marks, steps, rows)| {
            let mut next: Vec<u32> = starts[..groups].iter().map(|s| s - starts[0]).collect();
            dispatch(Fill { unit, every, next: &mut next, marks, steps, rows });
        });
    }

    /// The listed rows of one unit and group.
    #[inline(always)]
    pub(crate) fn of(&self, unit: usize, group: usize) -> Listed<'_, F> {
        let k = unit * self.groups + group;
        let first = self.starts[k] as usize;
        let range = first..(self.starts[k + 1] as usize).saturating_sub(1).max(first);
        if let Some(amplitude) = self.amplitude {
            return Listed::Spikes(SpikeRows { entries: &self.steps[range], amplitude });
        }
        let (rows, _) = aligned(&self.rows)[range.start * GROUP..range.end * GROUP].as_chunks();
        Listed::Floats(FloatRows { steps: &self.steps[range], rows })
    }

    /// How many of these rows may be needed, if none from step `end` on is: at least those before it.
    #[inline(always)]
    pub(crate) fn count_until(&self, unit: usize, group: usize, end: usize) -> usize {
        let k = unit * self.groups + group;
        let marks = &self.marks[k * self.group_marks..(k + 1) * self.group_marks];
        match (marks.first(), marks.get(end.div_ceil(MARK_STEPS))) {
            (Some(first), Some(mark)) => (mark - first) as usize,
            _ => usize::MAX,
        }
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    pub(crate) fn recycle(self, pool: &mut Pool<F>) {
        pool.give_indices(self.starts);
        pool.give_indices(self.steps);
        pool.give_indices(self.marks);
        pool.give_vec(self.rows);
    }
}
