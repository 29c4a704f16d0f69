//! Check of the layers inside the domain: `model` ← `ports` ← `use_cases`, without upward imports.

use super::{
    SourceFile, assert_none,
    rust_code::{line_number, without_comments_and_literals},
    source_files,
};

/// Folder of the domain's sources.
const DOMAIN: &str = "crates/domain/src/";

/// Layers and the layers that they must not import.
const FORBIDDEN: [(&str, &[&str]); 2] =
    [("model", &["ports", "use_cases"]), ("ports", &["use_cases"])];

/// Finds imports of a higher layer.
fn upward_imports(sources: &[SourceFile]) -> Vec<String> {
    let mut offenders = Vec::new();
    for source in sources {
        let Some(path) = source.path.strip_prefix(DOMAIN) else { continue };
        let layer = path.split(['/', '.']).next().unwrap_or_default();
        let Some((_, forbidden)) = FORBIDDEN.iter().find(|(name, _)| *name == layer) else {
            continue;
        };
        let code = without_comments_and_literals(&source.text);
        for (position, import) in imports(&code) {
            let target = import.split("::").nth(1).unwrap_or_default();
            if forbidden.contains(&target) {
                let number = line_number(&code, position);
                let path = &source.path;
                offenders.push(format!("{path}:{number}: `{layer}` must not import `{import}`"));
            }
        }
    }
    offenders
}

/// Returns the paths to the domain's layers with their positions: `crate::…`, each item of
/// `crate::{…}`, and `super::…`, which names a layer only if it leads to the root of the crate.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut imports = Vec::new();
    for root in ["crate::", "super::"] {
        for (position, _) in code.match_indices(root) {
            let start = position + root.len();
            let items = match code[start..].strip_prefix('{') {
                Some(group) => top_level_items(group, start + 1),
                None => vec![(start, path_prefix(&code[start..]))],
            };
            let prefixed = |(position, path)| (position, format!("{root}{path}"));
            imports.extend(items.into_iter().map(prefixed));
        }
    }
    imports.sort();
    imports
}

/// Returns the paths of the items in the braces after which `group` starts. `offset` is the position
/// of `group` in the file.
fn top_level_items(group: &str, offset: usize) -> Vec<(usize, &str)> {
    let mut items = Vec::new();
    let mut depth = 0_usize;
    let mut is_start = true;
    for (position, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_start = true,
            c if is_start && !c.is_whitespace() => {
                items.push((offset + position, path_prefix(&group[position..])));
                is_start = false;
            }
            _ => {}
        }
    }
    items
}

/// Returns the path at the start of `code`.
fn path_prefix(code: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = code.find(|c| !is_part(c)).unwrap_or(code.len());
    code[..end].trim_end_matches(':')
}

mod tests {
    use super::*;

    #[test]
    fn domain_has_no_upward_imports() {
        let sources = source_files(".rs");
        let layers = |layer: &str| sources.iter().any(|file| file.path.starts_with(layer));
        for (layer, _) in FORBIDDEN {
            assert!(layers(&format!("{DOMAIN}{layer}/")), "{DOMAIN}{layer} does not exist");
        }
        assert_none(&upward_imports(&sources));
    }

    #[test]
    fn upward_imports_are_named() {
        let planted = [
            SourceFile::new(
                "crates/domain/src/model/a.rs",
                "use crate::model::b::B;\nuse crate::ports::store::Store;\nfn f(l: crate::use_cases::Login) {}\n",
            ),
            SourceFile::new(
                "crates/domain/src/model.rs",
                "use crate::{\n    model::{a::A, ports},\n    ports::clock,\n};\n",
            ),
            SourceFile::new("crates/domain/src/ports/a.rs", "use super::super::use_cases::a;\n"),
        ];
        let offenders = [
            "crates/domain/src/model/a.rs:2: `model` must not import `crate::ports::store::Store`",
            "crates/domain/src/model/a.rs:3: `model` must not import `crate::use_cases::Login`",
            "crates/domain/src/model.rs:3: `model` must not import `crate::ports::clock`",
            "crates/domain/src/ports/a.rs:1: `ports` must not import `super::use_cases::a`",
        ];
        assert_eq!(upward_imports(&planted), offenders);
    }

    #[test]
    fn downward_imports_and_comments_are_allowed() {
        let allowed = [
            SourceFile::new(
                "crates/domain/src/ports/a.rs",
                "//! See [`Login`](crate::use_cases::login::Login).\nuse crate::model::a::A;\n",
            ),
            SourceFile::new("crates/domain/src/use_cases/a.rs", "use crate::{model, ports};\n"),
            SourceFile::new("crates/api/src/model/a.rs", "use crate::ports::a;\n"),
        ];
        assert_none(&upward_imports(&allowed));
    }
}
