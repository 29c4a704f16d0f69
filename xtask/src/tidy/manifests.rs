//! Rules for every `Cargo.toml`: the lints and the dependency versions are the workspace's.

use super::{SourceFile, assert_none, source_files};

/// Finds manifests without the lints of the workspace.
fn without_lints(manifests: &[SourceFile]) -> Vec<String> {
    let lacks_lints = |manifest: &&SourceFile| {
        !entries(manifest).any(|(_, table, entry)| table == "lints" && entry == "workspace = true")
    };
    let offender =
        |manifest: &SourceFile| format!("{} lacks `[lints] workspace = true`", manifest.path);
    manifests.iter().filter(lacks_lints).map(offender).collect()
}

/// Finds dependencies with a version of their own, which can differ between crates.
fn with_own_version(manifests: &[SourceFile]) -> Vec<String> {
    let mut offenders = Vec::new();
    for manifest in manifests {
        for (line, table, entry) in entries(manifest) {
            let has_own_version = if table.ends_with("dependencies") {
                !entry.contains(".workspace = true")
                    && !entry.contains("workspace = true,")
                    && !entry.contains("{ workspace = true }")
            } else {
                // `[dependencies.serde]` is not matched by the line above.
                table.contains("dependencies.")
            };
            if has_own_version {
                offenders.push(format!(
                    "{}:{line}: `{entry}` must take its version from `[workspace.dependencies]`",
                    manifest.path
                ));
            }
        }
    }
    offenders
}

/// Returns the entries of a manifest: line number, table and text.
fn entries(manifest: &SourceFile) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut table = "";
    manifest.lines().filter_map(move |(number, line)| {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']');
            return None;
        }
        (!line.is_empty() && !line.starts_with('#')).then_some((number, table, line))
    })
}

mod tests {
    use super::*;

    fn manifests() -> Vec<SourceFile> {
        let mut manifests = source_files("Cargo.toml");
        manifests.retain(|manifest| manifest.path != "Cargo.toml");
        manifests
    }

    #[test]
    fn every_crate_uses_the_lints_of_the_workspace() {
        assert_none(&without_lints(&manifests()));
    }

    #[test]
    fn every_dependency_uses_the_version_of_the_workspace() {
        assert_none(&with_own_version(&manifests()));
    }

    #[test]
    fn crate_without_lints_is_named() {
        let planted =
            SourceFile::new("a/Cargo.toml", "[lints]\n# workspace = true\n[x]\nworkspace = true");
        assert_eq!(without_lints(&[planted]), ["a/Cargo.toml lacks `[lints] workspace = true`"]);
    }

    #[test]
    fn dependency_with_its_own_version_is_named() {
        let planted = SourceFile::new(
            "a/Cargo.toml",
            "[package]\nversion = \"1\"\n[dependencies]\nb.workspace = true\n\
             c = { workspace = true, features = [\"x\"] }\nd = \"1\"\n\
             [dev-dependencies]\ne = { version = \"1\" }\n[dependencies.f]\npath = \"f\"\n\
             [target.'cfg(unix)'.dependencies]\ng = { workspace = true }\nh = { git = \"h\" }\n",
        );
        let offenders = with_own_version(&[planted]);
        let lines: Vec<&str> = offenders.iter().filter_map(|line| line.split(':').nth(1)).collect();
        assert_eq!(lines, ["6", "8", "10", "13"], "{offenders:?}");
    }
}
