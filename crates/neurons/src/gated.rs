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
//! use colearn_neurons::{GatedModel, GatedUnit, scan_gated};
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
mod kernels;
mod step;

use crate::chunk::{Drives, check_drives};
use crate::norm::{BatchNorm, Normalisation, affine_gradients};
use crate::recurrent::{blocks, count, unpack_units};
use crate::shape::Shape;
pub use activation::Activation;
use colearn_tape::layout::{matrix, sequence, vector};
use colearn_tape::product::{self, Form};
use colearn_tape::simd::dispatch;
use colearn_tape::{Fused, LANES, Lanes, Pool, Pullback, Real, Tape, Var, layout};
use kernels::{BackwardBlock, ForwardBlock};
use ndarray::{Array2, Array3, ArrayD, ArrayRef2, ArrayRef3, ArrayView2, Axis, s};
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
fn shape<F>(unit: GatedUnit, input: &ArrayRef3<F>, recurrent: &ArrayRef2<F>) -> Shape {
    let (steps, batch, rows) = input.dim();
    let units = recurrent.nrows();
    check_weights(unit, units, recurrent);
    assert_eq!(rows, unit.model.gates() * units, "{}: currents and units", unit.model.name());
    Shape { steps, batch, units }
}

/// Records a gated layer over `input` I (T, B, G·N) with recurrent weights V (N, G·N) and returns h (T, B, N).
///
/// # Panics
/// If shapes do not fit, or a variable belongs to another tape or an earlier recording.
#[track_caller]
pub fn scan_gated<F: Real>(tape: &mut Tape<F>, unit: GatedUnit, input: Var, recurrent: Var) -> Var {
    record(tape, unit, input, None, recurrent)
}

/// Records a gated layer over the normalised `input` (T, B, G·N), as [`crate::scan_normalised`] does a neuron: `norm`
/// holds the statistics of that input; `gain` and `bias` are vectors of G·N values.
///
/// # Panics
/// If shapes do not fit, gain or bias is forgotten, or a variable belongs to another tape or an earlier recording.
#[track_caller]
pub fn scan_gated_normalised<F: Real>(
    tape: &mut Tape<F>,
    unit: GatedUnit,
    input: Var,
    [gain, bias]: [Var; 2],
    norm: BatchNorm<F>,
    recurrent: Var,
) -> Var {
    let norm = Normalisation::new(norm, &vector(tape.value(gain)), &vector(tape.value(bias)));
    record(tape, unit, input, Some(([gain, bias], norm)), recurrent)
}

/// Records a gated layer; with a normalisation of its input, gain and bias come along.
#[track_caller]
fn record<F: Real>(
    tape: &mut Tape<F>,
    unit: GatedUnit,
    input: Var,
    norm: Option<([Var; 2], Normalisation<F>)>,
    recurrent: Var,
) -> Var {
    let (affine, norm) = norm.unzip();
    let ([input_value, weights], pool) = tape.workspace([input, recurrent]);
    let drives = norm.as_ref().map(Normalisation::drives);
    let (output, gates) = run(unit, &sequence(input_value), drives, &matrix(weights), true, pool);
    let inputs: Vec<Var> = [input, recurrent].into_iter().chain(affine.into_iter().flatten()).collect();
    tape.fused(&inputs, output.into_dyn(), GatedScan { unit, norm, gates })
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
    let (output, gates) = run(unit, input, None, recurrent, false, pool);
    pool.give_lanes(gates);
    output
}

/// Output, and candidates and gates (block, T, G·N) of all steps or of the last one. `drives` make currents of the input.
#[track_caller]
fn run<F: Real>(
    unit: GatedUnit,
    input: &ArrayRef3<F>,
    drives: Drives<'_, F>,
    recurrent: &ArrayRef2<F>,
    keep: bool,
    pool: &mut Pool<F>,
) -> (Array3<F>, Vec<Lanes<F>>) {
    let shape = shape(unit, input, recurrent);
    let Shape { steps, batch, units } = shape;
    let of_gates = unit.model.gates() * units;
    check_drives(drives, of_gates);
    let mut output = pool.sequence(steps, batch, units);
    if shape.len() == 0 {
        return (output, Vec::new());
    }
    let (all, kept) = (blocks(shape), if keep { steps } else { 1 });
    let rows = kept * of_gates;
    let mut gates = pool.take_lanes(all * rows);
    let mut outputs = pool.take_lanes(all * steps * units);
    let mut scratch = pool.take_lanes(all * units);
    let mut weights = pool.take(recurrent.len());
    weights.iter_mut().zip(recurrent.t()).for_each(|(to, &v)| *to = v);
    let input = layout::to_units(input, pool);
    let currents = layout::units(&input).expect("the copy is unit-major");
    let buffers = gates.par_chunks_mut(rows).zip(scratch.par_chunks_mut(units));
    outputs.par_chunks_mut(steps * units).zip(buffers).enumerate().for_each(
        |(k, (outputs, (gates, scratch)))| {
            let (start, count) = (k * LANES, count(shape, k));
            let (weights, input) = (&weights[..], currents);
            dispatch(ForwardBlock {
                unit,
                weights,
                shape,
                start,
                count,
                drives,
                input,
                kept,
                gates,
                scratch,
                outputs,
            });
        },
    );
    layout::release(input, pool);
    unpack_units(&outputs, shape, layout::units_mut(&mut output).expect("made unit-major"));
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
    norm: Option<Normalisation<F>>,
    /// (block, T, G·N).
    gates: Vec<Lanes<F>>,
}

impl<F: Real> Fused<F> for GatedScan<F> {
    fn name(&self) -> &'static str {
        self.unit.model.name()
    }

    fn backward(&self, pullback: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let Pullback { inputs, output, gradient, wanted, reduce, pool } = pullback;
        let (x, recurrent) = (sequence(inputs[0]), matrix(inputs[1]));
        let shape = shape(self.unit, &x, &recurrent);
        let rows = self.unit.model.gates() * shape.units;
        let (output, gradient) = (sequence(output), sequence(gradient));
        let (output, gradient) = (layout::to_units(&output, pool), layout::to_units(&gradient, pool));
        let h = layout::units(&output).expect("the copy is unit-major");
        let above = layout::units(&gradient).expect("the copy is unit-major");
        let mut to_input = pool.sequence(shape.steps, shape.batch, rows);
        let g_input = layout::units_mut(&mut to_input).expect("made unit-major");
        let kept = self.pull_back(&recurrent, [h, above], g_input, pool, shape);
        let to_recurrent =
            wanted[1].then(|| weight_gradient(h, kept.as_deref(), g_input, shape, rows, pool).into_dyn());
        layout::release(output, pool);
        layout::release(gradient, pool);
        if let Some(kept) = kept {
            pool.give_vec(kept);
        }
        let affine = self.norm.as_ref().map(|norm| {
            let mut sums = vec![[F::zero(); 2]; rows];
            let x = layout::to_units(&x, pool);
            let by_unit = layout::units(&x).expect("the copy is unit-major");
            norm.pull_back(by_unit, g_input, &mut sums, reduce);
            layout::release(x, pool);
            affine_gradients(&sums, [wanted[2], wanted[3]], pool)
        });
        let to_input = if wanted[0] {
            Some(to_input.into_dyn())
        } else {
            pool.give(to_input);
            None
        };
        [to_input, to_recurrent].into_iter().chain(affine.into_iter().flatten()).collect()
    }

    fn recycle(self: Box<Self>, pool: &mut Pool<F>) {
        pool.give_lanes(self.gates);
    }
}

impl<F: Real> GatedScan<F> {
    /// Writes ∂L/∂I to `g_input` and returns r ⊙ h[t−1] of a model with resets, from h and ∂L/∂h; all are unit-major.
    fn pull_back(
        &self,
        recurrent: &ArrayRef2<F>,
        [output, gradient]: [&[F]; 2],
        g_input: &mut [F],
        pool: &mut Pool<F>,
        shape: Shape,
    ) -> Option<Vec<F>> {
        let (unit, Shape { steps, units, .. }) = (self.unit, shape);
        let has_resets = unit.model == GatedModel::Gru;
        let of_gates = Shape { units: unit.model.gates() * units, ..shape };
        let rows = steps * of_gates.units;
        let mut unpacked = has_resets.then(|| pool.take(shape.len()));
        if shape.len() == 0 {
            return unpacked;
        }
        let mut weights = pool.take(recurrent.len());
        let (candidates, gates) = recurrent.view().split_at(Axis(1), units);
        weights.iter_mut().zip(candidates.iter().chain(&gates)).for_each(|(to, &v)| *to = v);
        let all = blocks(shape);
        let mut currents = pool.take_lanes(all * rows);
        // Without resets nothing is written: one number a block.
        let kept_rows = if has_resets { steps * units } else { 1 };
        let mut kept = pool.take_lanes(all * kept_rows);
        let mut scratch = pool.take_lanes(all * 3 * units);
        let buffers = kept.par_chunks_mut(kept_rows).zip(scratch.par_chunks_mut(3 * units));
        let saved = self.gates.par_chunks(rows);
        currents.par_chunks_mut(rows).zip(saved).zip(buffers).enumerate().for_each(
            |(k, ((g_input, gates), (kept, scratch)))| {
                let (start, count, weights) = (k * LANES, count(shape, k), &weights[..]);
                dispatch(BackwardBlock {
                    unit,
                    weights,
                    shape,
                    start,
                    count,
                    gates,
                    output,
                    gradient,
                    g_input,
                    kept,
                    scratch,
                });
            },
        );
        unpack_units(&currents, of_gates, g_input);
        if let Some(unpacked) = &mut unpacked {
            unpack_units(&kept, shape, unpacked);
        }
        pool.give_lanes(currents);
        pool.give_lanes(kept);
        pool.give_lanes(scratch);
        pool.give_vec(weights);
        unpacked
    }
}

/// ∂L/∂V (N, G·N) from h, r ⊙ h[t−1] if there are resets, and ∂L/∂I, which has `rows` = G·N rows, all unit-major: a unit
/// is a row whose columns are the steps of all samples, so that one step later is B columns further.
fn weight_gradient<F: Real>(
    h: &[F],
    kept: Option<&[F]>,
    g_input: &[F],
    shape: Shape,
    rows: usize,
    pool: &mut Pool<F>,
) -> Array2<F> {
    let (units, block, batch) = (shape.units, shape.block(), shape.batch);
    let buffer = pool.take(units * rows);
    let mut gradient = Array2::from_shape_vec((units, rows), buffer).expect("the buffer has the length of V");
    gradient.fill(F::zero());
    if shape.steps < 2 || h.is_empty() {
        return gradient;
    }
    let matrix = |data, n| ArrayView2::from_shape((n, block), data).expect("a row a unit");
    let before = matrix(h, units).slice_move(s![.., ..block - batch]);
    let after = matrix(g_input, rows).slice_move(s![.., batch..]);
    let (mut to_candidates, mut to_gates) = gradient.view_mut().split_at(Axis(1), units);
    let (g_candidates, g_gates) = after.split_at(Axis(0), units);
    // States of layers without spikes are hardly ever zero.
    let kept = kept.map(|kept| matrix(kept, units).slice_move(s![.., batch..]));
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
