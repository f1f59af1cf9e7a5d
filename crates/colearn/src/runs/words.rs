//! Short words for what hidden layers do.

use colearn_network::BASELINE_NAMES;

/// What the numbers of an epoch's line are.
pub(crate) fn legend(model: &str) -> String {
    let activity = if is_spiking(model) { "spikes in 100 steps" } else { "100 mean |output|" };
    format!("epochs   loss, accuracy, * best so far; activity: {activity}, by layer")
}

fn is_spiking(model: &str) -> bool {
    !BASELINE_NAMES.contains(&model)
}

/// What the hidden layers of a model do, in words: rates, or mean outputs where there are no spikes.
pub(crate) fn activity(model: &str, rates: &[f64]) -> String {
    if is_spiking(model) {
        return format!("rates of the hidden layers {}", percents(rates));
    }
    let texts: Vec<String> = rates.iter().map(|mean| format!("{mean:.3}")).collect();
    format!("mean |output| of the hidden layers {}", texts.join(" "))
}

/// Rates in spikes per 100 steps, in words.
pub fn percents(rates: &[f64]) -> String {
    let texts: Vec<String> = rates.iter().map(|rate| format!("{:.1}", 100.0 * rate)).collect();
    format!("{} %", texts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_legend_fits_into_a_usual_terminal() {
        for model in ["d-cadlif", "gru"] {
            assert!(legend(model).chars().count() <= 80, "{}", legend(model));
        }
    }
}
