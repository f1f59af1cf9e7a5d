//! `metrics.csv` of a run.

use std::fmt::Write;

use colearn_train::EpochRecord;

/// A row an epoch, epochs counted from 1; `selecting` is what the columns of the split that selects begin with.
pub(super) fn metrics(history: &[EpochRecord], selecting: &str) -> String {
    let layers = history.first().map_or(0, |record| record.hidden_rates.len());
    let rates: String = (0..layers).fold(String::new(), |mut names, layer| {
        write!(names, ",rate_hidden{layer}").expect("a string takes every text");
        names
    });
    let mut text = format!(
        "epoch,train_loss,train_accuracy,{selecting}_loss,{selecting}_accuracy,{selecting}_accuracy_unrounded,\
         learning_rate,spread,gradient_norm,waited_seconds,seconds,samples_per_second{rates},skipped_batches,unstable_units\n"
    );
    for record in history {
        let unrounded =
            record.validation_accuracy_unrounded.map_or_else(String::new, |value| value.to_string());
        let mut cells = vec![
            (record.epoch + 1).to_string(),
            record.train_loss.to_string(),
            record.train_accuracy.to_string(),
            record.validation_loss.to_string(),
            record.validation_accuracy.to_string(),
            unrounded,
            record.learning_rate.to_string(),
            record.spread.to_string(),
            record.gradient_norm.to_string(),
            record.waited.map_or_else(String::new, |seconds| format!("{seconds:.3}")),
            format!("{:.3}", record.seconds),
            format!("{:.1}", record.samples_per_second),
        ];
        cells.extend(record.hidden_rates.iter().map(f64::to_string));
        cells.push(record.skipped_batches.to_string());
        cells.push(record.unstable_units.iter().sum::<usize>().to_string());
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_a_row_an_epoch() {
        let record = EpochRecord {
            epoch: 0,
            train_loss: 0.5,
            train_accuracy: 0.75,
            validation_loss: 1.5,
            validation_accuracy: 0.25,
            validation_accuracy_unrounded: None,
            hidden_rates: vec![0.125, 0.0625],
            learning_rate: 0.001,
            spread: 2.0,
            gradient_norm: 3.0,
            seconds: 1.0,
            samples_per_second: 10.0,
            skipped_batches: 2,
            unstable_units: vec![3, 4],
            waited: Some(0.25),
        };
        let text = metrics(&[record.clone(), EpochRecord { epoch: 1, ..record }], "validation");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].ends_with("samples_per_second,rate_hidden0,rate_hidden1,skipped_batches,unstable_units")
        );
        assert_eq!(lines[1], "1,0.5,0.75,1.5,0.25,,0.001,2,3,0.250,1.000,10.0,0.125,0.0625,2,7");
        assert_eq!(lines[0].split(',').count(), lines[2].split(',').count());
    }
}
