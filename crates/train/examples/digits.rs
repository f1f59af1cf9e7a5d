//! A short training without files: `cargo run --release -p colearn-train --example digits`.
//!
//! Three epochs of a small network with learned delays on a part of the embedded digits, a line an epoch.

#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use std::error::Error;
use std::sync::atomic::AtomicBool;

use colearn_data::{DataConfig, DataName};
use colearn_network::{Network, NetworkConfig};
use colearn_train::{Silent, TrainConfig, Trainer, initial_generator};

fn main() -> Result<(), Box<dyn Error>> {
    let mut digits = DataConfig::default_for(DataName::Digits).load()?;
    digits.train.samples.truncate(600);
    digits.validation.samples.truncate(200);

    let mut config = NetworkConfig::default();
    config.set_model("d-cadlif")?;
    config.network.hidden = vec![32];
    let valid = config.validate(digits.channels, digits.classes.len())?;

    let train = TrainConfig { epochs: 3, batch: 32, ..TrainConfig::default() }.validate()?;
    let network = Network::new(&valid, &mut initial_generator(train.seed));
    let mut trainer = Trainer::new(network, &digits, &train, String::new())?;
    trainer.run(&mut Silent, &AtomicBool::new(false))?;

    for epoch in trainer.history() {
        println!(
            "epoch {}: loss {:.3}, validation accuracy {:.1} %, {:.0} samples a second",
            epoch.epoch,
            epoch.train_loss,
            100.0 * epoch.validation_accuracy,
            epoch.samples_per_second
        );
    }
    let best = trainer.best().ok_or("no epoch was finished")?;
    println!("best: epoch {}", best.epoch);
    Ok(())
}
