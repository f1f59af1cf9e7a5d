//! The list of nodes and the reverse loop.

mod parts;
mod recompute;

use crate::elementary::Elementary;
use crate::sequence::{SequenceValues, Spikes};
use crate::{Fused, Part, Pool, Pullback, Real, rules};
use ndarray::{ArrayBase, ArrayD, Data, Dimension};
use std::sync::atomic::{AtomicU64, Ordering};

/// A value on a tape: a copyable index. It is valid until the tape is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var {
    index: usize,
    recording: u64,
}

#[derive(Debug)]
enum Rule<F: Real> {
    /// A value that comes from outside; `pooled` tells whether its buffer belongs to the pool.
    Leaf {
        pooled: bool,
    },
    Elementary(Elementary<F>),
    Fused(Box<dyn Fused<F>>),
}

#[derive(Debug)]
struct Node<F: Real> {
    /// Empty where the value is spikes.
    value: ArrayD<F>,
    spikes: Option<Spikes<F>>,
    gradient: Option<ArrayD<F>>,
    parents: Vec<usize>,
    rule: Rule<F>,
    needs_gradient: bool,
    kept: Kept,
}

/// Whether a node has its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Always,
    /// Not now: its buffer went back to the pool.
    Forgotten,
    /// For the rest of the backward pass down to its own turn.
    Again,
}

/// An append-only record of a computation.
///
/// Values are computed as they are recorded; [`Tape::backward`] walks the list once in reverse and leaves ∂L/∂leaf
/// with every leaf. [`Tape::reset`] empties the list and keeps the buffers.
#[derive(Debug)]
pub struct Tape<F: Real> {
    nodes: Vec<Node<F>>,
    pub(crate) pool: Pool<F>,
    recording: u64,
    recompute: bool,
    part: Option<Part>,
}

/// Every recording of every tape has its own number, so that a stale or foreign [`Var`] is noticed.
static RECORDINGS: AtomicU64 = AtomicU64::new(0);

impl<F: Real> Default for Tape<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Real> Tape<F> {
    /// An empty tape.
    #[must_use]
    pub fn new() -> Self {
        Self {
            nodes: Vec::new(),
            pool: Pool::default(),
            recording: RECORDINGS.fetch_add(1, Ordering::Relaxed),
            recompute: false,
            part: None,
        }
    }

    /// Forgets all values, keeping their buffers for the next recording.
    pub fn reset(&mut self) {
        for node in self.nodes.drain(..) {
            if let Some(gradient) = node.gradient {
                self.pool.give(gradient);
            }
            if let Some(spikes) = node.spikes {
                spikes.recycle(&mut self.pool);
            }
            match node.rule {
                Rule::Leaf { pooled: false } => {}
                Rule::Leaf { pooled: true } => self.pool.give(node.value),
                Rule::Elementary(op) => {
                    op.recycle(&mut self.pool);
                    self.pool.give(node.value);
                }
                Rule::Fused(op) => {
                    op.recycle(&mut self.pool);
                    self.pool.give(node.value);
                }
            }
        }
        self.recording = RECORDINGS.fetch_add(1, Ordering::Relaxed);
    }

    /// A differentiable input: the value is copied in its memory order, [`Tape::gradient`] has its gradient after the backward pass.
    pub fn leaf<S: Data<Elem = F>, D: Dimension>(&mut self, value: &ArrayBase<S, D>) -> Var {
        let value = value.view().into_dyn();
        let mut copy = self.pool.array_like(&value);
        copy.assign(&value);
        self.push(copy, Vec::new(), Rule::Leaf { pooled: true }, true)
    }

    /// An input without gradient. Its memory order is kept and its buffer is dropped on reset.
    pub fn constant<D: Dimension>(&mut self, value: ndarray::Array<F, D>) -> Var {
        self.push(value.into_dyn(), Vec::new(), Rule::Leaf { pooled: false }, false)
    }

    /// An input without gradient whose buffer came from this tape's pool and goes back to it on reset.
    pub fn pooled_constant(&mut self, value: ArrayD<F>) -> Var {
        self.push(value, Vec::new(), Rule::Leaf { pooled: true }, false)
    }

    /// Moves a constant out of the tape, after the backward pass: the caller has his array back, and nothing may use the
    /// variable any more.
    ///
    /// # Panics
    /// If `var` is not a constant, was taken before, or belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn take(&mut self, var: Var) -> ArrayD<F> {
        let index = self.index(var);
        let node = &mut self.nodes[index];
        let is_constant = matches!(node.rule, Rule::Leaf { pooled: false });
        assert!(is_constant && node.kept == Kept::Always, "only a constant can be taken, and once");
        node.kept = Kept::Forgotten;
        std::mem::replace(&mut node.value, ArrayD::zeros(vec![0]))
    }

    /// The value of `var`.
    ///
    /// # Panics
    /// If `var` belongs to another tape or an earlier recording, is forgotten, or is spikes ([`Tape::spikes`]).
    #[must_use]
    #[track_caller]
    pub fn value(&self, var: Var) -> &ArrayD<F> {
        let node = &self.nodes[self.index(var)];
        assert!(node.spikes.is_none(), "spikes have no array: see `SequenceVar::floats` and `Tape::spikes`");
        assert!(
            node.kept != Kept::Forgotten,
            "the value of a variable was asked for that had been forgotten or taken"
        );
        &node.value
    }

    /// The value of `var` if it is spikes.
    ///
    /// # Panics
    /// If `var` belongs to another tape or an earlier recording.
    #[must_use]
    #[track_caller]
    pub fn spikes(&self, var: Var) -> Option<&Spikes<F>> {
        self.nodes[self.index(var)].spikes.as_ref()
    }

    /// ∂L/∂leaf after [`Tape::backward`]; `None` for constants, for values that are not leaves, and for leaves the
    /// loss does not depend on.
    ///
    /// # Panics
    /// If `var` belongs to another tape or an earlier recording.
    #[must_use]
    #[track_caller]
    pub fn gradient(&self, var: Var) -> Option<&ArrayD<F>> {
        self.nodes[self.index(var)].gradient.as_ref()
    }

    /// Whether a gradient flows to `var`.
    ///
    /// # Panics
    /// If `var` belongs to another tape or an earlier recording.
    #[must_use]
    #[track_caller]
    pub fn needs_gradient(&self, var: Var) -> bool {
        self.nodes[self.index(var)].needs_gradient
    }

    /// Records a fused operation: its inputs, the value it computed and what it saved.
    ///
    /// # Panics
    /// If an input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn fused(&mut self, inputs: &[Var], value: ArrayD<F>, op: impl Fused<F> + 'static) -> Var {
        self.record(inputs, value, Rule::Fused(Box::new(op)))
    }

    /// [`Tape::fused`] of an operation whose value is spikes. Their gradient is a sequence of floats.
    ///
    /// # Panics
    /// If an input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn fused_spikes(&mut self, inputs: &[Var], spikes: Spikes<F>, op: impl Fused<F> + 'static) -> Var {
        let var = self.fused(inputs, ArrayD::zeros(vec![0]), op);
        self.nodes[var.index].spikes = Some(spikes);
        var
    }

    #[track_caller]
    pub(crate) fn elementary(&mut self, inputs: &[Var], value: ArrayD<F>, op: Elementary<F>) -> Var {
        self.record(inputs, value, Rule::Elementary(op))
    }

    #[track_caller]
    fn record(&mut self, inputs: &[Var], value: ArrayD<F>, rule: Rule<F>) -> Var {
        let parents: Vec<usize> = inputs.iter().map(|&v| self.index(v)).collect();
        let cut = matches!(rule, Rule::Elementary(Elementary::Detach));
        let needs = !cut && parents.iter().any(|&p| self.nodes[p].needs_gradient);
        self.push(value, parents, rule, needs)
    }

    /// Number of values recorded.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing is recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Buffers for the forward pass of fused operations.
    pub fn pool(&mut self) -> &mut Pool<F> {
        &mut self.pool
    }

    /// The pool beside the values of `inputs`: what a fused forward pass works with.
    ///
    /// # Panics
    /// If an input belongs to another tape or an earlier recording, or is spikes.
    #[track_caller]
    pub fn workspace<const N: usize>(&mut self, inputs: [Var; N]) -> ([&ArrayD<F>; N], &mut Pool<F>) {
        let indices = self.remembered(inputs);
        for i in indices {
            assert!(
                self.nodes[i].spikes.is_none(),
                "an operation over floats has spikes: `SequenceVar::floats`"
            );
        }
        (indices.map(|i| &self.nodes[i].value), &mut self.pool)
    }

    /// [`Tape::workspace`] of an operation whose first input is a sequence, of floats or spikes.
    ///
    /// # Panics
    /// If an input belongs to another tape or an earlier recording, or one of the others is spikes.
    #[track_caller]
    pub fn workspace_of_sequence<const N: usize>(
        &mut self,
        sequence: Var,
        others: [Var; N],
    ) -> (SequenceValues<'_, F>, [&ArrayD<F>; N], &mut Pool<F>) {
        let [index] = self.remembered([sequence]);
        self.remembered(others);
        let Self { nodes, pool, .. } = self;
        let others = others.map(|var| {
            assert!(nodes[var.index].spikes.is_none(), "spikes where floats are needed");
            &nodes[var.index].value
        });
        (SequenceValues::of(&nodes[index].value, nodes[index].spikes.as_ref()), others, pool)
    }

    /// The places of `vars`, whose values are there.
    #[track_caller]
    fn remembered<const N: usize>(&mut self, vars: [Var; N]) -> [usize; N] {
        let indices = vars.map(|v| self.index(v));
        for i in indices {
            self.remember(i);
        }
        indices
    }

    fn push(&mut self, value: ArrayD<F>, parents: Vec<usize>, rule: Rule<F>, needs_gradient: bool) -> Var {
        let spikes = None;
        self.nodes.push(Node {
            value,
            spikes,
            gradient: None,
            parents,
            rule,
            needs_gradient,
            kept: Kept::Always,
        });
        Var { index: self.nodes.len() - 1, recording: self.recording }
    }

    #[track_caller]
    fn index(&self, var: Var) -> usize {
        assert_eq!(
            var.recording, self.recording,
            "a variable of recording {} was used on recording {}",
            var.recording, self.recording
        );
        var.index
    }

    /// Computes ∂`loss`/∂leaf for every leaf. Gradients of inner values are released on the way.
    ///
    /// # Panics
    /// If `loss` is not a single number, or belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn backward(&mut self, loss: Var) {
        let last = self.index(loss);
        assert_eq!(
            self.nodes[last].value.len(),
            1,
            "the loss has shape {:?}",
            self.nodes[last].value.shape()
        );
        let mut one = self.pool.array(self.nodes[last].value.shape());
        one.fill(F::one());
        self.accumulate(last, one);
        for index in (0..=last).rev() {
            if self.nodes[index].parents.is_empty() || !self.nodes[index].needs_gradient {
                continue;
            }
            let Some(gradient) = self.nodes[index].gradient.take() else { continue };
            for k in 0..self.nodes[index].parents.len() {
                self.remember(self.nodes[index].parents[k]);
            }
            self.remember(index);
            let parents = std::mem::take(&mut self.nodes[index].parents);
            for (&parent, part) in parents.iter().zip(self.pull_back(index, &parents, &gradient)) {
                if let Some(part) = part {
                    self.accumulate(parent, part);
                }
            }
            self.nodes[index].parents = parents;
            self.pool.give(gradient);
            if self.nodes[index].kept == Kept::Again {
                self.drop_value(index);
            }
        }
    }

    /// The parts of `gradient` that flow to each parent.
    fn pull_back(&mut self, index: usize, parents: &[usize], gradient: &ArrayD<F>) -> Vec<Option<ArrayD<F>>> {
        let Self { nodes, pool, part, .. } = self;
        let node = &nodes[index];
        let inputs: Vec<&ArrayD<F>> = parents.iter().map(|&p| &nodes[p].value).collect();
        let spikes: Vec<_> = parents.iter().map(|&p| nodes[p].spikes.as_ref()).collect();
        let wanted: Vec<bool> = parents.iter().map(|&p| nodes[p].needs_gradient).collect();
        let reduce = part.as_ref().map(|part| &*part.reduce);
        let (inputs, spikes, wanted) = (&inputs[..], &spikes[..], &wanted[..]);
        let pullback = Pullback { inputs, spikes, output: &node.value, gradient, wanted, reduce, pool };
        let (name, parts) = match &node.rule {
            Rule::Elementary(op) => (op.name(), rules::backward(op, pullback)),
            Rule::Fused(op) => (op.name(), op.backward(pullback)),
            Rule::Leaf { .. } => unreachable!("a leaf has no parents"),
        };
        assert_eq!(
            parts.len(),
            parents.len(),
            "{name}: {} gradients for {} inputs",
            parts.len(),
            parents.len()
        );
        for (k, (part, input)) in parts.iter().zip(inputs).enumerate() {
            let Some(part) = part else { continue };
            let of_spikes = spikes[k].map(|spikes| spikes.shape().dim());
            let expected = of_spikes.as_ref().map_or(input.shape(), |dim| &dim[..]);
            assert_eq!(part.shape(), expected, "{name}: shape of the gradient of input {k}");
        }
        parts
    }

    fn accumulate(&mut self, index: usize, part: ArrayD<F>) {
        let node = &mut self.nodes[index];
        if !node.needs_gradient {
            self.pool.give(part);
            return;
        }
        match &mut node.gradient {
            Some(sum) => {
                *sum += &part;
                self.pool.give(part);
            }
            none => *none = Some(part),
        }
    }
}
