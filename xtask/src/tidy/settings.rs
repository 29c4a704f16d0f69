//! The settings that are named where the program is deployed, and those that there are.

use super::{Text, assert_none, texts};

/// The page that has all keys, one table a section.
const REFERENCE: &str = "docs/reference/configuration.md";

/// Variables in `source` that set no key of the reference.
fn unknown(source: &Text, reference: &[Key]) -> Vec<String> {
    let mut offenders = Vec::new();
    for (number, line) in source.lines() {
        let named = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let named = named.filter(|word| word.starts_with("MENSHEN_") && *word != "MENSHEN_PROFILE");
        for variable in
            named.filter(|variable| !reference.iter().any(|key| key.is_set_by(variable)))
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
    fn is_set_by(&self, variable: &str) -> bool {
        let path = variable.trim_start_matches("MENSHEN_").to_ascii_lowercase();
        let mut path: Vec<&str> = path.split("__").collect();
        let last = path.pop().unwrap_or_default();
        let of_file = last.strip_suffix("_file").filter(|_| self.is_secret);
        // Of a section with a name of the operator's own, as in `apps.<name>`, any will do.
        let sections = self.section.split('.');
        let same = |(named, section): (&&str, &str)| *named == section || section.starts_with('<');
        (last == self.name || of_file == Some(&self.name))
            && sections.clone().count() == path.len()
            && path.iter().zip(sections).all(same)
    }
}

fn keys(reference: &str) -> Vec<Key> {
    let (mut keys, mut section) = (Vec::new(), String::new());
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
    fn every_variable_that_a_deployment_names_sets_a_key() {
        let all = texts("");
        let reference = all.iter().find(|text| text.path == REFERENCE).unwrap();
        let keys = keys(&reference.text);
        let deployments: Vec<_> = all
            .iter()
            .filter(|t| t.path.starts_with("deploy/") || t.path == "docs/guides/deploying.md")
            .collect();
        assert!(deployments.iter().any(|text| text.text.contains("MENSHEN_SEALING__KEY_FILE")));
        let offenders: Vec<_> = deployments.iter().flat_map(|text| unknown(text, &keys)).collect();
        assert_none(&offenders);
    }

    #[test]
    fn a_variable_that_sets_nothing_is_named() {
        let keys = keys(
            "## a\n| `b` | 1 | c. |\n## apps.&lt;name>\n| `s` | | Secret: usually s_file. |\n",
        );
        let good = "MENSHEN_A__B=1 MENSHEN_APPS__X__S MENSHEN_APPS__Y__S_FILE MENSHEN_PROFILE";
        assert!(unknown(&Text::new("x", good), &keys).is_empty());
        for bad in
            ["MENSHEN_A", "MENSHEN_A__C", "MENSHEN_A__B_FILE", "MENSHEN_B__B", "MENSHEN_APPS__S"]
        {
            let offender = format!("x:2: {bad} sets no key of docs/reference/configuration.md");
            assert_eq!(unknown(&Text::new("x", &format!("\n'{bad}'")), &keys), [offender]);
        }
    }
}
