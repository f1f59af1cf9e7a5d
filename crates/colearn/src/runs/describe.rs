//! A whole configuration with a comment on every key.
//!
//! The comments are the documentation of the fields where they are defined. `describe/tables.txt` holds the definitions, so
//! that the package has them; a test holds it to the sources, and writes it anew with `COLEARN_UPDATE=1`.

use std::fmt::Write;

use anyhow::{Context, Result};
use colearn_network::model_names;
use toml::{Table, Value};

use super::experiment::Experiment;

/// The tables of an experiment as they are defined.
const TABLES: &str = include_str!("describe/tables.txt");

/// Keys that stand for several and so are no fields: table, key, and what it says, where MODELS stands
/// for all names of models. (Of `data.front_end` there is a field.)
const COLLECTIVE: [(&str, &str, &str); 2] = [
    (
        "",
        "model",
        "The model, which sets neuron.model and synapse.delay: learned delays with d- before the name. Range: MODELS. \
         Source: docs/equations.md.",
    ),
    (
        "data",
        "recipe",
        "A published way to bin spikes, which sets step_s, steps, first_step, sum_channels, pad and values. Range: \
         `ten_ms`, `sparch`, `dcls`. Source: docs/data.md.",
    ),
];

/// Columns of a comment.
const WIDTH: usize = 100;

/// A field of a table: its name, its type as written, and its documentation.
struct Key {
    name: String,
    kind: String,
    comment: String,
}

/// The experiment as TOML with a comment on every key: what it means, its range, unit and source. It can be read back.
///
/// # Errors
/// When a value cannot be written as TOML.
pub fn described(experiment: &Experiment) -> Result<String> {
    let mut text = String::new();
    describe(&mut text, "", &experiment.to_table()?, "Experiment")?;
    Ok(text)
}

/// The keys of one table, then those of the tables in it.
fn describe(text: &mut String, path: &str, table: &Table, kind: &str) -> Result<()> {
    let keys = keys(kind).with_context(|| format!("{kind}: no such table in the sources"))?;
    let is_table = |key: &Key| keys_exist(&key.kind);
    for (_, name, words) in COLLECTIVE.iter().filter(|(of, ..)| *of == path) {
        let models = model_names().into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        comment(text, &words.replace("MODELS", &models.join(", ")));
        writeln!(text, "# {name} =")?;
    }
    for key in keys.iter().filter(|key| !is_table(key)) {
        comment(text, &key.comment);
        match table.get(&key.name) {
            Some(value) => writeln!(text, "{} = {value}", key.name)?,
            None => writeln!(text, "# {} =", key.name)?,
        }
    }
    for key in keys.iter().filter(|key| is_table(key)) {
        let name = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
        let Some(Value::Table(inner)) = table.get(&key.name) else { continue };
        text.push('\n');
        comment(text, &key.comment);
        writeln!(text, "[{name}]")?;
        describe(text, &name, inner, &key.kind)?;
    }
    Ok(())
}

fn keys_exist(kind: &str) -> bool {
    body(kind).is_some()
}

/// The lines between the braces of a struct.
fn body(kind: &str) -> Option<&'static str> {
    let (_, rest) = TABLES.split_once(&format!("pub struct {kind} {{\n"))?;
    rest.split_once("\n}").map(|(body, _)| body)
}

/// The fields of a struct in their order.
fn keys(kind: &str) -> Option<Vec<Key>> {
    let (mut keys, mut documentation) = (Vec::new(), Vec::new());
    for line in body(kind)?.lines().map(str::trim) {
        if let Some(part) = line.strip_prefix("///") {
            documentation.push(part.trim());
            continue;
        }
        let field = line.strip_prefix("pub ");
        if let Some((name, kind)) = field.and_then(|field| field.trim_end_matches(',').split_once(": ")) {
            let comment = plain(&std::mem::take(&mut documentation).join(" "));
            keys.push(Key { name: name.to_owned(), kind: kind.to_owned(), comment });
        }
    }
    Some(keys)
}

/// Documentation without its links: of a name in brackets with a place behind it the name is left.
fn plain(documentation: &str) -> String {
    let mut text = String::new();
    let mut rest = documentation;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else { break };
        let own = name.rsplit("::").next().unwrap_or(name);
        text.extend([before, "`", own, "`"]);
        rest = match after.strip_prefix('(').and_then(|place| place.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    text + rest
}

/// Lines of a comment of at most [`WIDTH`] columns: what a key means, then its range, unit and source.
fn comment(text: &mut String, words: &str) {
    match words.split_once(" Range: ") {
        Some((meaning, range)) => {
            wrapped(text, meaning);
            wrapped(text, &format!("Range: {range}"));
        }
        None => wrapped(text, words),
    }
}

fn wrapped(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests;
