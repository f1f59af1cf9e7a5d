//! What is printed is the configuration, and what comments say of a key holds.

use std::path::Path;

use super::*;
use crate::runs::overrides::leaves;
use crate::runs::request::Request;
use colearn_network::model_names;
use colearn_neurons::NeuronModel;
use colearn_tape::simd::single;

fn experiments() -> Vec<Experiment> {
    let names = [None, Some("lif"), Some("d-adlif"), Some("gru"), Some("shd"), Some("words"), Some("gsc")];
    let resolve = |name: Option<&str>| {
        Request { config: name.map(str::to_owned), ..Request::default() }.experiment().unwrap()
    };
    names.into_iter().map(resolve).collect()
}

/// Where the tables of an experiment are defined, from the folder of this crate.
const SOURCES: [&str; 8] = [
    "src/runs/experiment.rs",
    "../network/src/config.rs",
    "../network/src/config/neuron.rs",
    "../network/src/config/synapse.rs",
    "../train/src/config.rs",
    "../optim/src/schedule.rs",
    "../data/src/config.rs",
    "../data/src/augment.rs",
];

/// The definitions in the sources of `Experiment` and of every table that a field of one of them is.
fn defined() -> String {
    let read =
        |file: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let sources = SOURCES.map(read).map(|text| text.replace("\r\n", "\n"));
    let (mut text, mut tables, mut next) = (String::new(), vec!["Experiment".to_owned()], 0);
    while let Some(kind) = tables.get(next).cloned() {
        next += 1;
        let start = format!("pub struct {kind} {{\n");
        let Some(rest) = sources.iter().find_map(|source| Some(source.split_once(&start)?.1)) else {
            continue;
        };
        let (body, _) = rest.split_once("\n}").unwrap();
        text.extend([&start, body, "\n}\n"]);
        for line in body.lines() {
            let kind = line.trim().strip_prefix("pub ").and_then(|field| field.split_once(": "));
            let kind = kind.map(|(_, kind)| kind.trim_end_matches(',').to_owned());
            tables.extend(kind.filter(|kind| !tables.contains(kind)));
        }
    }
    text
}

#[test]
fn tables_are_those_of_the_sources() {
    let expected = defined();
    if std::env::var_os("COLEARN_UPDATE").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/runs/describe/tables.txt");
        std::fs::write(file, &expected).unwrap();
    } else {
        let message =
            "a table of the configuration has changed: COLEARN_UPDATE=1 cargo test -p colearn tables_are";
        assert!(TABLES.replace("\r\n", "\n") == expected, "{message}");
    }
}

#[test]
fn what_is_printed_is_the_configuration() {
    for experiment in experiments() {
        let text = described(&experiment).unwrap();
        assert_eq!(Experiment::from_toml(&text).unwrap(), experiment, "{text}");
        // Every key is there, not only those that differ from the defaults.
        let printed: Table = text.parse().unwrap();
        assert_eq!(leaves(&printed), leaves(&experiment.to_table().unwrap()));
    }
}

#[test]
fn every_key_has_a_comment_where_it_is_defined() {
    let mut tables = vec!["Experiment".to_owned()];
    let mut count = 0;
    while let Some(kind) = tables.pop() {
        for key in keys(&kind).unwrap() {
            count += 1;
            assert!(key.comment.len() > 8, "{kind}::{}: {:?}", key.name, key.comment);
            assert!(key.comment.ends_with(['.', '(', ')', ']']), "{kind}::{}: {:?}", key.name, key.comment);
            if keys_exist(&key.kind) {
                tables.push(key.kind);
            }
        }
    }
    assert!(count > leaves(&Experiment::default().to_table().unwrap()).len());
}

#[test]
fn each_key_follows_its_own_comment() {
    let text = described(&Experiment::default()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (place, line) in lines.iter().enumerate() {
        if !line.is_empty() && !line.starts_with('#') {
            assert!(lines[place - 1].starts_with("# "), "{line}");
        }
        assert!(line.chars().count() <= WIDTH || !line.starts_with('#'), "{line}");
    }
    let place = lines.iter().position(|line| *line == "max_delay = 24").unwrap();
    assert_eq!(lines[place - 2], "# Largest delay D.");
    assert_eq!(lines[place - 1], "# Range: 1 to 1000. Unit: steps. Source: 24 as in Hammouamri et al. 2024.");
    assert!(lines.contains(&"# root ="), "a key without a value is shown");
    for key in crate::runs::overrides::COLLECTIVE {
        let (_, last) = key.rsplit_once('.').unwrap_or(("", key));
        let shown = |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{last} ="));
        assert_eq!(lines.iter().filter(|line| shown(line)).count(), 1 + usize::from(key == "model"), "{key}");
    }
}

#[test]
fn links_become_plain_names() {
    assert_eq!(plain("see [`A`](crate::A) and [`B::c`]: (d)"), "see `A` and `c`: (d)");
}

/// Every key that holds a value: its table, itself, and its dotted path.
fn values() -> Vec<(String, Key)> {
    let (mut found, mut tables) = (Vec::new(), vec![(String::new(), "Experiment".to_owned())]);
    while let Some((path, kind)) = tables.pop() {
        for key in keys(&kind).unwrap() {
            let path = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
            if keys_exist(&key.kind) {
                tables.push((path, key.kind));
            } else {
                found.push((path, key));
            }
        }
    }
    found
}

/// What a comment says behind a word, to the next one.
fn part<'a>(comment: &'a str, word: &str) -> Option<&'a str> {
    let rest = comment.split_once(&format!(" {word}: "))?.1;
    let end =
        [". Unit: ", ". Source: "].iter().filter_map(|next| rest.find(next)).min().unwrap_or(rest.len() - 1);
    Some(&rest[..end])
}

fn is_number(kind: &str) -> bool {
    ["usize", "u64", "Option<u32>", "f64", "Option<f64>", "Option<[f64; 2]>", "Vec<usize>"].contains(&kind)
}

#[test]
fn every_key_has_a_range_and_a_source_and_every_number_a_unit() {
    let values = values();
    assert!(values.len() > 70, "{}", values.len());
    for (path, key) in values {
        let said = |word| part(&key.comment, word).is_some_and(|text| !text.trim().is_empty());
        assert!(said("Range"), "{path}: no range in {:?}", key.comment);
        assert!(said("Source"), "{path}: no source in {:?}", key.comment);
        assert_eq!(said("Unit"), is_number(&key.kind), "{path}, a {}: {:?}", key.kind, key.comment);
        assert!(key.comment.find(" Range: ") < key.comment.find(" Source: "), "{path}: {:?}", key.comment);
    }
}

/// The ends of a range of numbers, each with whether it belongs to it: `0 to 1`, `above 0 to below 1`, `at least 0`.
fn ends(range: &str) -> Option<[Option<(f64, bool)>; 2]> {
    let end = |text: &str, open: &str| {
        let rest = text.strip_prefix(open);
        Some((rest.unwrap_or(text).parse::<f64>().ok()?, rest.is_none()))
    };
    if let Some(low) = range.strip_prefix("at least ") {
        return Some([Some((low.parse().ok()?, true)), None]);
    }
    match range.split_once(" to ") {
        Some((low, high)) => Some([Some(end(low, "above ")?), Some(end(high, "below ")?)]),
        None => Some([Some((range.strip_prefix("above ")?.parse().ok()?, false)), None]),
    }
}

/// Everything that is checked before a run.
fn check(key: &str, value: f64, whole: bool) -> Result<()> {
    let value = if whole { format!("{value:.0}") } else { format!("{value:?}") };
    let mut set = vec![format!("{key}={value}")];
    // Its own range ends at the other.
    set.extend((key == "data.channels").then(|| "data.sum_channels=1".to_owned()));
    let experiment = Request { set, ..Request::default() }.experiment()?;
    experiment.train.validate()?;
    experiment.data.check()?;
    experiment.network().validate(40, 20)?;
    Ok(())
}

#[test]
fn the_ranges_in_comments_are_those_that_are_checked() {
    let mut tried = Vec::new();
    for (path, key) in values() {
        let whole = ["usize", "u64", "Option<u32>"].contains(&key.kind.as_str());
        let Some(ends) = part(&key.comment, "Range").filter(|_| whole || key.kind == "f64").and_then(ends)
        else {
            continue;
        };
        // The next number outside of an end that belongs to the range, and inside of one that does not: there the next
        // that `f32` can hold.
        let outside = |end: f64, up: f64| if whole { end + up } else { end + up * 1e-9 * end.abs().max(1.0) };
        let inside = |end: f64, up: f64| match (whole, up > 0.0) {
            (true, _) => end + up,
            (false, true) => f64::from(single(end).unwrap().next_up()),
            (false, false) => f64::from(single(end).unwrap().next_down()),
        };
        for (end, outwards) in ends.into_iter().zip([-1.0, 1.0]) {
            let Some((end, closed)) = end.filter(|(end, _)| *end < 1e15) else { continue };
            let (inside, outside) =
                if closed { (end, outside(end, outwards)) } else { (inside(end, -outwards), end) };
            let accepted = check(&path, inside, whole);
            assert!(accepted.is_ok(), "{path} = {inside} is within {:?}: {:?}", key.comment, accepted.err());
            let refused =
                check(&path, outside, whole).expect_err(&format!("{path} = {outside}: {:?}", key.comment));
            let message = format!("{refused:#}");
            let last = path.rsplit('.').next().unwrap();
            assert!(message.contains(last) && message.contains("expected "), "{path} = {outside}: {message}");
            tried.push(path.clone());
        }
    }
    assert!(tried.len() > 50, "{}: {tried:?}", tried.len());
}

/// Data are cut and filtered in `f64`; everything else is trained with in `f32`.
#[test]
fn no_number_is_accepted_that_f32_cannot_hold() {
    let mut tried = 0;
    let mut keys: Vec<String> = values()
        .into_iter()
        .filter(|(path, key)| key.kind == "f64" && !path.starts_with("data."))
        .map(|(path, _)| path)
        .collect();
    let others = ["neuron.fixed.a", "neuron.surrogate.fast_sigmoid.slope"];
    keys.extend(others.map(str::to_owned));
    for path in keys {
        for value in [1e-50, 1e39] {
            let refused = check(&path, value, false).expect_err(&format!("{path} = {value:e}"));
            let message = format!("{refused:#}");
            let last = path.rsplit('.').next().unwrap();
            let named = message.contains(last) && message.contains("expected ");
            let found = message.contains(&format!("{value:e}"));
            assert!(named && found, "{path} = {value:e}: {message}");
            tried += 1;
        }
    }
    let scale = "neuron.surrogate={exponential={slope=5,scale=1e-50}}";
    let (a, b, alpha) =
        ("neuron.bounds.a=[0,1e39]", "neuron.bounds.b=[1e-50,1]", "neuron.bounds.alpha=[1e-50,1]");
    for pair in [scale, a, b, alpha] {
        let experiment = Request { set: vec![pair.to_owned()], ..Request::default() }.experiment().unwrap();
        let error = experiment.network().validate(40, 20).unwrap_err().to_string();
        assert!(error.contains("in f32)") && error.contains("expected "), "{pair}: {error}");
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn ranges_are_read() {
    assert_eq!(ends("1 to 1000"), Some([Some((1.0, true)), Some((1000.0, true))]));
    assert_eq!(ends("above 0 to below 1"), Some([Some((0.0, false)), Some((1.0, false))]));
    assert_eq!(ends("above 0"), Some([Some((0.0, false)), None]));
    assert_eq!(ends("at least 0.5"), Some([Some((0.5, true)), None]));
    assert_eq!(ends("`true`, `false`"), None);
    assert_eq!(ends("0 to below the number of steps"), None);
}

#[test]
fn every_model_is_in_comments_and_documentation() {
    let text = described(&Experiment::default()).unwrap().replace("\n# ", " ");
    let (collective, section) = text.split_once("[neuron]").unwrap();
    for name in model_names() {
        assert!(collective.contains(&format!("`{name}`")), "model = {name}");
        let neuron = name.strip_prefix("d-").unwrap_or(&name);
        assert!(section.contains(&format!("`{neuron}`")), "neuron.model = {neuron}");
    }
    let equations = include_str!("../../../../../docs/equations.md");
    for label in NeuronModel::ALL.iter().filter(|model| model.is_spiking()).map(|model| model.label()) {
        assert!(equations.contains(&format!("| {label} |")), "docs/equations.md: {label}");
    }
}
