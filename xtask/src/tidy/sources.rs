//! Rules for every source file.

use super::{SourceFile, assert_none, source_files};

/// Finds Rust files whose first line does not state their purpose.
fn without_purpose(sources: &[SourceFile]) -> Vec<String> {
    let offenders = sources.iter().filter(|source| !source.text.starts_with("//! "));
    offenders
        .map(|source| format!("{} must start with `//!` and a sentence", source.path))
        .collect()
}

/// Finds modules named `mod.rs`, which cannot be distinguished in an editor's tabs.
fn named_mod(sources: &[SourceFile]) -> Vec<String> {
    let offenders = sources.iter().filter(|source| source.path.ends_with("/mod.rs"));
    offenders
        .map(|source| format!("{} must be named after its folder, next to it", source.path))
        .collect()
}

/// Finds lines that end in blanks, which editors add and remove in unrelated changes.
fn trailing_blanks(files: &[SourceFile]) -> Vec<String> {
    lines_where(files, "ends in blanks", |line| line.ends_with([' ', '\t', '\r']))
}

/// Finds tests that are ignored, or that pass with any panic.
fn ineffective_tests(sources: &[SourceFile]) -> Vec<String> {
    // `concat!` keeps this file from being an offender.
    let ignored = concat!("#[", "ignore");
    let any_panic = concat!("should", "_panic");
    lines_where(sources, "is not an effective test: assert the expected result", |line| {
        line.contains(ignored) || line.contains(any_panic)
    })
}

fn lines_where(
    files: &[SourceFile],
    problem: &str,
    is_offender: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut offenders = Vec::new();
    for file in files {
        for (number, _) in file.lines().filter(|(_, line)| is_offender(line)) {
            offenders.push(format!("{}:{number} {problem}", file.path));
        }
    }
    offenders
}

mod tests {
    use super::*;

    #[test]
    fn every_source_file_states_its_purpose() {
        assert_none(&without_purpose(&source_files(".rs")));
    }

    #[test]
    fn no_module_is_named_mod() {
        assert_none(&named_mod(&source_files(".rs")));
    }

    #[test]
    fn no_line_ends_in_blanks() {
        for suffix in [".rs", ".toml", ".md", ".py", ".ts", ".js", ".mjs", ".wxml", ".wxss"] {
            assert_none(&trailing_blanks(&source_files(suffix)));
        }
    }

    #[test]
    fn every_test_is_effective() {
        assert_none(&ineffective_tests(&source_files(".rs")));
    }

    #[test]
    fn file_without_purpose_is_named() {
        let planted =
            [SourceFile::new("a.rs", "//! Purpose.\n"), SourceFile::new("b.rs", "use std::fmt;\n")];
        assert_eq!(without_purpose(&planted), ["b.rs must start with `//!` and a sentence"]);
    }

    #[test]
    fn module_named_mod_is_named() {
        let planted = [SourceFile::new("src/a.rs", ""), SourceFile::new("src/a/mod.rs", "")];
        assert_eq!(
            named_mod(&planted),
            ["src/a/mod.rs must be named after its folder, next to it"]
        );
    }

    #[test]
    fn line_with_trailing_blanks_is_named() {
        let planted = [SourceFile::new("a.md", "good\nbad \n\tgood\nbad\t\nbad\r\n")];
        let offenders = ["a.md:2 ends in blanks", "a.md:4 ends in blanks", "a.md:5 ends in blanks"];
        assert_eq!(trailing_blanks(&planted), offenders);
    }

    #[test]
    fn ineffective_test_is_named() {
        let ignored = concat!("#[test]\n#[", "ignore]\nfn a() {}\n");
        let any_panic = concat!("#[", "should", "_panic]\n");
        let planted = [SourceFile::new("a.rs", ignored), SourceFile::new("b.rs", any_panic)];
        let offenders = ineffective_tests(&planted);
        assert_eq!(offenders.len(), 2, "{offenders:?}");
        assert!(offenders[0].starts_with("a.rs:2 "), "{offenders:?}");
    }
}
