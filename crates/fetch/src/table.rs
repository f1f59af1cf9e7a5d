//! Reading a TOML table key by key, so that every message names the file, the set and the key.

use colearn_store::shown::short;
use toml::{Table, Value};

use crate::error::FetchError;

/// A table of a manifest; keys leave it as they are read.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a str,
    /// Name of the set, for messages.
    pub(crate) set: String,
    /// What stands before the key in messages, such as `file[0].`.
    pub(crate) prefix: String,
    pub(crate) table: Table,
}

impl Reader<'_> {
    /// A message about `key`.
    pub(crate) fn fault(&self, key: &str, found: impl Into<String>, expected: &str) -> FetchError {
        FetchError::Manifest {
            file: self.file.to_owned(),
            set: self.set.clone(),
            key: format!("{}{key}", self.prefix),
            found: found.into(),
            expected: expected.to_owned(),
        }
    }

    pub(crate) fn optional_text(&mut self, key: &str) -> Result<Option<String>, FetchError> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() && !text.contains(char::is_control) => {
                Ok(Some(text))
            }
            Some(other) => Err(self.fault(key, shown(&other), "a text of one line")),
        }
    }

    pub(crate) fn text(&mut self, key: &str) -> Result<String, FetchError> {
        self.optional_text(key)?.ok_or_else(|| self.fault(key, "nothing", "a text of one line"))
    }

    pub(crate) fn optional_count(&mut self, key: &str) -> Result<Option<u64>, FetchError> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(value) => match value.as_integer().and_then(|count| u64::try_from(count).ok()) {
                Some(count) => Ok(Some(count)),
                None => Err(self.fault(key, shown(&value), "a whole number of at least 0")),
            },
        }
    }

    pub(crate) fn count(&mut self, key: &str) -> Result<u64, FetchError> {
        self.optional_count(key)?.ok_or_else(|| self.fault(key, "nothing", "a whole number of at least 0"))
    }

    /// A list of texts, at least one.
    pub(crate) fn texts(&mut self, key: &str) -> Result<Vec<String>, FetchError> {
        let expected = "a list of texts, at least one";
        let value = self.table.remove(key).ok_or_else(|| self.fault(key, "nothing", expected))?;
        let texts: Option<Vec<String>> = value
            .as_array()
            .and_then(|list| list.iter().map(|text| text.as_str().map(str::to_owned)).collect());
        texts.filter(|texts| !texts.is_empty()).ok_or_else(|| self.fault(key, shown(&value), expected))
    }

    /// A list of tables; none where the key is left out.
    pub(crate) fn tables(&mut self, key: &str) -> Result<Vec<Table>, FetchError> {
        let Some(value) = self.table.remove(key) else { return Ok(Vec::new()) };
        let tables: Option<Vec<Table>> =
            value.as_array().and_then(|list| list.iter().map(|table| table.as_table().cloned()).collect());
        tables.ok_or_else(|| self.fault(key, shown(&value), &format!("tables under [[{key}]]")))
    }

    /// A name that is one plain part of a path, so that no manifest can write outside its folder.
    pub(crate) fn plain_name(&self, key: &str, name: String) -> Result<String, FetchError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(allowed) {
            let expected = "letters, digits, `.`, `_`, `-`, `+`, and no dot in front";
            return Err(self.fault(key, format!("{name:?}"), expected));
        }
        Ok(name)
    }

    /// Every key must have been read by now.
    pub(crate) fn finish(self) -> Result<(), FetchError> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.fault(key, "an unknown key", "a key that this version knows")),
        }
    }
}

/// A value in a message.
fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".to_owned(),
        other => short(&other.to_string()).into_owned(),
    }
}
