//! One batch: forward, loss, backward, step.

use colearn_data::{Batch, Mixed};
use colearn_network::ParameterKind;
use colearn_optim::{Pace, clip_scale, gradient_norm};
use colearn_tape::{Part, Tape, Var};
use ndarray::ArrayD;

use super::Trainer;
use crate::finite::{Flaw, all_finite, first, first_in_gradients, first_in_recording};
use crate::random::{Purpose, generator};

/// What a step was like.
pub(super) struct Step {
    /// Mean loss of the batch, in nats.
    pub(super) loss: f64,
    /// Norm of all gradients together, before clipping.
    pub(super) norm: f64,
    /// Right answers.
    pub(super) correct: usize,
}

impl Trainer<'_> {
    /// One step. Where a number is not finite nothing is changed, and the flaw says where it was met first.
    pub(super) fn train_batch(&mut self, batch: &Batch) -> Result<Step, Flaw> {
        let number = self.progress.batches;
        let step = (self.epoch * self.batches() + number) as u64;
        let mut rng = generator(self.config.seed, self.epoch, number, Purpose::Dropout);

        let flaw = if all_finite(&batch.input) { None } else { first(&batch.input) };
        let [flaws] = self.sums([f64::from(flaw.is_some())]);
        if flaws > 0.0 {
            let value = flaw.unwrap_or(f64::NAN);
            return Err(Flaw::new("the input of the network", value));
        }
        self.tape.reset();
        let part = self.part();
        let weight = part.as_ref().map(Part::weight);
        self.tape.set_part(part);
        let recording = self.network.record(&mut self.tape, &batch.input, &mut rng);
        let loss_var = batch_loss(&mut self.tape, recording.scores, &batch.labels, batch.mixed.as_ref());
        // Of a part, what it adds to the mean loss of the batch.
        #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
        let loss_var = weight.map_or(loss_var, |weight| self.tape.scale(loss_var, weight as f32));
        let loss = self.tape.value(loss_var).iter().map(|&loss| f64::from(loss)).sum::<f64>();
        let correct = right_answers(self.tape.value(recording.scores), &batch.labels);
        let [loss, correct] = self.sums([loss, correct as f64]);
        // Thresholds and clamps make a usual number of NaN, so that the loss alone does not tell.
        let of_network = self.network.parameters().iter().all(|p| all_finite(&p.value));
        let sound = loss.is_finite() && of_network;
        if !(sound && recording.statistics.iter().all(|s| all_finite(&s.mean) && all_finite(&s.variance))) {
            return Err(first_in_recording(&self.network, &self.tape, &recording, loss));
        }
        self.tape.backward(loss_var);
        self.tape.reduce_gradients(&recording.parameters);

        let gradients: Vec<Option<&ArrayD<f32>>> =
            recording.parameters.iter().map(|&var| self.tape.gradient(var)).collect();
        let norm = gradient_norm(&gradients);
        if !norm.is_finite() {
            return Err(first_in_gradients(self.network.parameters(), &gradients, norm));
        }
        let config = &self.config;
        let pace = |kind| {
            let delay = kind == ParameterKind::Delay;
            let schedule = if delay { &self.delay_schedule } else { &self.schedule };
            let rate = config.learning_rate * config.rate_factor.of(kind) * schedule.factor(step);
            Pace { rate, beta1: schedule.beta1(step) }
        };
        let scale = clip_scale(norm, config.clip_norm);
        self.optimiser.step_at(self.network.parameters_mut(), &gradients, pace, scale);
        self.network.absorb(&recording);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
        let correct = correct as usize;
        Ok(Step { loss, norm, correct })
    }
}

/// Mean cross-entropy; of a mixed batch that with both labels, weighed by their shares.
fn batch_loss(tape: &mut Tape<f32>, scores: Var, labels: &[usize], mixed: Option<&Mixed>) -> Var {
    let own = tape.cross_entropy(scores, labels);
    let Some(mixed) = mixed else { return own };
    #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
    let share = mixed.share as f32;
    let other = tape.cross_entropy(scores, &mixed.labels);
    let (own, other) = (tape.scale(own, 1.0 - share), tape.scale(other, share));
    tape.add(own, other)
}

/// Rows of `scores` (B, C) whose largest entry, the first among equals, is the label.
fn right_answers(scores: &ArrayD<f32>, labels: &[usize]) -> usize {
    let answer = |row: ndarray::ArrayViewD<'_, f32>| {
        row.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (class, &score)| {
            if score > best.1 { (class, score) } else { best }
        })
    };
    scores.outer_iter().zip(labels).filter(|(row, label)| answer(row.view()).0 == **label).count()
}
