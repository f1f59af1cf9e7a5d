//! Laws of the report: every section is there whatever the runs hold, and its numbers are those of the runs.

use colearn_eval::Evaluation;
use colearn_network::{Delays, FanOut, Network, NetworkConfig};
use colearn_neurons::{Neuron, NeuronModel, ParameterRole, VariableSpec};
use colearn_tape::Pool;
use ndarray::{Array2, Array3};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::run::{Epoch, Networks};
use super::work::{Operations, Work};
use super::*;
use crate::runs::experiment::Experiment;
use crate::runs::stored::{Example, ExampleLayer, StoredEvaluation, StoredResult, StoredRun, Wrong};

mod answers;

const SECTIONS: [&str; 13] = [
    "accuracy",
    "curves",
    "trade-off",
    "delays",
    "neurons",
    "stability",
    "response",
    "raster",
    "confusion",
    "wrong",
    "energy",
    "rounding",
    "settings",
];

fn result(right: usize) -> StoredResult {
    let mut evaluation = Evaluation::new(2);
    let scores = Array2::from_shape_fn((10, 2), |(row, class)| {
        let answer = if row < right { row % 2 } else { (row + 1) % 2 };
        if class == answer { 1.0_f32 } else { 0.0 }
    });
    let labels: Vec<usize> = (0..10).map(|row| row % 2).collect();
    evaluation.update(&scores, &labels).unwrap();
    StoredResult { evaluation: evaluation.report(), rates: vec![0.1, 0.05], steps: Some(15.0) }
}

fn networks(model: &str, seed: u64) -> Networks {
    let mut config = NetworkConfig::default();
    config.set_model(model).unwrap();
    config.network.hidden = vec![5, 4];
    let description = config.validate(3, 2).unwrap();
    let network = |seed| Network::new(&description, &mut ChaCha8Rng::seed_from_u64(seed));
    let (best, initial) = (network(seed), network(seed + 100));
    Networks { spiking: true, best, initial, steps: 20, step_ms: 10.0 }
}

/// A run of a model with two classes, ten test samples and so many right answers.
fn run_of(model: &str, seed: u64, right: usize) -> Run {
    let networks = networks(model, seed);
    let trace = networks.best.trace(&Array3::ones((20, 1, 3)).view(), Delays::Rounded, &mut Pool::default());
    let epoch = |number: u32| Epoch {
        number,
        train_loss: 1.0 / f64::from(number),
        train_accuracy: 0.5,
        validation_loss: f64::NAN,
        validation_accuracy: 0.1 * right as f64,
        rates: vec![0.1, 0.2],
    };
    let mut experiment = Experiment::default();
    experiment.train.seed = seed;
    Run {
        stored: StoredRun {
            experiment,
            corpus: "two <words>".into(),
            parameters: networks.best.parameter_count(),
            accuracy: 0.1 * right as f64,
            samples: 10,
            classes: Some(2),
            hidden_rates: vec![0.1, 0.05],
            ..StoredRun::default()
        },
        epochs: (1..4).map(epoch).collect(),
        evaluation: Some(StoredEvaluation {
            split: "test".into(),
            classes: vec!["<no>".into(), "yes & no".into()],
            steps: 20,
            step_s: 0.01,
            channels: 3,
            input_active: 0.5,
            input_binary: false,
            rounded: result(right),
            unrounded: model.starts_with("d-").then(|| result(right - 1)),
            wrong: Some((right..10).map(|row| wrong(row, Some((row + 1) % 2))).collect()),
        }),
        example: Some(Example {
            id: "a \"quoted\" clip".into(),
            split: "test".into(),
            step_ms: 10.0,
            input_label: "Channel".into(),
            classes: vec!["<no>".into(), "yes & no".into()],
            true_class: 0,
            predicted_class: Some(1),
            length: Some(12),
            input: Array2::ones((20, 3)),
            layers: vec![ExampleLayer {
                name: "hidden0".into(),
                units: 5,
                spikes: vec![(3, 4), (19, 0), (99, 99)],
            }],
            readout: trace.membrane.index_axis(ndarray::Axis(1), 0).to_owned(),
        }),
        networks: Ok(networks),
        damage: Vec::new(),
    }
}

fn wrong(row: usize, predicted_class: Option<usize>) -> Wrong {
    Wrong { id: format!("clip <{row}>"), true_class: row % 2, predicted_class }
}

/// A run as folders hold it that are older, or of a network without spikes.
fn bare() -> Run {
    let mut run = run_of("lif", 3, 6);
    (run.evaluation, run.example) = (None, None);
    run.networks = Err("best.ckpt: no such model".into());
    run.stored.hidden_rates.clear();
    run.epochs.iter_mut().for_each(|epoch| epoch.rates.clear());
    run
}

fn group(label: &str, runs: Vec<Run>) -> Group {
    let stored = runs.iter().map(|run| run.stored.clone()).collect();
    Group::new(Cell::of(label, stored), runs)
}

fn experiment() -> Vec<Group> {
    let seeds = |model: &str| vec![run_of(model, 0, 6), run_of(model, 1, 8), run_of(model, 2, 7)];
    vec![group("d-cadlif", seeds("d-cadlif")), group("a <lif>", seeds("lif")), group("gru", vec![bare()])]
}

/// The cells of the row of a table, as it is read, that begins with `first`.
fn row(page: &Page, table: &str, first: &str) -> Vec<String> {
    fn find<'a>(blocks: &'a [Block], name: &str) -> Option<&'a Table> {
        blocks.iter().find_map(|block| match block {
            Block::Table { name: known, table, .. } => (known == name).then_some(table),
            Block::Group { blocks, .. } => find(blocks, name),
            _ => None,
        })
    }
    let found = page.sections.iter().find_map(|section| find(&section.blocks, table)).unwrap();
    let text = found.to_csv();
    let line = text.lines().find(|line| line.starts_with(first)).unwrap();
    line.split(',').map(str::to_owned).collect()
}

/// The file of a table: its columns by name, for the row that begins with `first`.
fn plain(page: &Page, table: &str, first: &str) -> std::collections::BTreeMap<String, String> {
    let tables = page.tables();
    let (_, text) = tables.iter().find(|(name, _)| name == table).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().unwrap().clone();
    let row = reader
        .records()
        .map(Result::unwrap)
        .find(|row| row.iter().collect::<Vec<_>>().join(",").starts_with(first));
    names.iter().map(str::to_owned).zip(row.unwrap().iter().map(str::to_owned)).collect()
}

#[test]
fn every_section_is_there_whatever_the_runs_hold() {
    let single = vec![group("d-cadlif", vec![run_of("d-cadlif", 0, 6)])];
    let old = vec![group("gru", vec![bare()])];
    // No seed has all its speakers.
    let mut parts = vec![run_of("lif", 0, 6), run_of("lif", 1, 7)];
    for (run, speaker) in parts.iter_mut().zip(["a", "b"]) {
        run.stored.experiment.data.leave_out = Some(speaker.into());
    }
    for groups in [single, old, vec![group("lif", parts)], experiment()] {
        let page = page(None, &groups, &[]);
        let ids: Vec<&str> = page.sections.iter().map(|section| section.id.as_str()).collect();
        assert_eq!(ids, SECTIONS);
        let html = page.html();
        for word in ["NaN", "inf\"", "http", "<script", "<lif>", "<words>", "src="] {
            assert!(!html.contains(word), "{word}");
        }
        for section in &page.sections {
            assert!(!section.blocks.is_empty(), "{}", section.id);
        }
        assert_eq!(html.matches("<details").count(), html.matches("</details>").count());
        assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    }
}

#[test]
fn what_a_run_does_not_have_is_said_by_name() {
    let text = page(None, &experiment(), &[]).markdown();
    assert!(text.contains("gru: no spiking network to look into (best.ckpt: no such model)"));
    assert!(text.contains("a <lif>: this network has no delays."));
    assert!(text.contains("gru: no confusion matrix"));
    assert!(text.contains("a <lif>, gru: no learned delays"));
}

#[test]
fn a_network_without_spikes_has_its_accuracy_and_its_matrices_and_nothing_else() {
    let mut run = run_of("lif", 0, 6);
    run.example = None;
    run.networks.as_mut().unwrap().spiking = false;
    let page = page(None, &[group("gru", vec![run]), group("lif", vec![run_of("lif", 0, 7)])], &[]);
    let text = page.markdown();
    assert_eq!(text.matches("gru: a network without spikes, which has none of this.").count(), 4);
    // 15 steps of 3 · 5 + 5 · 4 + 4 · 2 weights at 4.6 pJ.
    assert_eq!(row(&page, "energy", "gru")[1..], ["–", "–", "–", "–", "3.0", "3.0"]);
    assert_eq!(row(&page, "accuracy", "gru")[2], "60.00 %");
}

#[test]
fn accuracies_are_the_means_of_the_seeds_with_their_interval() {
    let groups = experiment();
    let page = page(None, &groups, &[]);
    // 60, 70 and 80 %: t(0.975, 2) · 10 / √3 = 4.302653 · 5.773503 = 24.84
    let cells = row(&page, "accuracy", "d-cadlif");
    assert_eq!(cells[1..4], ["3", "70.00 ± 24.84 %", "10.00 %"]);
    // Wilson, 7 of 10.
    assert_eq!(cells[4], "39.68 to 89.22 %");
    assert_eq!(cells[5], "50.00 %");
    let single = row(&page, "accuracy", "gru");
    assert_eq!(single[1..4], ["1", "60.00 %", "–"]);
    assert_eq!(row(&page, "runs", "d-cadlif,1")[2], "80.00 %");
    assert!(page.lead.starts_with("3 cells, 7 runs."));
}

#[test]
fn with_speakers_left_out_a_seed_is_one_value() {
    let without = |speaker: &str, seed: u64, right: usize| {
        let mut run = run_of("d-cadlif", seed, right);
        run.stored.experiment.data.leave_out = Some(speaker.into());
        run.epochs[0].validation_accuracy = 0.1 * right as f64;
        run
    };
    let runs = vec![without("a", 0, 6), without("b", 0, 8), without("a", 1, 5), without("b", 1, 6)];
    let groups = [group("d-cadlif", runs)];
    let page = page(None, &groups, &[]);
    // 70 and 55 %: t(0.975, 1) · 10.6066 / √2 = 12.706205 · 7.5 = 95.30; Wilson, 12.5 ≈ 13 of 20.
    let cells = row(&page, "accuracy", "d-cadlif");
    assert_eq!(cells[1..5], ["2", "62.50 ± 95.30 %", "10.61 %", "43.29 to 81.88 %"]);
    assert_eq!(row(&page, "rounding", "d-cadlif")[1], "2");
    assert_eq!(row(&page, "runs", "d-cadlif,1 without b")[2], "60.00 %");
    assert!(page.html().contains("A dot is a seed, the mean over the speakers left out in turn"));
}

#[test]
fn rounding_is_compared_seed_by_seed() {
    let page = page(None, &experiment(), &[]);
    // Every run has one right answer more of ten when rounded: ten points, without spread.
    assert_eq!(
        row(&page, "rounding", "d-cadlif")[2..],
        ["60.00 ± 24.84 %", "70.00 ± 24.84 %", "10.00 ± 0.00"]
    );
    let estimate = rounding::difference(&[(0.5, 0.6), (0.5, 0.5), (0.5, 0.4)]).unwrap();
    assert!(estimate.mean.abs() < 1e-12 && (estimate.interval.unwrap().high - 24.841_38).abs() < 1e-4);
}

/// Samples may be shorter than the steps that are configured: 15 of 20 here. Older folders know the configured ones alone.
#[test]
fn an_inference_is_as_long_as_it_was() {
    let mut run = run_of("lif", 0, 6);
    let spikes = |run: &Run| Work::of(run).unwrap().spikes();
    let known = spikes(&run);
    run.evaluation.as_mut().unwrap().rounded.steps = None;
    let configured = spikes(&run);
    for (known, configured) in known.iter().zip(&configured) {
        assert!((known / configured - 15.0 / 20.0).abs() < 1e-12, "{known}, {configured}");
    }
}

#[test]
fn operations_are_those_counted_by_hand() {
    let work = Work {
        steps: 10.0,
        layers: vec![(3, 4), (4, 5), (5, 2)],
        rates: vec![0.5, 0.1],
        adaptive: true,
        fan_outs: vec![FanOut { next: 5, own: 0 }, FanOut { next: 2, own: 0 }],
        input: (0.5, false),
        weights: 42,
    };
    assert_eq!(work.spikes(), [20.0, 5.0]);
    // Input: half of 10 · 3 values to 4 units; 20 spikes to 5 units and 5 spikes to 2; 40 + 50 + 20 updates, of which
    // 90 with four multiply-accumulates.
    let total =
        Operations { synaptic_adds: 110.0, synaptic_macs: 60.0, neuron_adds: 110.0, neuron_macs: 380.0 };
    assert_eq!(work.total(), total);
    assert!((total.energy_nj() - 1e-3 * (0.9 * 220.0 + 4.6 * 440.0)).abs() < 1e-12);
    assert!((work.dense_macs() - 420.0).abs() < 1e-12);
    let fan_outs = vec![FanOut { next: 5, own: 3 }, FanOut { next: 2, own: 4 }];
    let spiking = Work { input: (0.5, true), fan_outs, adaptive: false, ..work };
    // The same input as additions; 20 spikes to 3 and 5 to 4 other units of their own layer.
    let total =
        Operations { synaptic_adds: 250.0, synaptic_macs: 0.0, neuron_adds: 110.0, neuron_macs: 110.0 };
    assert_eq!(spiking.total(), total);
}

#[test]
fn a_page_has_every_parameter_and_variable_of_every_model() {
    for model in NeuronModel::ALL.iter().filter(|model| model.is_spiking()) {
        let page = page(None, &[group("cell", vec![run_of(model.name(), 0, 6)])], &[]);
        let text = page.html();
        let drawn = |words: &str| text.contains(&format!(">{words}<"));
        for spec in model.specs() {
            row(&page, "neurons", &format!("cell,hidden1,{}", spec.name));
            assert!(drawn(&format!("{}, {}", spec.symbol, spec.meaning)), "{model:?}: {}", spec.name);
            if spec.role == ParameterRole::TimeConstant {
                let time = format!("τ of {}", spec.variable);
                assert!(drawn(&format!("{time}, time constant")), "{model:?}: {time}");
                row(&page, "neurons", &format!("cell,hidden0,{time} (ms)"));
            }
        }
        for VariableSpec { symbol, meaning, unit } in model.variables() {
            let heading = text.contains(&format!("{} {symbol} ({unit})<", &meaning[1..]));
            assert!(heading, "{model:?}: {symbol}");
        }
    }
}

/// Where the threshold moves, the figure's line is what the membrane is compared with.
#[test]
fn a_threshold_that_moves_is_drawn_where_it_is() {
    let current: Vec<f64> = (0..80).map(|t| if t > 5 { 3.0 } else { 0.0 }).collect();
    for (model, parameters) in
        [(NeuronModel::Alif, &[0.8, 0.97, 1.5][..]), (NeuronModel::SeAdlif, &[0.8, 0.97, 0.6, 1.2])]
    {
        let neuron = Neuron::new(model);
        let course = response::course(&neuron, parameters, &current);
        for t in 0..current.len() {
            let above = course.states[0][t] > course.threshold[t];
            assert_eq!(above, course.spikes[t] > 0.5, "{model:?} step {t}");
        }
        let moved = course.threshold.iter().any(|&threshold| threshold > neuron.threshold() + 1e-3);
        assert_eq!(moved, model == NeuronModel::Alif);
    }
}

#[test]
fn a_response_follows_the_equations() {
    let [alpha, beta, a, b] = [0.8, 0.97, 0.6, 1.2];
    let current: Vec<f64> = (0..60).map(|t| if t > 5 { 6.0 } else { 0.0 }).collect();
    let course = response::course(&Neuron::new(NeuronModel::Cadlif), &[alpha, beta, a, b], &current);
    let (mut u, mut w, mut s) = (0.0, 0.0, 0.0);
    for (t, input) in current.iter().enumerate() {
        w = beta * w + a * u + b * s;
        u = alpha * (u - s) + (1.0 - alpha) * (input - w);
        s = if u > 1.0 { 1.0 } else { 0.0 };
        assert!((course.states[0][t] - u).abs() < 1e-9 && (course.states[1][t] - w).abs() < 1e-9, "step {t}");
        assert!((course.spikes[t] - s).abs() < 1e-12, "step {t}");
    }
    assert!(course.spikes.iter().sum::<f64>() > 1.0);
}

#[test]
fn extras_become_tables_and_text_after_the_accuracies() {
    let mut numbers = Table::new(["a", "p_value"]);
    numbers.row(["x", "0.0512"]);
    let extra = Extra {
        title: "Tests".into(),
        markdown: "### Welch\n\nTwo-sided.\n\n| a | p |\n|---|---|\n| x | 0.05 |\n".into(),
        data: Some(numbers),
    };
    let page = page(Some("Mine"), &experiment(), &[extra]);
    assert_eq!((page.title.as_str(), page.sections[1].id.as_str()), ("Mine", "extra-1"));
    assert_eq!(page.sections[1].blocks.len(), 3);
    assert_eq!(row(&page, "extra-1-3", "x"), ["x", "0.05"]);
    assert_eq!(plain(&page, "extra-1-3", "x")["p_value"], "0.0512");
}

#[test]
fn names_of_files_are_plain_and_apart() {
    assert_eq!(slug("d-cAdLIF, fixed (2)"), "d-cadlif-fixed-2");
    let page = page(None, &experiment(), &[]);
    let mut names: Vec<String> = page.tables().into_iter().map(|table| table.0).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(
        names.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')),
        "{names:?}"
    );
}
