//! Lays the sources of configuration over each other: built-in defaults, profile, file, environment.

use std::path::{Path, PathBuf};

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::reader::Reader;
use super::{ConfigError, Fault};

/// The built-in layer: every key that has a default.
pub(super) const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// What the program was started with.
#[derive(Clone, Debug)]
pub struct Sources {
    /// `development` or `production`: names the file `config/<profile>.toml`.
    pub profile: String,
    /// The folder that holds `config/`.
    pub root: PathBuf,
    /// A further file, which must exist.
    pub file: Option<PathBuf>,
    /// The environment, of which names with the prefix `MENSHEN_` count.
    pub environment: Vec<(String, String)>,
}

/// All layers in one tree, and the apps in the order in which they first appear.
pub(super) struct Layers {
    pub(super) tree: Dict,
    pub(super) apps: Vec<String>,
}

impl Sources {
    /// What this process was started with.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let profile = environment.iter().find(|(name, _)| name == "MENSHEN_PROFILE");
        let profile = profile.map_or("development", |(_, value)| value.as_str()).to_owned();
        Self { profile, root: PathBuf::from("."), file, environment }
    }

    /// The value in force under `key`, as text; lists are parted by commas.
    ///
    /// # Errors
    /// When there is no value under that key, or a source cannot be read.
    pub fn value(&self, key: &str) -> Result<String, ConfigError> {
        let layers = self.merge().map_err(ConfigError)?;
        let reader = Reader::new(&layers.tree);
        let shown = reader.shown(key);
        let faults = reader.into_faults();
        match shown {
            Some(value) if faults.is_empty() => Ok(value),
            None if faults.is_empty() => Err(ConfigError(vec![Fault::new(key, "has no value")])),
            Some(_) | None => Err(ConfigError(faults)),
        }
    }

    pub(super) fn merge(&self) -> Result<Layers, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut figment = Figment::new();
        let mut apps = Vec::new();
        for text in [Ok(DEFAULTS.to_owned())].into_iter().chain(self.files()) {
            match text.and_then(|text| parse(&text)) {
                Ok(table) => {
                    let named = table.get("apps").and_then(toml::Value::as_table);
                    apps.extend(named.into_iter().flat_map(toml::Table::keys).cloned());
                    figment = figment.merge(Serialized::defaults(table));
                }
                Err(fault) => faults.push(fault),
            }
        }
        let (environment, mut misnamed) = Environment::new(&self.environment);
        faults.append(&mut misnamed);
        if let Some(Value::Dict(_, named)) = environment.0.get("apps") {
            apps.extend(named.keys().cloned());
        }
        let merged = figment.merge(environment).extract::<Dict>();
        match merged {
            Ok(tree) if faults.is_empty() => {
                let mut seen = std::collections::BTreeSet::new();
                apps.retain(|name| seen.insert(name.clone()));
                Ok(Layers { tree, apps })
            }
            // What figment says may hold a value, and the value may be a secret.
            Err(_) if faults.is_empty() => {
                Err(vec![Fault::new("configuration", "the sources cannot be merged")])
            }
            Ok(_) | Err(_) => Err(faults),
        }
    }

    /// The texts of the profile's file, where there is one, and of the file that was asked for.
    fn files(&self) -> Vec<Result<String, Fault>> {
        let profile = self.root.join("config").join(format!("{}.toml", self.profile));
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|error| {
                Fault::new(path.display().to_string(), format!("cannot be read: {error}"))
            })
        };
        let profile = profile.exists().then(|| read(&profile));
        profile.into_iter().chain(self.file.as_deref().map(read)).collect()
    }
}

/// Reads TOML; a fault tells place and kind but never the text, which may be a secret.
fn parse(text: &str) -> Result<toml::Table, Fault> {
    text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Fault::new("configuration file", format!("line {line} is not valid TOML"))
    })
}

/// `MENSHEN_SECTION__KEY` variables as a tree whose leaves are all text: figment's own provider would
/// guess types, and so lose the leading zeros of a secret.
struct Environment(Dict);

impl Environment {
    fn new(variables: &[(String, String)]) -> (Self, Vec<Fault>) {
        let (mut tree, mut faults) = (Dict::new(), Vec::new());
        for (name, value) in variables {
            let Some(key) = name.strip_prefix("MENSHEN_").filter(|key| *key != "PROFILE") else {
                continue;
            };
            let path: Vec<String> = key.split("__").map(str::to_ascii_lowercase).collect();
            if path.len() < 2
                || path.iter().any(String::is_empty)
                || !insert(&mut tree, &path, value)
            {
                faults.push(Fault::new(name, "names no key; the form is MENSHEN_SECTION__KEY"));
            }
        }
        (Self(tree), faults)
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
