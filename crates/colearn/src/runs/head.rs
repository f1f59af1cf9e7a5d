//! What a run says of itself before it begins.

use colearn_data::{Dataset, Pad, Protocol, Split};
use colearn_network::Network;

use super::experiment::Experiment;
use super::memory::Step;

/// The head of a run: the data, its notes, the network.
pub(crate) fn head(experiment: &Experiment, data: &Dataset, network: &Network<f32>) -> Vec<String> {
    let count =
        |split: Option<&Split>| split.map_or_else(|| "no".to_owned(), |split| split.len().to_string());
    let mut lines = vec![format!(
        "data     {}: {} training, {} {}, {} test utterances; {} classes, {} channels, {}{} steps of {} ms",
        data.name,
        data.train.len(),
        data.validation.len(),
        data.protocol.selecting_split(),
        count(data.test.as_ref()),
        data.classes.len(),
        data.channels,
        if experiment.data.pad == Pad::Longest { "up to " } else { "" },
        data.train.batch_steps(data.steps),
        1e3 * data.step_s
    )];
    let warning = data.protocol.warning().filter(|_| data.protocol == Protocol::SelectedOnTest);
    let notes = data.notes.iter().map(String::as_str).chain(warning);
    lines.extend(notes.map(|note| format!("         {note}")));
    let counts = network.counts_by_kind().into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(kind, count)| format!("{kind} {count}")).collect();
    lines.push(format!(
        "model    {}, hidden layers {:?}: {} parameters ({})",
        experiment.network().model_name(),
        experiment.network.hidden,
        network.parameter_count(),
        counts.join(", ")
    ));
    lines.push(format!("threads  {}", rayon::current_num_threads()));
    let step = Step::of(&experiment.train, data);
    let predicted = step.in_words(network.description());
    lines.push(format!("memory   {predicted} beside program and data"));
    lines
}
