//! What a recurrent scan keeps of its states: all of them, those of every tenth step, or none.

/// What a run of a recurrent scan keeps beside its output. A scan without recurrence keeps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Currents and states of all steps.
    States,
    /// What the backward pass needs: currents, and the states from which it computes the others a second time.
    Recording,
    /// Nothing.
    Nothing,
}

/// Steps whose states the backward pass computes at once from those of the step before. They stay in the second-level cache;
/// to write the states of all steps and to read them back costs more than to compute them twice.
pub(super) const SEGMENT: usize = 10;

/// Steps whose states are kept for the backward pass, of `steps`: the last one of each segment but the last.
const fn marks(steps: usize) -> usize {
    steps.saturating_sub(1) / SEGMENT
}

/// Steps that the buffers of a forward pass have room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// All, or one that is written over and over, as for states.
    pub(super) currents: usize,
    pub(super) states: usize,
    pub(super) marks: usize,
}

impl Room {
    pub(super) fn of(keep: Keep, steps: usize) -> Self {
        let (currents, states, marks) = match keep {
            Keep::States => (steps, steps, 0),
            Keep::Recording => (steps, 1, marks(steps)),
            Keep::Nothing => (1, 1, 0),
        };
        Self { currents, states, marks }
    }

    /// Lanes of the marks of a block, whose states at one step are `row`. Without marks one, which is not used.
    pub(super) fn mark_lanes(self, row: usize) -> usize {
        (self.marks * row).max(1)
    }
}
