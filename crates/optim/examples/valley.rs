//! Goes down Rosenbrock's curved valley, (1 − x)² + 100 (y − x²)², with Adam and each schedule of its rate.
//!
//! ```text
//! cargo run --release -p colearn-optim --example valley
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use colearn_optim::{Adam, AdamSettings, Schedule, ScheduleConfig, ScheduleKind, Target};

const STEPS: u64 = 4000;

fn main() {
    for kind in [ScheduleKind::Constant, ScheduleKind::Cosine, ScheduleKind::OneCycle, ScheduleKind::Plateau]
    {
        let mut place = [-1.2_f64, 1.0];
        let mut rates = Schedule::new(kind, ScheduleConfig::default(), STEPS);
        let mut adam = Adam::new(AdamSettings::default(), [[place.len()]]);
        for step in 0..STEPS {
            let [x, y] = place;
            let gradient = [-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)];
            adam.step([Target::of_slices(&mut place, &gradient, 0.05 * rates.factor(step))], 1.0);
            if step % 100 == 99 {
                rates.end_epoch(height(place));
            }
        }
        println!("{kind:?}: {:.5} at ({:.3}, {:.3})", height(place), place[0], place[1]);
    }
}

fn height([x, y]: [f64; 2]) -> f64 {
    (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
}
