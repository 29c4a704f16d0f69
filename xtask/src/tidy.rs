//! The shape of the workspace, held by tests: each check takes what is there and returns what
//! offends, so that a planted offender can show that it is able to fail.

mod invariants;
mod layers;
mod manifests;
mod settings;
mod sources;

use std::{fs, path::Path};

use crate::cargo;

/// A file of the repository: its path in it, and its text.
struct Text {
    path: String,
    text: String,
}

impl Text {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The file's lines, numbered from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.split('\n'))
    }
}

/// Every file of the repository whose name ends with `ending`; what is built, installed or kept at run
/// time is not of the repository.
fn texts(ending: &str) -> Vec<Text> {
    fn collect(folder: &Path, ending: &str, found: &mut Vec<Text>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !["target", "data", "node_modules", ".git"].contains(&name) {
                    collect(&path, ending, found);
                }
            } else if name.ends_with(ending) {
                let relative = path.strip_prefix(cargo::root()).unwrap().to_str().unwrap();
                // A file may be gone again: an editor's, or a test's own.
                if let Ok(text) = fs::read_to_string(&path) {
                    found.push(Text::new(relative, &text));
                }
            }
        }
    }
    let mut found = Vec::new();
    collect(cargo::root(), ending, &mut found);
    assert!(!found.is_empty(), "no file ends with {ending}");
    found
}

/// Fails with one line for each offender.
fn assert_none(offenders: &[String]) {
    assert!(offenders.is_empty(), "\n{}\n", offenders.join("\n"));
}
