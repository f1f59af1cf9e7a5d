//! Recurrent layers without spikes, as baselines: the plain RNN, the light gated unit and the gated unit.
//!
//! ```text
//! RNN     h[t] = φ(I_c[t] + h[t−1] V_c)
//! LiGRU   z[t] = σ(I_z[t] + h[t−1] V_z),   c[t] = φ(I_c[t] + h[t−1] V_c),   h[t] = z h[t−1] + (1 − z) c
//! GRU     z as above,   r[t] = σ(I_r[t] + h[t−1] V_r),   c[t] = φ(I_c[t] + (r ⊙ h[t−1]) V_c),   h as above
//! ```
//!
//! J. Elman 1990; M. Ravanelli et al. 2018 (no reset gate, φ = max(0, ·), normalised inputs); K. Cho et al. 2014 (the
//! reset is applied before the product), all three in the form in which A. Bittar, P. Garner 2022 compare them with
//! spiking layers. Their RNN has the logistic φ; here the default is tanh.
//!
//! | symbol | meaning | shape |
//! | --- | --- | --- |
//! | G | 1, 2 or 3: candidate, update, reset | – |
//! | I = (I_c, I_z, I_r) | input currents, after normalisation | (T, B, G·N) |
//! | V = (V_c, V_z, V_r) | recurrent weights, from row to column, diagonal included | (N, G·N) |
//! | h | output, which is the state; h is zero before the first step | (T, B, N) |
//!
//! Backward, t from T − 1 down, with ĥ = ∂L/∂h[t] (from above and from t + 1) and h = h[t−1]:
//!
//! ```text
//! ĉ = ĥ (1 − z) φ′,   ẑ = ĥ (h − c) z (1 − z),   k = V_c ĉ,   r̂ = k h r (1 − r)       ∂L/∂I = (ĉ, ẑ, r̂)
//! ∂L/∂h[t−1] = ĥ z + r k + V_z ẑ + V_r r̂                                             (r = 1 without resets)
//! ∂L/∂V_c = Σ (r h)ᵀ ĉ,   ∂L/∂V_z = Σ hᵀ ẑ,   ∂L/∂V_r = Σ hᵀ r̂                       over steps and samples
//! ```
//!
//! The loops are those of a recurrent spiking layer (`recurrent.rs`): a task is a block of sixteen samples, time runs
//! outside and units inside, and candidates and gates are saved for the way back. Work: 2·G·steps·batch·units² for the
//! products, three times with the backward pass.
//!
//! ```
//! use colearn_layers::{GatedModel, GatedUnit, scan_gated};
//! use colearn_tape::Tape;
//! use ndarray::{Array2, Array3};
//!
//! let unit = GatedUnit::new(GatedModel::Gru);
//! let mut tape = Tape::<f64>::new();
//! let current = tape.leaf(&Array3::from_elem((20, 1, 3 * 2), 0.5));
//! let recurrent = tape.leaf(&Array2::from_elem((2, 3 * 2), 0.1));
//! let h = scan_gated(&mut tape, unit, current, recurrent);
//! assert_eq!(tape.value(h).shape(), [20, 1, 2]);
//! let loss = tape.sum(h);
//! tape.backward(loss);
//! assert!(tape.gradient(recurrent).is_some() && tape.gradient(current).is_some());
//! ```

mod activation;
mod buffers;
mod kernels;
mod step;

use crate::recurrent::{shifted, unpack};
pub use activation::Activation;
pub use buffers::gated_buffers;
use colearn_neurons::BatchNorm;
use colearn_neurons::driver::{Drives, Normalisation, affine_gradients, check_drives};
use colearn_tape::layout::{matrix, vector};
use colearn_tape::product::{self, Form};
use colearn_tape::sequence::values;
use colearn_tape::simd::dispatch;
use colearn_tape::{
    Fused, Lanes, Pool, Pullback, Real, Sequence, SequenceShape, SequenceVar, Signal, Tape, Var,
};
use kernels::{BackwardBlock, ForwardBlock};
use ndarray::{Array2, Array3, ArrayD, ArrayRef2, ArrayRef3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
pub use step::GatedStep;

/// A recurrent layer without spikes. In configurations it is known by its [`GatedModel::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatedModel {
    /// No gate.
    Rnn,
    /// An update gate.
    Ligru,
    /// Update and reset gates.
    Gru,
}

impl GatedModel {
    /// Every model.
    pub const ALL: [Self; 3] = [Self::Rnn, Self::Ligru, Self::Gru];

    /// The name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rnn => "rnn",
            Self::Ligru => "ligru",
            Self::Gru => "gru",
        }
    }

    /// G, the currents of a unit: one for its candidate and one for each gate.
    #[must_use]
    pub fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Ligru => 2,
            Self::Gru => 3,
        }
    }

    /// φ in the model's source: tanh, but max(0, ·) for the light gated unit.
    #[must_use]
    pub fn usual_activation(self) -> Activation {
        match self {
            Self::Rnn | Self::Gru => Activation::Tanh,
            Self::Ligru => Activation::Relu,
        }
    }
}

/// A model with its φ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GatedUnit {
    /// Which gates there are.
    pub model: GatedModel,
    /// φ.
    pub activation: Activation,
}

impl GatedUnit {
    /// The model with its usual φ.
    #[must_use]
    pub fn new(model: GatedModel) -> Self {
        Self { model, activation: model.usual_activation() }
    }
}

/// Checks that V is made for `units` units.
#[track_caller]
fn check_weights<F>(unit: GatedUnit, units: usize, recurrent: &ArrayRef2<F>) {
    let expected = (units, unit.model.gates() * units);
    assert_eq!(recurrent.dim(), expected, "{}: shape of the recurrent weights", unit.model.name());
}

/// The size of the output, after a check that input and V are made for each other.
#[track_caller]
fn shape<F>(unit: GatedUnit, input: SequenceShape, recurrent: &ArrayRef2<F>) -> SequenceShape {
    let units = recurrent.nrows();
    check_weights(unit, units, recurrent);
    assert_eq!(input.units, unit.model.gates() * units, "{}: currents and units", unit.model.name());
    input.with_units(units)
}

/// Records a gated layer over `input` I (T, B, G·N) with recurrent weights V (N, G·N) and returns h (T, B, N), both
/// arrays or both sequences ([`Signal`]).
///
/// # Panics
/// If shapes do not fit, or a variable belongs to another tape or an earlier recording.
#[track_caller]
pub fn scan_gated<F: Real, S: Signal>(tape: &mut Tape<F>, unit: GatedUnit, input: S, recurrent: Var) -> S {
    record(tape, unit, input, None, recurrent)
}

/// Records a gated layer over the normalised `input` (T, B, G·N), as [`crate::scan_normalised`] does a neuron: `norm`
/// holds the statistics of that input; `gain` and `bias` are vectors of G·N values.
///
/// # Panics
/// If shapes do not fit, gain or bias is forgotten, or a variable belongs to another tape or an earlier recording.
#[track_caller]
pub fn scan_gated_normalised<F: Real, S: Signal>(
    tape: &mut Tape<F>,
    unit: GatedUnit,
    input: S,
    [gain, bias]: [Var; 2],
    norm: BatchNorm<F>,
    recurrent: Var,
) -> S {
    let norm = Normalisation::new(norm, &vector(tape.value(gain)), &vector(tape.value(bias)));
    record(tape, unit, input, Some(([gain, bias], norm)), recurrent)
}

/// Records a gated layer; with a normalisation of its input, gain and bias come along.
#[track_caller]
fn record<F: Real, S: Signal>(
    tape: &mut Tape<F>,
    unit: GatedUnit,
    input: S,
    norm: Option<([Var; 2], Normalisation<F>)>,
    recurrent: Var,
) -> S {
    let input = input.enter(tape);
    let shape = input.shape(tape);
    let (affine, norm) = norm.unzip();
    let ([input_value, weights], pool) = tape.workspace([input.var, recurrent]);
    let drives = norm.as_ref().map(Normalisation::drives);
    let of_input = (shape, values(input_value));
    let (output, gates) = run(unit, of_input, drives, &matrix(weights), true, pool);
    let inputs: Vec<Var> = [input.var, recurrent].into_iter().chain(affine.into_iter().flatten()).collect();
    let op = GatedScan { unit, batch: shape.batch, norm, gates };
    let var = tape.fused(&inputs, output.into_value(), op);
    S::leave(SequenceVar { var, batch: shape.batch }, tape)
}

/// The output h (T, B, N) of a gated layer over `input` I (T, B, G·N), with nothing kept. The result may be given back
/// to `pool`.
///
/// # Panics
/// If shapes do not fit.
#[track_caller]
pub fn infer_gated<F: Real>(
    unit: GatedUnit,
    input: &ArrayRef3<F>,
    recurrent: &ArrayRef2<F>,
    pool: &mut Pool<F>,
) -> Array3<F> {
    Sequence::over_array(input, pool, |input, pool| infer_gated_sequence(unit, input, None, recurrent, pool))
}

/// [`infer_gated`] of a sequence: of currents scale · x + shift where `affine` holds G·N scales and G·N shifts.
///
/// # Panics
/// If shapes do not fit.
#[track_caller]
pub fn infer_gated_sequence<F: Real>(
    unit: GatedUnit,
    input: &Sequence<F>,
    affine: Option<[&[F]; 2]>,
    recurrent: &ArrayRef2<F>,
    pool: &mut Pool<F>,
) -> Sequence<F> {
    let of_input = (input.shape(), input.values());
    let (output, gates) = run(unit, of_input, affine.map(Into::into), recurrent, false, pool);
    pool.give_lanes(gates);
    output
}

/// Output, and candidates and gates (block, T, G·N) of all steps or of the last one. `drives` make currents of the input.
#[track_caller]
fn run<F: Real>(
    unit: GatedUnit,
    (of_input, input): (SequenceShape, &[F]),
    drives: Drives<'_, F>,
    recurrent: &ArrayRef2<F>,
    keep: bool,
    pool: &mut Pool<F>,
) -> (Sequence<F>, Vec<Lanes<F>>) {
    let shape = shape(unit, of_input, recurrent);
    let SequenceShape { steps, units, .. } = shape;
    check_drives(drives, of_input.units);
    let mut output = Sequence::taken(shape, pool);
    if shape.is_empty() {
        return (output, Vec::new());
    }
    let (all, kept) = (shape.blocks(), if keep { steps } else { 1 });
    let rows = kept * of_input.units;
    let mut gates = pool.take_lanes(all * rows);
    let mut outputs = pool.take_lanes(all * steps * units);
    let mut scratch = pool.take_lanes(all * units);
    let mut weights = pool.take(recurrent.len());
    weights.iter_mut().zip(recurrent.t()).for_each(|(to, &v)| *to = v);
    let weights_ref = &weights[..];
    let buffers = gates.par_chunks_mut(rows).zip(scratch.par_chunks_mut(units));
    let blocks = outputs.par_chunks_mut(steps * units).zip(input.par_chunks(of_input.block_len()));
    blocks.zip(buffers).for_each(|((outputs, input), (gates, scratch))| {
        let weights = weights_ref;
        dispatch(ForwardBlock { unit, weights, shape, drives, input, kept, gates, scratch, outputs });
    });
    unpack(&outputs, shape, output.values_mut());
    pool.give_lanes(outputs);
    pool.give_lanes(scratch);
    pool.give_vec(weights);
    (output, gates)
}

/// A gated layer on a tape, with its candidates and gates. Its variables: the input, V, and gain and bias if it is
/// normalised.
#[derive(Debug)]
struct GatedScan<F> {
    unit: GatedUnit,
    batch: usize,
    norm: Option<Normalisation<F>>,
    /// (block, T, G·N).
    gates: Vec<Lanes<F>>,
}

impl<F: Real> Fused<F> for GatedScan<F> {
    fn name(&self) -> &'static str {
        self.unit.model.name()
    }

    fn backward(&self, pullback: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let Pullback { inputs, output, gradient, wanted, reduce, pool, .. } = pullback;
        let (recurrent, of_input) = (matrix(inputs[1]), SequenceShape::of(inputs[0], self.batch));
        let shape = shape(self.unit, of_input, &recurrent);
        let (h, above) = (values(output), values(gradient));
        let mut to_input = Sequence::taken(of_input, pool);
        let g_input = to_input.values_mut();
        let kept = self.pull_back(&recurrent, [h, above], g_input, pool, shape);
        let to_recurrent =
            wanted[1].then(|| weight_gradient(h, kept.as_deref(), g_input, shape, of_input, pool).into_dyn());
        if let Some(kept) = kept {
            pool.give_vec(kept);
        }
        let affine = self.norm.as_ref().map(|norm| {
            let mut sums = vec![[F::zero(); 2]; of_input.units];
            norm.pull_back(of_input, values(inputs[0]), g_input, &mut sums, reduce);
            affine_gradients(&sums, [wanted[2], wanted[3]], pool)
        });
        let to_input = if wanted[0] {
            Some(to_input.into_value())
        } else {
            to_input.recycle(pool);
            None
        };
        [to_input, to_recurrent].into_iter().chain(affine.into_iter().flatten()).collect()
    }

    fn recycle(self: Box<Self>, pool: &mut Pool<F>) {
        pool.give_lanes(self.gates);
    }
}

impl<F: Real> GatedScan<F> {
    /// Writes ∂L/∂I to `g_input` and returns r ⊙ h[t−1] of a model with resets, from h and ∂L/∂h; all are sequences.
    fn pull_back(
        &self,
        recurrent: &ArrayRef2<F>,
        [output, gradient]: [&[F]; 2],
        g_input: &mut [F],
        pool: &mut Pool<F>,
        shape: SequenceShape,
    ) -> Option<Vec<F>> {
        let (unit, SequenceShape { steps, units, .. }) = (self.unit, shape);
        let has_resets = unit.model == GatedModel::Gru;
        let of_gates = shape.with_units(unit.model.gates() * units);
        let rows = steps * of_gates.units;
        let mut unpacked = has_resets.then(|| pool.take(shape.len()));
        if shape.is_empty() {
            return unpacked;
        }
        let mut weights = pool.take(recurrent.len());
        let (candidates, gates) = recurrent.view().split_at(Axis(1), units);
        weights.iter_mut().zip(candidates.iter().chain(&gates)).for_each(|(to, &v)| *to = v);
        let all = shape.blocks();
        let mut currents = pool.take_lanes(all * rows);
        // Without resets nothing is written: one number a block.
        let kept_rows = if has_resets { steps * units } else { 1 };
        let mut kept = pool.take_lanes(all * kept_rows);
        let mut scratch = pool.take_lanes(all * 3 * units);
        let buffers = kept.par_chunks_mut(kept_rows).zip(scratch.par_chunks_mut(3 * units));
        let saved = self.gates.par_chunks(rows);
        let of_blocks = output.par_chunks(shape.block_len()).zip(gradient.par_chunks(shape.block_len()));
        let weights_ref = &weights[..];
        currents.par_chunks_mut(rows).zip(saved).zip(buffers).zip(of_blocks).for_each(
            |(((g_input, gates), (kept, scratch)), (output, gradient))| {
                let weights = weights_ref;
                dispatch(BackwardBlock {
                    unit,
                    weights,
                    shape,
                    gates,
                    output,
                    gradient,
                    g_input,
                    kept,
                    scratch,
                });
            },
        );
        unpack(&currents, of_gates, g_input);
        if let Some(unpacked) = &mut unpacked {
            unpack(&kept, shape, unpacked);
        }
        pool.give_lanes(currents);
        pool.give_lanes(kept);
        pool.give_lanes(scratch);
        pool.give_vec(weights);
        unpacked
    }
}

/// ∂L/∂V (N, G·N) from h, r ⊙ h[t−1] if there are resets, and ∂L/∂I of shape `of_gates`: a unit is a row whose columns are
/// the steps of a block.
fn weight_gradient<F: Real>(
    h: &[F],
    kept: Option<&[F]>,
    g_input: &[F],
    shape: SequenceShape,
    of_gates: SequenceShape,
    pool: &mut Pool<F>,
) -> Array2<F> {
    let (units, rows) = (shape.units, of_gates.units);
    let buffer = pool.take(units * rows);
    let mut gradient = Array2::from_shape_vec((units, rows), buffer).expect("the buffer has the length of V");
    gradient.fill(F::zero());
    if shape.steps < 2 || shape.is_empty() {
        return gradient;
    }
    let [before, after] = shifted(h, g_input, shape, of_gates);
    let (mut to_candidates, mut to_gates) = gradient.view_mut().split_at(Axis(1), units);
    let (g_candidates, g_gates) = after.split_at(Axis(1), units);
    // r ⊙ h[t−1] is already that of the step before.
    let kept = kept.map(|kept| shifted(kept, kept, shape, shape)[1]);
    // States of layers without spikes are hardly ever zero.
    product::over_columns(
        Form::Dense,
        kept.as_ref().unwrap_or(&before),
        &g_candidates,
        &mut to_candidates,
        pool,
    );
    product::over_columns(Form::Dense, &before, &g_gates, &mut to_gates, pool);
    gradient
}
