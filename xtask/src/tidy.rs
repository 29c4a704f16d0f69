//! Tidy checks: rules of the workspace that the compiler and clippy cannot check.
//!
//! They run as tests. Each check is a function that takes files and returns the offenders, so that
//! further tests can show that it finds a planted offender.

mod bindings;
mod doc_comments;
mod domain_layers;
mod invariants;
mod layers;
mod manifests;
mod rust_code;
mod settings;
mod sizes;
mod sources;
mod words;

use std::{fs, path::Path};

use crate::cargo;

/// A text file of the repository.
struct SourceFile {
    /// Path relative to the root of the repository.
    path: String,
    text: String,
}

impl SourceFile {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Returns the lines with their numbers, which start at 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.split('\n'))
    }
}

/// Folders that contain no files of the repository: build output, packages and runtime data.
const IGNORED_FOLDERS: [&str; 4] = ["target", "data", "node_modules", ".git"];

/// Reads every text file of the repository whose name ends with `suffix`.
fn source_files(suffix: &str) -> Vec<SourceFile> {
    fn collect(folder: &Path, suffix: &str, found: &mut Vec<SourceFile>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !IGNORED_FOLDERS.contains(&name) {
                    collect(&path, suffix, found);
                }
            } else if name.ends_with(suffix) {
                let relative = path.strip_prefix(cargo::root()).unwrap().to_str().unwrap();
                // Binary files are skipped, and temporary files that were deleted meanwhile.
                if let Ok(text) = fs::read_to_string(&path) {
                    found.push(SourceFile::new(relative, &text));
                }
            }
        }
    }
    let mut found = Vec::new();
    collect(cargo::root(), suffix, &mut found);
    assert!(!found.is_empty(), "no file name ends with {suffix}");
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

/// Fails with one line for each offender.
fn assert_none(offenders: &[String]) {
    assert!(offenders.is_empty(), "{} offenders:\n{}\n", offenders.len(), offenders.join("\n"));
}
