//! What every source file keeps to.

use super::{Text, assert_none, texts};

/// Rust files that do not say in their first line what they are for.
fn without_purpose(sources: &[Text]) -> Vec<String> {
    let lacking = sources.iter().filter(|source| !source.text.starts_with("//! "));
    lacking.map(|source| format!("{} must open with `//!` and a sentence", source.path)).collect()
}

/// Modules named `mod.rs`: ten open files of one name.
fn named_mod(sources: &[Text]) -> Vec<String> {
    let named = sources.iter().filter(|source| source.path.ends_with("/mod.rs"));
    named
        .map(|source| format!("{} must be named after its folder, beside it", source.path))
        .collect()
}

/// Lines that end in blanks: they come and go in every diff.
fn trailing_blanks(texts: &[Text]) -> Vec<String> {
    lines_where(texts, "ends in blanks", |line| line.ends_with([' ', '\t', '\r']))
}

/// Tests that are switched off, or that pass whatever it is that panics.
fn idle_tests(sources: &[Text]) -> Vec<String> {
    // In pieces, so that this file is not an offender itself.
    let (off, vague) = (concat!("#[", "ignore"), concat!("should", "_panic"));
    lines_where(sources, "is no test: assert what happens instead", |line| {
        line.contains(off) || line.contains(vague)
    })
}

fn lines_where(texts: &[Text], what: &str, offends: impl Fn(&str) -> bool) -> Vec<String> {
    let mut offenders = Vec::new();
    for text in texts {
        for (number, _) in text.lines().filter(|(_, line)| offends(line)) {
            offenders.push(format!("{}:{number} {what}", text.path));
        }
    }
    offenders
}

mod tests {
    use super::*;

    #[test]
    fn every_source_file_opens_with_its_purpose() {
        assert_none(&without_purpose(&texts(".rs")));
    }

    #[test]
    fn no_module_is_named_mod() {
        assert_none(&named_mod(&texts(".rs")));
    }

    #[test]
    fn no_line_ends_in_blanks() {
        for ending in [".rs", ".toml", ".md", ".py", ".ts", ".js", ".mjs", ".wxml", ".wxss"] {
            assert_none(&trailing_blanks(&texts(ending)));
        }
    }

    #[test]
    fn every_test_runs_and_says_what_it_expects() {
        assert_none(&idle_tests(&texts(".rs")));
    }

    #[test]
    fn a_file_without_purpose_is_named() {
        let planted = [Text::new("a.rs", "//! Good.\n"), Text::new("b.rs", "use std::fmt;\n")];
        assert_eq!(without_purpose(&planted), ["b.rs must open with `//!` and a sentence"]);
    }

    #[test]
    fn a_module_named_mod_is_named() {
        let planted = [Text::new("src/a.rs", ""), Text::new("src/a/mod.rs", "")];
        assert_eq!(named_mod(&planted), ["src/a/mod.rs must be named after its folder, beside it"]);
    }

    #[test]
    fn a_line_that_ends_in_blanks_is_named() {
        let planted = [Text::new("a.md", "good\nbad \n\tgood\nbad\t\nbad\r\n")];
        let offenders = ["a.md:2 ends in blanks", "a.md:4 ends in blanks", "a.md:5 ends in blanks"];
        assert_eq!(trailing_blanks(&planted), offenders);
    }

    #[test]
    fn a_test_that_is_switched_off_is_named() {
        let off = concat!("#[test]\n#[", "ignore]\nfn a() {}\n");
        let vague = concat!("#[", "should", "_panic]\n");
        let offenders = idle_tests(&[Text::new("a.rs", off), Text::new("b.rs", vague)]);
        assert_eq!(offenders.len(), 2, "{offenders:?}");
        assert!(offenders[0].starts_with("a.rs:2 "), "{offenders:?}");
    }
}
