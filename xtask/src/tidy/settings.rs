//! Check of the settings in deployment files: every variable sets a key of the configuration.

use super::{SourceFile, assert_none, source_files};

/// Page with all keys: one table per section.
const REFERENCE: &str = "docs/reference/configuration.md";

/// Finds variables in `source` that set no key of the reference.
fn unknown(source: &SourceFile, reference: &[Key]) -> Vec<String> {
    let mut offenders = Vec::new();
    for (number, line) in source.lines() {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let variables =
            words.filter(|word| word.starts_with("MENSHEN_") && *word != "MENSHEN_PROFILE");
        for variable in
            variables.filter(|variable| !reference.iter().any(|key| key.is_set_by(variable)))
        {
            offenders
                .push(format!("{}:{number}: {variable} sets no key of {REFERENCE}", source.path));
        }
    }
    offenders
}

/// A key of the configuration.
struct Key {
    section: String,
    name: String,
    is_secret: bool,
}

impl Key {
    /// Returns true if the environment variable sets this key.
    fn is_set_by(&self, variable: &str) -> bool {
        let path = variable.trim_start_matches("MENSHEN_").to_ascii_lowercase();
        let mut path: Vec<&str> = path.split("__").collect();
        let last = path.pop().unwrap_or_default();
        let without_suffix = last.strip_suffix("_file").filter(|_| self.is_secret);
        // The operator chooses the name in a section like `apps.<name>`.
        let sections = self.section.split('.');
        let matches = |(part, section): (&&str, &str)| *part == section || section.starts_with('<');
        (last == self.name || without_suffix == Some(&self.name))
            && sections.clone().count() == path.len()
            && path.iter().zip(sections).all(matches)
    }
}

/// Reads the keys from the tables of the reference.
fn keys(reference: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut section = String::new();
    for line in reference.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.replace("&lt;", "<");
        } else if let Some((name, rest)) = line.strip_prefix("| `").and_then(|l| l.split_once('`'))
        {
            let is_secret = rest.contains("Secret: ");
            keys.push(Key { section: section.clone(), name: name.to_owned(), is_secret });
        }
    }
    keys
}

mod tests {
    use super::*;

    #[test]
    fn every_variable_in_a_deployment_sets_a_key() {
        let files = source_files("");
        let reference = files.iter().find(|file| file.path == REFERENCE).unwrap();
        let keys = keys(&reference.text);
        let deployments: Vec<_> = files
            .iter()
            .filter(|file| {
                file.path.starts_with("deploy/") || file.path == "docs/guides/deploying.md"
            })
            .collect();
        assert!(deployments.iter().any(|file| file.text.contains("MENSHEN_SEALING__KEY_FILE")));
        let offenders: Vec<_> = deployments.iter().flat_map(|file| unknown(file, &keys)).collect();
        assert_none(&offenders);
    }

    #[test]
    fn variable_without_a_key_is_named() {
        let keys = keys(
            "## a\n| `b` | 1 | c. |\n## apps.&lt;name>\n| `s` | | Secret: usually s_file. |\n",
        );
        let valid = "MENSHEN_A__B=1 MENSHEN_APPS__X__S MENSHEN_APPS__Y__S_FILE MENSHEN_PROFILE";
        assert!(unknown(&SourceFile::new("x", valid), &keys).is_empty());
        for invalid in
            ["MENSHEN_A", "MENSHEN_A__C", "MENSHEN_A__B_FILE", "MENSHEN_B__B", "MENSHEN_APPS__S"]
        {
            let offender = format!("x:2: {invalid} sets no key of docs/reference/configuration.md");
            assert_eq!(
                unknown(&SourceFile::new("x", &format!("\n'{invalid}'")), &keys),
                [offender]
            );
        }
    }
}
