//! Link check: every link has a target, and every page of the site is in its table of contents.

use std::collections::{BTreeMap, BTreeSet};

/// Folder of the site. Pages outside of it are not on the site.
const SITE: &str = "docs/";

/// Table of contents of the site.
const SUMMARY: &str = "docs/SUMMARY.md";

/// A Markdown page: its path in the repository, its links with their line numbers, and its anchors.
pub(super) struct Page {
    path: String,
    links: Vec<(usize, String)>,
    anchors: BTreeSet<String>,
}

impl Page {
    pub(super) fn new(path: &str, markdown: &str) -> Self {
        let mut links = Vec::new();
        let mut anchors = BTreeMap::new();
        let mut in_code = false;
        for (number, line) in (1..).zip(markdown.lines()) {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            } else if !in_code {
                links.extend(targets(line).map(|target| (number, target)));
                if let Some(heading) = heading(line) {
                    *anchors.entry(anchor(heading)).or_insert(0) += 1;
                }
            }
        }
        // The second heading of the same text gets the anchor `text-1`.
        let numbered = anchors.into_iter().flat_map(|(name, count)| {
            let further = (1..count).map(|number| format!("{name}-{number}")).collect::<Vec<_>>();
            [vec![name], further].concat()
        });
        Self { path: path.to_owned(), links, anchors: numbered.collect() }
    }

    fn is_on_site(&self) -> bool {
        self.path.starts_with(SITE)
    }
}

/// Lists links without a target and links that leave the site, and pages that are not in the table
/// of contents.
pub(super) fn offenders(pages: &[Page], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut offenders = Vec::new();
    let mut listed = BTreeSet::from([SUMMARY.to_owned()]);
    for page in pages {
        for (line, link) in &page.links {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if path.is_empty() { page.path.clone() } else { resolve(&page.path, path) };
            let found = pages.iter().find(|page| page.path == target);
            let problem = match found {
                _ if page.is_on_site() && !target.starts_with(SITE) => {
                    "leaves the site: write the path without a link"
                }
                None if !exists(&target) => "does not exist",
                Some(found) if !fragment.is_empty() && !found.anchors.contains(fragment) => {
                    "has no such heading"
                }
                Some(_) | None => {
                    if page.path == SUMMARY {
                        listed.insert(target);
                    }
                    continue;
                }
            };
            offenders.push(format!("{}:{line}: {link} {problem}", page.path));
        }
    }
    for page in pages.iter().filter(|page| page.is_on_site() && !listed.contains(&page.path)) {
        offenders.push(format!("{} is not in {SUMMARY}", page.path));
    }
    offenders
}

/// Returns the targets of a line's links within the repository.
fn targets(line: &str) -> impl Iterator<Item = String> {
    // Text in backticks contains no links.
    let prose: String = line.split('`').step_by(2).collect();
    let targets: Vec<String> = prose.split("](").skip(1).map(until_closed).collect();
    targets.into_iter().filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

fn until_closed(rest: &str) -> String {
    rest.split([')', ' ']).next().unwrap_or_default().to_owned()
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then_some(text)?.strip_prefix(' ')
}

/// Returns the anchor of a heading. mdBook and repository hosts derive it in the same way.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

/// Resolves a relative link of a page to a path in the repository.
fn resolve(page: &str, link: &str) -> String {
    let mut path: Vec<&str> = page.split('/').collect();
    path.pop();
    for part in link.split('/').filter(|part| !["", "."].contains(part)) {
        if part == ".." {
            path.pop();
        } else {
            path.push(part);
        }
    }
    path.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offenders_among(pages: &[(&str, &str)]) -> Vec<String> {
        let pages: Vec<_> = pages.iter().map(|(path, text)| Page::new(path, text)).collect();
        offenders(&pages, |path| path == "docs/api.json" || path == "crates")
    }

    #[test]
    fn links_to_pages_files_and_headings_pass() {
        let pages = [
            ("README.md", "[a](docs/a.md#b-the-2nd) [b](crates) [c](https://c.example/d)"),
            ("docs/SUMMARY.md", "[a](a.md)\n[b](b/b.md)"),
            (
                "docs/a.md",
                "# `B`, the 2nd\n[b](b/b.md) [j](api.json)\n`[x](y)`\n```\n[x](y)\n```\n",
            ),
            ("docs/b/b.md", "## 门神\n## 门神\n[up](../a.md) [here](#门神) [there](#门神-1)"),
        ];
        assert_eq!(offenders_among(&pages), Vec::<String>::new());
    }

    #[test]
    fn broken_links_and_unlisted_pages_are_named() {
        let pages = [
            ("README.md", "[a](docs/x.md)"),
            ("docs/SUMMARY.md", "[a](a.md)"),
            ("docs/a.md", "\n[b](b.md#c) [crates](../crates)"),
            ("docs/b.md", "[a](a.md)"),
        ];
        let expected = [
            "README.md:1: docs/x.md does not exist",
            "docs/a.md:2: b.md#c has no such heading",
            "docs/a.md:2: ../crates leaves the site: write the path without a link",
            "docs/b.md is not in docs/SUMMARY.md",
        ];
        assert_eq!(offenders_among(&pages), expected);
    }
}
