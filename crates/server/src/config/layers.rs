//! Configuration sources in increasing precedence: built-in defaults, profile, file, environment.

use std::path::{Path, PathBuf};

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::reader::Reader;
use super::{ConfigError, ConfigIssue};

/// Built-in layer: every key that has a default.
pub(super) const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// Configuration sources of a process.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Profile, `development` or `production`; selects `config/<profile>.toml`.
    pub profile: String,
    /// Folder that contains `config/`.
    pub root: PathBuf,
    /// Additional file, which must exist.
    pub file: Option<PathBuf>,
    /// Environment variables; only names with the prefix `MENSHEN_` are read.
    pub environment: Vec<(String, String)>,
}

/// All layers merged into a tree, with the names of the apps in the order of their first appearance.
pub(super) struct Layers {
    pub(super) tree: Dict,
    pub(super) apps: Vec<String>,
}

impl Sources {
    /// Returns the sources of this process.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let profile = environment.iter().find(|(name, _)| name == "MENSHEN_PROFILE");
        let profile = profile.map_or("development", |(_, value)| value.as_str()).to_owned();
        Self { profile, root: PathBuf::from("."), file, environment }
    }

    /// Returns the effective value of `key` as text; lists are separated by commas.
    ///
    /// # Errors
    /// When the key has no value, or a source cannot be read.
    pub fn value(&self, key: &str) -> Result<String, ConfigError> {
        let layers = self.merge().map_err(ConfigError)?;
        let reader = Reader::new(&layers.tree);
        let value = reader.effective_value(key);
        let issues = reader.into_issues();
        match value {
            Some(value) if issues.is_empty() => Ok(value),
            None if issues.is_empty() => {
                Err(ConfigError(vec![ConfigIssue::new(key, "has no value")]))
            }
            Some(_) | None => Err(ConfigError(issues)),
        }
    }

    pub(super) fn merge(&self) -> Result<Layers, Vec<ConfigIssue>> {
        let mut issues = Vec::new();
        let mut figment = Figment::new();
        let mut apps = Vec::new();
        for text in [Ok(DEFAULTS.to_owned())].into_iter().chain(self.files()) {
            match text.and_then(|text| parse(&text)) {
                Ok(table) => {
                    let named = table.get("apps").and_then(toml::Value::as_table);
                    apps.extend(named.into_iter().flat_map(toml::Table::keys).cloned());
                    figment = figment.merge(Serialized::defaults(table));
                }
                Err(issue) => issues.push(issue),
            }
        }
        let (environment, mut misnamed) = Environment::new(&self.environment);
        issues.append(&mut misnamed);
        if let Some(Value::Dict(_, named)) = environment.0.get("apps") {
            apps.extend(named.keys().cloned());
        }
        let merged = figment.merge(environment).extract::<Dict>();
        match merged {
            Ok(tree) if issues.is_empty() => {
                let mut seen = std::collections::BTreeSet::new();
                apps.retain(|name| seen.insert(name.clone()));
                Ok(Layers { tree, apps })
            }
            // Error texts of figment contain values, which may be secrets.
            Err(_) if issues.is_empty() => {
                Err(vec![ConfigIssue::new("configuration", "the sources cannot be merged")])
            }
            Ok(_) | Err(_) => Err(issues),
        }
    }

    /// Reads the profile's file, if it exists, and the additional file.
    fn files(&self) -> Vec<Result<String, ConfigIssue>> {
        let profile = self.root.join("config").join(format!("{}.toml", self.profile));
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|error| {
                ConfigIssue::new(path.display().to_string(), format!("cannot be read: {error}"))
            })
        };
        let profile = profile.exists().then(|| read(&profile));
        profile.into_iter().chain(self.file.as_deref().map(read)).collect()
    }
}

/// Parses TOML. The issue contains the line number and not the text, which may be a secret.
fn parse(text: &str) -> Result<toml::Table, ConfigIssue> {
    text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigIssue::new("configuration file", format!("line {line} is not valid TOML"))
    })
}

/// `MENSHEN_SECTION__KEY` variables as a tree of texts. Figment's own provider guesses types, which loses
/// the leading zeros of a secret.
struct Environment(Dict);

impl Environment {
    fn new(variables: &[(String, String)]) -> (Self, Vec<ConfigIssue>) {
        let mut tree = Dict::new();
        let mut issues = Vec::new();
        for (name, value) in variables {
            let Some(key) = name.strip_prefix("MENSHEN_").filter(|key| *key != "PROFILE") else {
                continue;
            };
            let path: Vec<String> = key.split("__").map(str::to_ascii_lowercase).collect();
            if path.len() < 2
                || path.iter().any(String::is_empty)
                || !insert(&mut tree, &path, value)
            {
                issues.push(ConfigIssue::new(
                    name,
                    "is not a configuration key; the form is MENSHEN_SECTION__KEY",
                ));
            }
        }
        (Self(tree), issues)
    }
}

fn insert(tree: &mut Dict, path: &[String], value: &str) -> bool {
    match path {
        [] => false,
        [key] => tree.insert(key.clone(), Value::from(value)).is_none(),
        [section, rest @ ..] => {
            let section = tree.entry(section.clone()).or_insert_with(|| Value::from(Dict::new()));
            match section {
                Value::Dict(_, section) => insert(section, rest, value),
                Value::String(..)
                | Value::Char(..)
                | Value::Bool(..)
                | Value::Num(..)
                | Value::Empty(..)
                | Value::Array(..) => false,
            }
        }
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}
