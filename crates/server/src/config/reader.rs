//! Reads typed values out of the merged tree, and collects every fault instead of stopping at the
//! first.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use figment::value::{Dict, Value};
use secrecy::{ExposeSecret, SecretString};

use super::Fault;

/// The tree, what was read of it, and what was wrong. A faulty value reads as the type's default: the
/// result is thrown away in the end, but the reading goes on.
pub(super) struct Reader<'a> {
    tree: &'a Dict,
    known: RefCell<BTreeSet<String>>,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tree: &'a Dict) -> Self {
        Self { tree, known: RefCell::default(), faults: RefCell::default() }
    }

    /// Notes that `key` is not as it should be.
    pub(super) fn fault(&self, key: &str, problem: impl Into<String>) {
        self.faults.borrow_mut().push(Fault::new(key, problem));
    }

    /// The value if it converts, else a fault.
    pub(super) fn checked<T, E: std::error::Error>(
        &self,
        key: &str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.fault(key, error.to_string())).ok()
    }

    /// Text; empty when absent.
    pub(super) fn text(&self, key: &str) -> String {
        self.optional_text(key).unwrap_or_default()
    }

    /// Text that must be there.
    pub(super) fn required(&self, key: &str) -> String {
        let text = self.text(key);
        if text.is_empty() {
            self.fault(key, "is missing");
        }
        text
    }

    /// A whole number within `allowed`.
    pub(super) fn whole(&self, key: &str, allowed: RangeInclusive<u32>) -> u32 {
        let number = match self.value(key) {
            Some(Value::Num(_, number)) => number.to_i128(),
            Some(Value::String(_, text)) => text.parse().ok(),
            Some(_) | None => None,
        };
        let number = number.and_then(|n| u32::try_from(n).ok()).filter(|n| allowed.contains(n));
        number.unwrap_or_else(|| {
            let (least, most) = allowed.into_inner();
            self.fault(key, format!("must be a whole number from {least} to {most}"));
            least
        })
    }

    /// A part of all: a number from 0 to 1.
    pub(super) fn ratio(&self, key: &str) -> f64 {
        let number = match self.value(key) {
            Some(Value::String(_, text)) => text.parse().ok(),
            Some(Value::Num(_, number)) => number.to_f64().or_else(|| {
                number.to_i128().and_then(|whole| u32::try_from(whole).ok()).map(f64::from)
            }),
            Some(_) | None => None,
        };
        number.filter(|ratio| (0.0..=1.0).contains(ratio)).unwrap_or_else(|| {
            self.fault(key, "must be a number from 0 to 1");
            0.0
        })
    }

    /// The same; `default` when absent.
    pub(super) fn whole_or(&self, key: &str, default: u32, allowed: RangeInclusive<u32>) -> u32 {
        if self.value(key).is_some() { self.whole(key, allowed) } else { default }
    }

    /// Yes or no; `default` when absent.
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        match self.value(key) {
            None => default,
            Some(Value::Bool(_, flag)) => *flag,
            Some(Value::String(_, text)) if text == "true" => true,
            Some(Value::String(_, text)) if text == "false" => false,
            Some(_) => {
                self.fault(key, "must be true or false");
                default
            }
        }
    }

    /// A list of texts; in the environment they are parted by commas.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        let split = |text: &str| text.split(',').map(|item| item.trim().to_owned()).collect();
        let items = match self.value(key) {
            Some(Value::Array(_, items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Some(Value::String(_, text)) if text.trim().is_empty() => Some(Vec::new()),
            Some(Value::String(_, text)) => Some(split(text)),
            Some(_) => None,
            None => Some(Vec::new()),
        };
        items.unwrap_or_else(|| {
            self.fault(key, "must be a list of texts");
            Vec::new()
        })
    }

    /// A secret: under its key, or in the file that `<key>_file` names. No fault tells its value.
    pub(super) fn secret(&self, key: &str) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        let given = self.optional_text(key).filter(|text| !text.is_empty());
        let Some(path) = self.optional_text(&file_key) else {
            return given.map(SecretString::from);
        };
        match std::fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => Some(text.trim().into()),
            Ok(_) => {
                self.fault(&file_key, format!("the file {path} is empty"));
                None
            }
            Err(error) => {
                self.fault(&file_key, format!("the file {path} cannot be read: {error}"));
                None
            }
        }
    }

    /// Secrets parted by commas or blanks, where [`Self::secret`] finds them: in a file, one a line.
    pub(super) fn secrets(&self, key: &str) -> Vec<SecretString> {
        let all = self.secret(key).unwrap_or_default();
        let parts = all.expose_secret().split([',', ' ', '\t', '\r', '\n']);
        parts.filter(|part| !part.is_empty()).map(SecretString::from).collect()
    }

    /// A secret that must be there; `hint` says where it comes from.
    pub(super) fn required_secret(&self, key: &str, hint: &str) -> Option<SecretString> {
        let before = self.faults.borrow().len();
        let secret = self.secret(key);
        if secret.is_none() && self.faults.borrow().len() == before {
            self.fault(key, format!("is missing; {hint}"));
        }
        secret
    }

    /// Any value but a table, as text; what a file holds is read from there.
    pub(super) fn shown(&self, key: &str) -> Option<String> {
        match self.value(key) {
            Some(Value::Bool(_, flag)) => Some(flag.to_string()),
            Some(Value::Num(_, number)) => {
                let whole = number.to_i128().map(|number| number.to_string());
                whole.or_else(|| number.to_f64().map(|number| number.to_string()))
            }
            Some(Value::Array(..)) => Some(self.list(key).join(",")),
            Some(Value::Empty(..) | Value::Dict(..)) => None,
            Some(Value::String(..) | Value::Char(..)) | None => {
                let secret = self.secret(key).map(|secret| secret.expose_secret().to_owned());
                secret.or_else(|| self.optional_text(key))
            }
        }
    }

    /// What was wrong with the values read so far.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }

    /// The names of the tables below `section`.
    pub(super) fn names(&self, section: &str) -> Vec<String> {
        match self.tree.get(section) {
            Some(Value::Dict(_, tables)) => tables.keys().cloned().collect(),
            Some(_) => {
                self.fault(section, "must be tables, one per name");
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// All faults: those met while reading, and every key nobody asked for.
    pub(super) fn finish(self) -> Result<(), Vec<Fault>> {
        let mut faults = self.faults.into_inner();
        let known = self.known.into_inner();
        let mut present = Vec::new();
        leaves(self.tree, "", &mut present);
        let unknown = present.into_iter().filter(|key| !known.contains(key));
        faults.extend(unknown.map(|key| Fault::new(key, "is not a key of the configuration")));
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn optional_text(&self, key: &str) -> Option<String> {
        match self.value(key)? {
            Value::String(_, text) => Some(text.clone()),
            Value::Char(_, letter) => Some(letter.to_string()),
            Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Dict(..)
            | Value::Array(..) => {
                self.fault(key, "must be text in quotes");
                None
            }
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.known.borrow_mut().insert(key.to_owned());
        let (section, rest) = key.split_once('.')?;
        rest.split('.').try_fold(self.tree.get(section)?, |value, part| match value {
            Value::Dict(_, table) => table.get(part),
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => None,
        })
    }
}

fn leaves(tree: &Dict, prefix: &str, found: &mut Vec<String>) {
    for (name, value) in tree {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Dict(_, table) => leaves(table, &key, found),
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => found.push(key),
        }
    }
}
