//! Learning rates over the steps: a factor on the largest rate.
//!
//! | kind | factor in step s of S |
//! |---|---|
//! | constant | 1 |
//! | cosine | (1 + cos(π s / S)) / 2: Loshchilov & Hutter (2017), arXiv:1608.03983, without restarts |
//! | one-cycle | 1/d₀ up to 1 in the first steps, then down to 1/(d₀ d₁), both along half a cosine: Smith & Topin (2018), arXiv:1708.07120, as in PyTorch's `OneCycleLR` |
//! | plateau | multiplied by a factor whenever the validation loss has not fallen for some epochs, as in PyTorch's `ReduceLROnPlateau` (relative threshold 1e-4) |
//!
//! PyTorch's `OneCycleLR` also moves β₁ of Adam against the rate unless it is told not to: down from 0.95 to 0.85 while the
//! rate rises, and up again. Here β₁ stays as configured, but with `schedule.cycle_beta1` ([`Schedule::beta1`]).
//!
//! ```
//! use colearn_optim::{Schedule, ScheduleConfig, ScheduleKind};
//!
//! let shape = ScheduleConfig { rise_share: 0.5, start_divisor: 10.0, ..ScheduleConfig::default() };
//! let rates = Schedule::new(ScheduleKind::OneCycle, shape, 101);
//! assert!((rates.factor(0) - 0.1).abs() < 1e-12);
//! let peak = (0..101).map(|s| rates.factor(s)).fold(0.0, f64::max);
//! assert!((peak - 1.0).abs() < 1e-3);
//! assert!(rates.factor(100) < 1e-4);
//! ```

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// A loss must fall below this share of the best one to count as an improvement.
const THRESHOLD: f64 = 1.0 - 1e-4;

/// The schedules: see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Always the same rate.
    Constant,
    /// Down to 0 along half a cosine.
    Cosine,
    /// Up, then down to almost 0.
    OneCycle,
    /// Down by a factor when the validation loss no longer falls.
    Plateau,
}

/// The numbers of the schedules; each kind uses its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// One-cycle: share of all steps in which the rate rises. Range: 0 to 1. Unit: none. Source: Smith & Topin 2018,
    /// PyTorch.
    pub rise_share: f64,
    /// One-cycle: the first rate is the largest one divided by this. Range: at least 1. Unit: none. Source: PyTorch.
    pub start_divisor: f64,
    /// One-cycle: the last rate is the first one divided by this. Range: at least 1. Unit: none. Source: PyTorch.
    pub final_divisor: f64,
    /// One-cycle: whether the decay `beta1` moves too, down from `beta1_ends` to `beta1_peak` while the rate rises, and up
    /// again. Range: `true`, `false`. Source: off is our choice; PyTorch's default is on.
    pub cycle_beta1: bool,
    /// One-cycle with `cycle_beta1`: the decay in the first and the last step. Range: 0 to below 1. Unit: none. Source:
    /// PyTorch.
    pub beta1_ends: f64,
    /// One-cycle with `cycle_beta1`: the decay where the rate is largest. Range: 0 to below 1. Unit: none. Source: PyTorch.
    pub beta1_peak: f64,
    /// Plateau: factor on the rate. Range: above 0 to below 1. Unit: none. Source: own choice.
    pub factor: f64,
    /// Plateau: epochs without a lower validation loss that are tolerated. Range: at least 0. Unit: epochs. Source: own
    /// choice.
    pub patience: usize,
    /// Plateau: smallest factor on the largest rate. Range: 0 to 1. Unit: none. Source: own choice.
    pub floor: f64,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            rise_share: 0.3,
            start_divisor: 25.0,
            final_divisor: 1e4,
            cycle_beta1: false,
            beta1_ends: 0.95,
            beta1_peak: 0.85,
            factor: 0.5,
            patience: 5,
            floor: 1e-3,
        }
    }
}

/// A learning-rate schedule over a known number of steps.
#[derive(Debug, Clone)]
pub struct Schedule {
    kind: ScheduleKind,
    shape: ScheduleConfig,
    steps: u64,
    state: ScheduleState,
}

/// What a schedule remembers: only the plateau rule remembers anything.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScheduleState {
    /// Present factor of the plateau rule.
    pub factor: f64,
    /// Lowest validation loss so far.
    pub best: Option<f64>,
    /// Epochs since then, or since the last reduction.
    pub waiting: usize,
}

impl Schedule {
    /// A schedule of `kind` over `steps` steps in all; `shape` holds the numbers of every kind.
    #[must_use]
    pub fn new(kind: ScheduleKind, shape: ScheduleConfig, steps: u64) -> Self {
        Self { kind, shape, steps, state: ScheduleState { factor: 1.0, best: None, waiting: 0 } }
    }

    /// The factor on the largest learning rate in step `step`, counted from 0.
    #[must_use]
    pub fn factor(&self, step: u64) -> f64 {
        let step = step as f64;
        match self.kind {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Cosine => cosine(1.0, 0.0, step / self.steps.max(1) as f64),
            ScheduleKind::OneCycle => self.one_cycle(step),
            ScheduleKind::Plateau => self.state.factor,
        }
    }

    /// β₁ of the optimiser in step `step`, counted from 0, for the parameters under this schedule; `None`: as configured.
    #[must_use]
    pub fn beta1(&self, step: u64) -> Option<f64> {
        let shape = &self.shape;
        let moves = self.kind == ScheduleKind::OneCycle && shape.cycle_beta1;
        let (ends, peak) = (shape.beta1_ends, shape.beta1_peak);
        moves.then(|| self.cycle(step as f64, [ends, peak, ends]))
    }

    /// Tells the plateau rule the validation loss of an epoch.
    pub fn end_epoch(&mut self, validation_loss: f64) {
        let state = &mut self.state;
        if validation_loss.is_finite() && state.best.is_none_or(|best| validation_loss < best * THRESHOLD) {
            state.best = Some(validation_loss);
            state.waiting = 0;
        } else {
            state.waiting += 1;
        }
        if state.waiting > self.shape.patience {
            state.factor = (state.factor * self.shape.factor).max(self.shape.floor);
            state.waiting = 0;
        }
    }

    /// For a checkpoint.
    #[must_use]
    pub fn state(&self) -> ScheduleState {
        self.state
    }

    /// Goes on from `state`.
    pub fn restore(&mut self, state: ScheduleState) {
        self.state = state;
    }

    fn one_cycle(&self, step: f64) -> f64 {
        let start = 1.0 / self.shape.start_divisor;
        self.cycle(step, [start, 1.0, start / self.shape.final_divisor])
    }

    /// From the first value to the second in the share of steps that rise, then to the third, both along half a cosine.
    fn cycle(&self, step: f64, [start, middle, end]: [f64; 3]) -> f64 {
        let last = self.steps.max(1) as f64 - 1.0;
        let peak = self.shape.rise_share * self.steps as f64 - 1.0;
        if step <= peak {
            cosine(start, middle, ratio(step, peak))
        } else {
            let peak = peak.max(0.0);
            cosine(middle, end, ratio(step - peak, last - peak))
        }
    }
}

/// Half a cosine from `from` to `to`; `done` runs from 0 to 1.
fn cosine(from: f64, to: f64, done: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * done.clamp(0.0, 1.0)).cos())
}

/// A quotient that is 1 where there is nothing to divide.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    fn factors(kind: ScheduleKind, shape: ScheduleConfig, steps: u64) -> Vec<f64> {
        let schedule = Schedule::new(kind, shape, steps);
        (0..steps).map(|step| schedule.factor(step)).collect()
    }

    #[test]
    fn cosine_by_hand() {
        let found = factors(ScheduleKind::Cosine, ScheduleConfig::default(), 4);
        let half = 0.5_f64.sqrt();
        for (found, expected) in
            found.iter().zip([1.0, f64::midpoint(1.0, half), 0.5, f64::midpoint(1.0, -half)])
        {
            assert_relative_eq!(*found, expected, epsilon = 1e-12);
        }
    }

    #[test]
    fn one_cycle_by_hand() {
        // Ten steps, three of which rise: from 1/25 at step 0 over the middle at step 1 to 1 at step 2, then seven
        // sections of half a cosine down to 1/25/10⁴ at step 9.
        let found = factors(ScheduleKind::OneCycle, ScheduleConfig::default(), 10);
        let low = 0.04e-4;
        let down = |k: f64| low + (1.0 - low) / 2.0 * (1.0 + (PI * k / 7.0).cos());
        let expected =
            [0.04, 0.52, 1.0, down(1.0), down(2.0), down(3.0), down(4.0), down(5.0), down(6.0), low];
        for (found, expected) in found.iter().zip(expected) {
            assert_relative_eq!(*found, expected, epsilon = 1e-12);
        }
    }

    #[test]
    fn beta1_moves_against_the_rate_where_it_is_asked_to() {
        let shape = ScheduleConfig { cycle_beta1: true, ..ScheduleConfig::default() };
        let beta1 = |kind, shape| {
            let schedule = Schedule::new(kind, shape, 10);
            (0..10).map(|step| schedule.beta1(step)).collect::<Option<Vec<f64>>>()
        };
        // Three steps down, seven sections of half a cosine up.
        let up = |k: f64| 0.95 - 0.05 * (1.0 + (PI * k / 7.0).cos());
        let expected = [0.95, 0.9, 0.85, up(1.0), up(2.0), up(3.0), up(4.0), up(5.0), up(6.0), 0.95];
        for (found, expected) in beta1(ScheduleKind::OneCycle, shape).unwrap().iter().zip(expected) {
            assert_relative_eq!(*found, expected, epsilon = 1e-12);
        }
        assert_eq!(beta1(ScheduleKind::Cosine, shape), None);
        assert_eq!(beta1(ScheduleKind::OneCycle, ScheduleConfig::default()), None);
    }

    #[test]
    fn a_single_step_and_extreme_shares_stay_finite() {
        for steps in [1, 2, 3] {
            for rise_share in [0.0, 0.3, 1.0] {
                let shape = ScheduleConfig { rise_share, ..ScheduleConfig::default() };
                for factor in factors(ScheduleKind::OneCycle, shape, steps) {
                    assert!((0.0..=1.0).contains(&factor), "{steps} steps, rise {rise_share}: {factor}");
                }
            }
        }
    }

    #[test]
    fn plateau_waits_and_has_a_floor() {
        let shape = ScheduleConfig { factor: 0.1, patience: 1, floor: 0.05, ..ScheduleConfig::default() };
        let mut schedule = Schedule::new(ScheduleKind::Plateau, shape, 100);
        let mut factors = Vec::new();
        // An improvement of less than 1e-4 of the best loss counts as none.
        for loss in [1.0, 0.5, 0.499_99, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4] {
            schedule.end_epoch(loss);
            factors.push(schedule.factor(7));
        }
        let expected = [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05];
        for (found, expected) in factors.iter().zip(expected) {
            assert_relative_eq!(*found, expected, epsilon = 1e-12);
        }
    }

    #[test]
    fn a_restored_plateau_goes_on() {
        let shape = ScheduleConfig { patience: 2, ..ScheduleConfig::default() };
        let new = || Schedule::new(ScheduleKind::Plateau, shape, 10);
        let (mut whole, mut first, mut second) = (new(), new(), new());
        for epoch in 0..8 {
            whole.end_epoch(1.0);
            let part = if epoch < 4 { &mut first } else { &mut second };
            part.end_epoch(1.0);
            if epoch == 3 {
                second.restore(first.state());
            }
        }
        assert_eq!(whole.state(), second.state());
    }

    #[test]
    fn a_loss_that_is_no_number_is_no_improvement() {
        let shape = ScheduleConfig { patience: 0, ..ScheduleConfig::default() };
        let mut schedule = Schedule::new(ScheduleKind::Plateau, shape, 10);
        schedule.end_epoch(1.0);
        schedule.end_epoch(f64::NAN);
        assert_relative_eq!(schedule.factor(0), 0.5);
    }
}
