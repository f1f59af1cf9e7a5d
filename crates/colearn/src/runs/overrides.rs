//! Single keys on top of an experiment, with messages that name key, value, what is allowed and the nearest key.

use anyhow::{Context, Result, anyhow, bail};
use colearn_data::{FrontEndName, Recipe};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::runs::experiment::Experiment;

mod hints;

pub use hints::distance;

/// Keys without a default value, which the table of the defaults therefore does not show.
const OPTIONAL: [&str; 9] = [
    "model",
    "neuron.activation",
    "data.recipe",
    "data.root",
    "data.leave_out",
    "data.rate",
    "data.high_hz",
    "data.max_time_s",
    "train.augment.noise_snr_db",
];

/// A key whose value is one of several tables: setting a key below one of them chooses it.
const CHOICE: &str = "neuron.surrogate";

/// Keys that stand for several, which may then be set one by one.
pub(crate) const COLLECTIVE: [&str; 3] = ["model", "data.recipe", "data.front_end"];

/// `key=value` in two.
pub(crate) fn split_assignment(text: &str) -> Result<(&str, &str)> {
    let (key, value) = text
        .split_once('=')
        .with_context(|| format!("--set {text}: expected KEY=VALUE, such as train.epochs=30"))?;
    Ok((key.trim(), value.trim()))
}

/// A value as TOML writes it. A list may hold words without quotes, which a shell would take away; everything else that is
/// not TOML is a string.
pub(crate) fn parse_value(text: &str) -> Value {
    let table = format!("value = {text}").parse::<Table>().ok().filter(|table| table.len() == 1);
    let value = table.and_then(|mut table| table.remove("value"));
    // No key is a date.
    value.filter(|value| !value.is_datetime()).unwrap_or_else(|| {
        let words = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let plain = words.filter(|words| !words.trim().is_empty() && !words.contains(['[', ']', '{', '"']));
        plain.map_or_else(
            || Value::String(text.to_owned()),
            |words| Value::Array(words.split(',').map(|word| parse_value(word.trim())).collect()),
        )
    })
}

/// Refuses an option beside a `--set` of its key that asks for something else. `options` are key, option and value.
pub(crate) fn refuse_conflicts(set: &[String], options: &[(&str, &str, Option<String>)]) -> Result<()> {
    for assignment in set {
        let (key, text) = split_assignment(assignment)?;
        let option = options.iter().find(|(of, _, value)| *of == key && value.is_some());
        let Some((_, option, Some(value))) = option else { continue };
        let same = text == value || parse_value(text).as_str() == Some(value);
        if !same {
            bail!(
                "{option} {value} and --set {key}={text}: these are two values of one key; expected one of them"
            );
        }
    }
    Ok(())
}

/// Sets every key of `tables` in `table`, first those that stand for several. `origin` names the file in messages.
pub(crate) fn apply_all(table: &mut Table, tables: &Table, origin: &str) -> Result<()> {
    let mut leaves = leaves(tables);
    leaves.sort_by_key(|(key, _)| !COLLECTIVE.contains(&key.as_str()));
    for (key, value) in leaves {
        apply(table, &key, &value).with_context(|| origin.to_owned())?;
    }
    Ok(())
}

/// Sets one key, given as a dotted path, to what a command line says: where only a text fits, that is the text as it was
/// typed, be it a number for others (`2024`, `1e3`), a list or a table.
pub(crate) fn apply_text(table: &mut Table, key: &str, text: &str) -> Result<()> {
    apply_as(table, key, &parse_value(text), Some(text))
}

/// Sets one key, given as a dotted path.
pub(crate) fn apply(table: &mut Table, key: &str, value: &Value) -> Result<()> {
    apply_as(table, key, value, None)
}

/// Sets one key to `value`, or to the text that was typed where only a text fits. In a file a text has quotes: what a number
/// without them looked like is no longer known.
fn apply_as(table: &mut Table, key: &str, value: &Value, typed: Option<&str>) -> Result<()> {
    if COLLECTIVE.contains(&key) {
        let mut experiment = Experiment::from_table(table.clone())?;
        match key {
            "data.recipe" => experiment.data.set_recipe(named::<Recipe>(key, value)?),
            "data.front_end" => experiment.data.set_front_end(named::<FrontEndName>(key, value)?),
            _ => experiment.set_model(value.as_str().unwrap_or(&value.to_string()))?,
        }
        *table = experiment.to_table()?;
        return Ok(());
    }
    let as_text = |table: &Table| {
        let text = Value::String(typed.map_or_else(|| value.to_string(), str::to_owned));
        changed(table, key, text)
    };
    if let (Value::Table(inner), false) = (value, key == CHOICE) {
        if let (Ok(changed), Some(_)) = (as_text(table), typed) {
            *table = changed;
            return Ok(());
        }
        if inner.is_empty() {
            bail!("{key} = {value}: expected a table with a key in it, such as {{ key = 1 }}");
        }
        return leaves(inner)
            .iter()
            .try_for_each(|(rest, value)| apply(table, &format!("{key}.{rest}"), value));
    }
    if key != CHOICE && !below(table, key).is_empty() || is_below_a_value(table, key) {
        return unknown(table, key);
    }
    // A speaker may be called 7, a folder 1e3: a text was meant where only a text fits. What a name is wanted for says so when
    // it is given another one.
    let reason = match (changed(table, key, value.clone()), value.is_str()) {
        (Ok(changed), _) => {
            *table = changed;
            return Ok(());
        }
        (Err(reason), true) => reason,
        (Err(reason), false) => match (as_text(table), typed) {
            (Ok(changed), Some(_)) => {
                *table = changed;
                return Ok(());
            }
            (Err(other), _) if other.starts_with("unknown variant") => other,
            _ => reason,
        },
    };
    if reason.is_empty() || reason.starts_with("unknown field") {
        return unknown(table, key);
    }
    bail!("{key} = {value}: expected {}", expected(key, &reason))
}

/// The table with one more key set, or why that cannot be: an empty reason where the path leads through what is no table.
fn changed(table: &Table, key: &str, value: Value) -> Result<Table, String> {
    let mut changed = table.clone();
    if !set(&mut changed, key, value) {
        return Err(String::new());
    }
    fits(&changed).map(|()| changed)
}

/// A value that must be one of a list of names.
fn named<T: DeserializeOwned>(key: &str, value: &Value) -> Result<T> {
    let name: Result<T, toml::de::Error> = value.clone().try_into();
    name.map_err(|error| anyhow!("{key} = {value}: expected {}", expected(key, error.message())))
}

fn fits(table: &Table) -> Result<(), String> {
    let parsed: Result<Experiment, toml::de::Error> = Value::Table(table.clone()).try_into();
    parsed.map(drop).map_err(|error| error.message().to_owned())
}

/// Puts `value` at the dotted path, whatever was there; `false` if the path leads through something that is no table.
pub(crate) fn set(table: &mut Table, key: &str, value: Value) -> bool {
    let Some((first, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return true;
    };
    let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(inner) = inner else { return false };
    if CHOICE.ends_with(&format!(".{first}")) {
        let chosen = rest.split('.').next().unwrap_or_default();
        inner.retain(|name, _| name == chosen);
    }
    set(inner, rest, value)
}

/// The allowed values, in words, from a message like ``invalid type: string "x", expected usize``.
fn expected(key: &str, reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    let tail = line.rsplit_once("expected ").map_or(line, |(_, tail)| tail);
    match tail {
        "usize" | "u64" | "u32" => "a whole number of at least 0".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "path string" => "a text in quotes".to_owned(),
        "a sequence" => format!("a list, such as {}", list_example(key)),
        "a map" => "a table of keys".to_owned(),
        other if other.starts_with("struct ") => "a table of keys".to_owned(),
        other => other.replace('`', ""),
    }
}

/// A list that the key takes.
fn list_example(key: &str) -> &'static str {
    match key {
        "synapse.without_delay" => "[hidden0, readout]",
        "neuron.frozen" => "[alpha, beta]",
        "train.augment.noise_snr_db" => "[5, 20]",
        _ => "[128, 128]",
    }
}

fn known(table: &Table) -> Vec<String> {
    leaves(table).into_iter().map(|(key, _)| key).chain(OPTIONAL.map(str::to_owned)).collect()
}

/// The known keys below `key`.
fn below(table: &Table, key: &str) -> Vec<String> {
    let prefix = format!("{key}.");
    known(table).into_iter().filter(|known| known.starts_with(&prefix)).collect()
}

/// Whether a part of the path is a key with a value, which has no keys of its own.
fn is_below_a_value(table: &Table, key: &str) -> bool {
    let above = |known: &String| {
        known != CHOICE && key.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('.'))
    };
    known(table).iter().any(above)
}

fn unknown(table: &Table, key: &str) -> Result<()> {
    let below = below(table, key);
    if !below.is_empty() {
        bail!("{key} is a table; its keys are {}", below.join(", "));
    }
    match hints::meant(key, &known(table)) {
        Some(meant) => bail!("{key} is no key of the configuration; did you mean {meant}?"),
        None => bail!("{key} is no key of the configuration; expected one that the command `config` prints"),
    }
}

/// Every value with its dotted path.
pub(crate) fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    collect(table, "", &mut found);
    found
}

fn collect(table: &Table, prefix: &str, found: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if key != CHOICE => collect(inner, &key, found),
            value => found.push((key, value.clone())),
        }
    }
}

/// The keys whose values differ, with both values.
pub(crate) fn differences(a: &Table, b: &Table) -> Vec<(String, String, String)> {
    let (a, b) = (leaves(a), leaves(b));
    let value = |of: &[(String, Value)], key: &str| {
        of.iter()
            .find(|(name, _)| name == key)
            .map_or_else(|| "nothing".to_owned(), |(_, value)| value.to_string())
    };
    let missing = b.iter().filter(|(key, _)| !a.iter().any(|(known, _)| known == key));
    let pairs = a.iter().chain(missing).map(|(key, _)| (key.clone(), value(&a, key), value(&b, key)));
    pairs.filter(|(_, a, b)| a != b).collect()
}

#[cfg(test)]
mod tests;
