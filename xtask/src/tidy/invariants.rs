//! The invariants that `docs/explanations/architecture.md` states, and the tests they name.

use super::{Text, assert_none, texts};

/// Invariants of `page` that name no test, or one that `sources` do not have.
fn unheld(page: &Text, sources: &[Text]) -> Vec<String> {
    let tests: Vec<&str> = sources.iter().flat_map(tests).collect();
    let mut offenders = Vec::new();
    for (number, invariant) in invariants(page) {
        let offender = match named_test(&invariant) {
            None => "the invariant does not end with its test's name in backticks".to_owned(),
            Some(name) if !tests.contains(&name) => format!("there is no test `{name}`"),
            Some(_) => continue,
        };
        offenders.push(format!("{}:{number}: {offender}", page.path));
    }
    offenders
}

/// The paragraphs that state one, on one line each, with the number of their first line.
fn invariants(page: &Text) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (number, line) in page.lines() {
        if line.contains("**Invariant:**") {
            found.push((number, String::new()));
            inside = true;
        }
        inside &= !line.trim().is_empty();
        if let Some((_, text)) = found.last_mut().filter(|_| inside) {
            text.extend([" ", line.trim()]);
        }
    }
    found
}

/// The name in the last pair of backticks, if nothing but punctuation follows.
fn named_test(invariant: &str) -> Option<&str> {
    let invariant = invariant.trim_end_matches([')', '.', ' ']).strip_suffix('`')?;
    invariant.rsplit_once('`').map(|(_, name)| name)
}

/// What makes a test of each name in it, for several databases.
const LISTS: [&str; 2] = ["testkit::on_every_database! {", "testkit::on_every_server! {"];

/// The names of a file's tests. Every function of the testkit's contract suites is one too: its
/// `#[test]` is written by the macro that runs a suite against an adapter. So is what stands in
/// one of [`LISTS`], a name in a line.
fn tests(source: &Text) -> impl Iterator<Item = &str> {
    let (mut marked, mut listed) = (false, false);
    let suite = source.path.starts_with("crates/testkit/");
    source.lines().filter_map(move |(_, line)| {
        if listed || LISTS.contains(&line) {
            listed = line != "}";
            return line.strip_prefix("    ");
        }
        let line = line.trim();
        if line.starts_with("#[") {
            marked |= line.contains("test");
            return None;
        }
        let (_, rest) = line.split_once("fn ")?;
        let name = rest.split(['(', '<']).next()?;
        (std::mem::take(&mut marked) || suite).then_some(name)
    })
}

mod tests {
    use std::fs;

    use crate::cargo;

    use super::*;

    #[test]
    fn every_invariant_of_the_architecture_names_a_test_that_exists() {
        let path = "docs/explanations/architecture.md";
        let page = Text::new(path, &fs::read_to_string(cargo::root().join(path)).expect(path));
        assert!(page.text.contains("**Invariant:**"), "{path} states no invariant");
        assert_none(&unheld(&page, &texts(".rs")));
    }

    #[test]
    fn an_invariant_that_nothing_holds_is_named() {
        let page = Text::new(
            "a.md",
            "**Invariant:** a\n(`held`).\n- **Invariant:** b `in_a_suite`\n**Invariant:** `c` is so.\n\
             **Invariant:** d (`lost`).\n**Invariant:** e (`helper`).\n**Invariant:** f (`listed`).\n",
        );
        let sources = [
            Text::new("a.rs", "#[tokio::test]\nasync fn held() {}\nfn helper() {}\n"),
            Text::new(
                "b.rs",
                "testkit::on_every_database! {\n    listed\n}\n\nasync fn listed() {}\n",
            ),
            Text::new("crates/testkit/src/a.rs", "pub async fn in_a_suite(store: &dyn Store) {}\n"),
        ];
        let offenders = [
            "a.md:4: the invariant does not end with its test's name in backticks",
            "a.md:5: there is no test `lost`",
            "a.md:6: there is no test `helper`",
        ];
        assert_eq!(unheld(&page, &sources), offenders);
    }
}
