//! Check of `docs/reference/invariants.md`: every invariant names an existing test.

use super::{SourceFile, assert_none, source_files};

/// Header of the tables that list the invariants of a section.
const TABLE_HEADER: &str = "| invariant | test |";

/// Finds invariants of `page` without a test, or with one that does not exist in `sources`.
fn untested(page: &SourceFile, sources: &[SourceFile]) -> Vec<String> {
    let tests: Vec<&str> = sources.iter().flat_map(tests).collect();
    let mut offenders = Vec::new();
    for (number, row) in invariants(page) {
        let offender = match named_test(row) {
            None => "the row does not end with the name of a test in backticks".to_owned(),
            Some(name) if !tests.contains(&name) => format!("the test `{name}` does not exist"),
            Some(_) => continue,
        };
        offenders.push(format!("{}:{number}: {offender}", page.path));
    }
    offenders
}

/// Returns the rows of the tables of invariants, with their line numbers.
fn invariants(page: &SourceFile) -> Vec<(usize, &str)> {
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

/// Returns the name of the test in the last cell of a row.
fn named_test(row: &str) -> Option<&str> {
    let cell = row.strip_suffix(" |")?.rsplit_once("| ")?.1;
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// Macros that generate a test for each listed name, on several databases.
const LISTS: [&str; 2] = ["testkit::on_every_database! {", "testkit::on_every_server! {"];

/// Returns the names of the tests in a file.
///
/// Functions of the testkit's contract suites count as tests, because the
/// macro that runs a suite against an adapter generates their `#[test]`. So do the names in one of
/// [`LISTS`], one per line.
fn tests(source: &SourceFile) -> impl Iterator<Item = &str> {
    let mut has_attribute = false;
    let mut is_in_list = false;
    let is_suite = source.path.starts_with("crates/testkit/");
    source.lines().filter_map(move |(_, line)| {
        if is_in_list || LISTS.contains(&line) {
            is_in_list = line != "}";
            return line.strip_prefix("    ");
        }
        let line = line.trim();
        if line.starts_with("#[") {
            has_attribute |= line.contains("test");
            return None;
        }
        let (_, rest) = line.split_once("fn ")?;
        let name = rest.split(['(', '<']).next()?;
        (std::mem::take(&mut has_attribute) || is_suite).then_some(name)
    })
}

mod tests {
    use std::fs;

    use crate::cargo;

    use super::*;

    #[test]
    fn every_invariant_names_an_existing_test() {
        let path = "docs/reference/invariants.md";
        let page =
            SourceFile::new(path, &fs::read_to_string(cargo::root().join(path)).expect(path));
        assert!(invariants(&page).len() > 80, "{path} has lost invariants");
        assert_none(&untested(&page, &source_files(".rs")));
    }

    #[test]
    fn invariants_without_an_existing_test_are_reported() {
        let page = SourceFile::new(
            "a.md",
            "| invariant | test |\n| --- | --- |\n| a | `held` |\n| b | `in_a_suite` |\n| `c` | d |\n\
             | e | `lost` |\n| f | `helper` |\n| g | `listed` |\n\n| other | table |\n| h | `lost` |\n",
        );
        let sources = [
            SourceFile::new("a.rs", "#[tokio::test]\nasync fn held() {}\nfn helper() {}\n"),
            SourceFile::new(
                "b.rs",
                "testkit::on_every_database! {\n    listed\n}\n\nasync fn listed() {}\n",
            ),
            SourceFile::new(
                "crates/testkit/src/a.rs",
                "pub async fn in_a_suite(store: &dyn Store) {}\n",
            ),
        ];
        let offenders = [
            "a.md:5: the row does not end with the name of a test in backticks",
            "a.md:6: the test `lost` does not exist",
            "a.md:7: the test `helper` does not exist",
        ];
        assert_eq!(untested(&page, &sources), offenders);
    }
}
