//! Values that are forgotten after the forward pass, and computed again for the backward pass.

use super::{Kept, Rule, Tape, Var};
use crate::{Inputs, Real};
use ndarray::ArrayD;

impl<F: Real> Tape<F> {
    /// Sets whether what is recorded from now on spends time instead of memory: operations keep nothing that they can
    /// compute again in the backward pass, and [`Tape::forget`] forgets. Values and gradients are the same to the bit.
    pub fn set_recompute(&mut self, recompute: bool) {
        self.recompute = recompute;
    }

    /// Whether time is spent instead of memory.
    #[must_use]
    pub fn recomputes(&self) -> bool {
        self.recompute
    }

    /// If this tape recomputes and the operation behind `var` can: gives the buffer of its value back to the pool. The value
    /// must not be asked for any more; the backward pass computes it again where it needs it. Spikes are kept: their bits
    /// take little.
    ///
    /// # Panics
    /// If `var` belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn forget(&mut self, var: Var) {
        let index = self.index(var);
        let can = matches!(&self.nodes[index].rule, Rule::Fused(op) if op.as_recompute().is_some());
        if self.recompute && can && self.nodes[index].spikes.is_none() {
            self.drop_value(index);
        }
    }

    pub(super) fn drop_value(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.kept = Kept::Forgotten;
        let value = std::mem::replace(&mut node.value, ArrayD::zeros(vec![0]));
        self.pool.give(value);
    }

    /// Computes a forgotten value again, and before it those it comes from. A list holds what is still to be computed, the
    /// next one last: a chain of forgotten values may be longer than the stack is deep.
    pub(super) fn remember(&mut self, index: usize) {
        if self.nodes[index].kept != Kept::Forgotten {
            return;
        }
        let mut open = vec![index];
        while let Some(&next) = open.last() {
            let known = open.len();
            if self.nodes[next].kept == Kept::Forgotten {
                let parents = self.nodes[next].parents.iter().copied();
                open.extend(parents.filter(|&parent| self.nodes[parent].kept == Kept::Forgotten));
            }
            if open.len() == known {
                self.compute_again(next);
                open.pop();
            }
        }
    }

    /// Computes a forgotten value again from its inputs, which are there.
    fn compute_again(&mut self, index: usize) {
        if self.nodes[index].kept != Kept::Forgotten {
            return;
        }
        let Self { nodes, pool, .. } = self;
        let values: Vec<_> = nodes[index].parents.iter().map(|&p| &nodes[p].value).collect();
        let spikes: Vec<_> = nodes[index].parents.iter().map(|&p| nodes[p].spikes.as_ref()).collect();
        let Rule::Fused(op) = &nodes[index].rule else { panic!("a constant was used that had been taken") };
        let op = op.as_recompute().expect("only what can be recomputed is forgotten");
        let value = op.recompute(Inputs { values: &values, spikes: &spikes }, pool);
        let node = &mut nodes[index];
        (node.value, node.kept) = (value, Kept::Again);
    }
}
