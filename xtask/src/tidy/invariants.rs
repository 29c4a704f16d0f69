//! Invariants of `docs/reference/invariants.md`, and the tests that hold them.

use super::{Text, assert_none, texts};

/// Header of the tables that list the invariants of a section.
const TABLE_HEADER: &str = "| invariant | test |";

/// Invariants of `page` without a test, or with one that does not exist in `sources`.
fn unheld(page: &Text, sources: &[Text]) -> Vec<String> {
    let tests: Vec<&str> = sources.iter().flat_map(tests).collect();
    let mut offenders = Vec::new();
    for (number, row) in invariants(page) {
        let offender = match named_test(row) {
            None => "the row does not end with the name of a test in backticks".to_owned(),
            Some(name) if !tests.contains(&name) => format!("there is no test `{name}`"),
            Some(_) => continue,
        };
        offenders.push(format!("{}:{number}: {offender}", page.path));
    }
    offenders
}

/// Rows of the tables of invariants, with their line numbers.
fn invariants(page: &Text) -> Vec<(usize, &str)> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for (number, line) in page.lines() {
        if line == TABLE_HEADER {
            in_table = true;
        } else if !line.starts_with('|') {
            in_table = false;
        } else if in_table && !line.starts_with("| ---") {
            rows.push((number, line));
        }
    }
    rows
}

/// Name of the test in the last cell of a row.
fn named_test(row: &str) -> Option<&str> {
    let cell = row.strip_suffix(" |")?.rsplit_once("| ")?.1;
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// Macros that generate a test for each listed name, on several databases.
const LISTS: [&str; 2] = ["testkit::on_every_database! {", "testkit::on_every_server! {"];

/// Names of the tests in a file. Functions of the testkit's contract suites count as tests, because the
/// macro that runs a suite against an adapter generates their `#[test]`. So do the names in one of
/// [`LISTS`], one per line.
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
    fn every_invariant_names_an_existing_test() {
        let path = "docs/reference/invariants.md";
        let page = Text::new(path, &fs::read_to_string(cargo::root().join(path)).expect(path));
        assert!(invariants(&page).len() > 80, "{path} has lost invariants");
        assert_none(&unheld(&page, &texts(".rs")));
    }

    #[test]
    fn invariants_without_an_existing_test_are_reported() {
        let page = Text::new(
            "a.md",
            "| invariant | test |\n| --- | --- |\n| a | `held` |\n| b | `in_a_suite` |\n| `c` | d |\n\
             | e | `lost` |\n| f | `helper` |\n| g | `listed` |\n\n| other | table |\n| h | `lost` |\n",
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
            "a.md:5: the row does not end with the name of a test in backticks",
            "a.md:6: there is no test `lost`",
            "a.md:7: there is no test `helper`",
        ];
        assert_eq!(unheld(&page, &sources), offenders);
    }
}
