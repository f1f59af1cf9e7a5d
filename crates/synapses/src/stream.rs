//! One step at a time, event-driven.
//!
//! A [`DelayLine`] holds the currents of the next D + 1 steps, a ring of (D + 1) × J sums. A presynaptic event at unit i
//! adds its weights W[i, ·] where the delays d[i, ·] put them; silent units cost nothing. Equal to the layer over the
//! whole sequence (up to the order of additions).

use crate::Interpolation;
use crate::interpolation::taps;
use colearn_tape::Real;
use ndarray::ArrayRef2;

/// One entry of a synapse: where it lands and with which weight.
#[derive(Clone, Copy, Debug)]
struct Landing<F> {
    lag: usize,
    unit: usize,
    weight: F,
}

/// The future currents of one layer for one sample.
#[derive(Clone, Debug)]
pub struct DelayLine<F> {
    /// Landings of each presynaptic unit.
    landings: Vec<Vec<Landing<F>>>,
    ring: Vec<F>,
    outputs: usize,
    position: usize,
}

impl<F: Real> DelayLine<F> {
    /// A line for synapses of weight and delay (I, J), delays clamped to [0, `max_delay`].
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn new(
        weight: &ArrayRef2<F>,
        delay: &ArrayRef2<F>,
        max_delay: usize,
        interpolation: Interpolation,
        spread: F,
    ) -> Self {
        assert_eq!(weight.dim(), delay.dim(), "delayed synapse: shapes of weight and delay");
        let mut kappa = vec![F::zero(); max_delay + 1];
        let mut slope = kappa.clone();
        let mut landings = vec![Vec::new(); weight.nrows()];
        for ((i, j), &weight) in weight.indexed_iter() {
            let used = delay[[i, j]].max(F::zero()).min(F::of(max_delay as f64));
            taps(interpolation, used, spread, &mut kappa, &mut slope);
            let hits = kappa.iter().enumerate().filter(|(_, tap)| **tap != F::zero());
            landings[i].extend(hits.map(|(lag, &tap)| Landing { lag, unit: j, weight: weight * tap }));
        }
        let outputs = weight.ncols();
        Self { landings, ring: vec![F::zero(); (max_delay + 1) * outputs], outputs, position: 0 }
    }

    /// A line without delays.
    #[must_use]
    pub fn dense(weight: &ArrayRef2<F>) -> Self {
        let row = |i: usize| {
            (0..weight.ncols()).map(move |j| Landing { lag: 0, unit: j, weight: weight[[i, j]] }).collect()
        };
        let landings = (0..weight.nrows()).map(row).collect();
        Self { landings, ring: vec![F::zero(); weight.ncols()], outputs: weight.ncols(), position: 0 }
    }

    /// Takes the input of this step (I values) and writes the current of this step (J values).
    ///
    /// # Panics
    /// If a slice has the wrong length.
    #[track_caller]
    pub fn step(&mut self, input: &[F], current: &mut [F]) {
        assert_eq!(input.len(), self.landings.len(), "inputs of a delay line");
        assert_eq!(current.len(), self.outputs, "outputs of a delay line");
        let slots = self.ring.len() / self.outputs.max(1);
        for (landings, &x) in self.landings.iter().zip(input).filter(|(_, x)| **x != F::zero()) {
            for landing in landings {
                let slot = (self.position + landing.lag) % slots;
                self.ring[slot * self.outputs + landing.unit] += landing.weight * x;
            }
        }
        let now = &mut self.ring[self.position * self.outputs..][..self.outputs];
        current.copy_from_slice(now);
        now.fill(F::zero());
        self.position = (self.position + 1) % slots.max(1);
    }

    /// Forgets everything on its way.
    pub fn reset(&mut self) {
        self.ring.fill(F::zero());
        self.position = 0;
    }
}
