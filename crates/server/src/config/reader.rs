//! Typed values of the merged configuration; collects all issues instead of stopping at the first.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use figment::value::{Dict, Value};
use secrecy::{ExposeSecret, SecretString};

use super::ConfigIssue;

/// The configuration tree, the keys read so far and their issues. An invalid value reads as the type's
/// default, so that reading continues; the result is discarded in the end.
pub(super) struct Reader<'a> {
    tree: &'a Dict,
    known: RefCell<BTreeSet<String>>,
    issues: RefCell<Vec<ConfigIssue>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tree: &'a Dict) -> Self {
        Self { tree, known: RefCell::default(), issues: RefCell::default() }
    }

    /// Records an issue of `key`.
    pub(super) fn reject(&self, key: &str, problem: impl Into<String>) {
        self.issues.borrow_mut().push(ConfigIssue::new(key, problem));
    }

    /// Returns the value, or records the error.
    pub(super) fn checked<T, E: std::error::Error>(
        &self,
        key: &str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.reject(key, error.to_string())).ok()
    }

    /// Reads text; empty if absent.
    pub(super) fn text(&self, key: &str) -> String {
        self.optional_text(key).unwrap_or_default()
    }

    /// Reads required text.
    pub(super) fn required(&self, key: &str) -> String {
        let text = self.text(key);
        if text.is_empty() {
            self.reject(key, "is missing");
        }
        text
    }

    /// Reads a whole number within `allowed`.
    pub(super) fn whole(&self, key: &str, allowed: RangeInclusive<u32>) -> u32 {
        let number = match self.value(key) {
            Some(Value::Num(_, number)) => number.to_i128(),
            Some(Value::String(_, text)) => text.parse().ok(),
            Some(_) | None => None,
        };
        let number = number.and_then(|n| u32::try_from(n).ok()).filter(|n| allowed.contains(n));
        number.unwrap_or_else(|| {
            let (least, most) = allowed.into_inner();
            self.reject(key, format!("must be a whole number from {least} to {most}"));
            least
        })
    }

    /// Reads a number from 0 to 1.
    pub(super) fn ratio(&self, key: &str) -> f64 {
        let number = match self.value(key) {
            Some(Value::String(_, text)) => text.parse().ok(),
            Some(Value::Num(_, number)) => number.to_f64().or_else(|| {
                number.to_i128().and_then(|whole| u32::try_from(whole).ok()).map(f64::from)
            }),
            Some(_) | None => None,
        };
        number.filter(|ratio| (0.0..=1.0).contains(ratio)).unwrap_or_else(|| {
            self.reject(key, "must be a number from 0 to 1");
            0.0
        })
    }

    /// Reads a whole number within `allowed`; `default` if absent.
    pub(super) fn whole_or(&self, key: &str, default: u32, allowed: RangeInclusive<u32>) -> u32 {
        if self.value(key).is_some() { self.whole(key, allowed) } else { default }
    }

    /// Reads a boolean; `default` if absent.
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        match self.value(key) {
            None => default,
            Some(Value::Bool(_, flag)) => *flag,
            Some(Value::String(_, text)) if text == "true" => true,
            Some(Value::String(_, text)) if text == "false" => false,
            Some(_) => {
                self.reject(key, "must be true or false");
                default
            }
        }
    }

    /// Reads a list of texts, separated by commas in the environment.
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
            self.reject(key, "must be a list of texts");
            Vec::new()
        })
    }

    /// Reads a secret from its key or from the file that `<key>_file` names. Issues do not contain its value.
    pub(super) fn secret(&self, key: &str) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        let given = self.optional_text(key).filter(|text| !text.is_empty());
        let Some(path) = self.optional_text(&file_key) else {
            return given.map(SecretString::from);
        };
        match std::fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => Some(text.trim().into()),
            Ok(_) => {
                self.reject(&file_key, format!("the file {path} is empty"));
                None
            }
            Err(error) => {
                self.reject(&file_key, format!("the file {path} cannot be read: {error}"));
                None
            }
        }
    }

    /// Reads secrets separated by commas, blanks or line breaks, from the places of [`Self::secret`].
    pub(super) fn secrets(&self, key: &str) -> Vec<SecretString> {
        let all = self.secret(key).unwrap_or_default();
        let parts = all.expose_secret().split([',', ' ', '\t', '\r', '\n']);
        parts.filter(|part| !part.is_empty()).map(SecretString::from).collect()
    }

    /// Reads a required secret; `hint` tells where to get it.
    pub(super) fn required_secret(&self, key: &str, hint: &str) -> Option<SecretString> {
        let before = self.issues.borrow().len();
        let secret = self.secret(key);
        if secret.is_none() && self.issues.borrow().len() == before {
            self.reject(key, format!("is missing; {hint}"));
        }
        secret
    }

    /// Formats any value except a table as text, including the content of a `_file`.
    pub(super) fn effective_value(&self, key: &str) -> Option<String> {
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

    /// Issues of the values read so far.
    pub(super) fn into_issues(self) -> Vec<ConfigIssue> {
        self.issues.into_inner()
    }

    /// Names of the tables below `section`.
    pub(super) fn names(&self, section: &str) -> Vec<String> {
        match self.tree.get(section) {
            Some(Value::Dict(_, tables)) => tables.keys().cloned().collect(),
            Some(_) => {
                self.reject(section, "must be tables, one per name");
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Returns all issues, including one for every unknown key.
    pub(super) fn finish(self) -> Result<(), Vec<ConfigIssue>> {
        let mut issues = self.issues.into_inner();
        let known = self.known.into_inner();
        let mut present = Vec::new();
        leaves(self.tree, "", &mut present);
        let unknown = present.into_iter().filter(|key| !known.contains(key));
        issues
            .extend(unknown.map(|key| ConfigIssue::new(key, "is not a key of the configuration")));
        if issues.is_empty() { Ok(()) } else { Err(issues) }
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
                self.reject(key, "must be text in quotes");
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
