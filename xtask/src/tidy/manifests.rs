//! What every crate's `Cargo.toml` says alike: the workspace's lints and the workspace's versions.

use super::{Text, assert_none, texts};

/// Manifests that do not take the lints of the workspace.
fn without_lints(manifests: &[Text]) -> Vec<String> {
    let lacking = |manifest: &&Text| {
        !entries(manifest).any(|(_, table, entry)| table == "lints" && entry == "workspace = true")
    };
    let offender = |manifest: &Text| format!("{} lacks `[lints] workspace = true`", manifest.path);
    manifests.iter().filter(lacking).map(offender).collect()
}

/// Dependencies with a version of their own: two crates could come to differ.
fn with_own_version(manifests: &[Text]) -> Vec<String> {
    let mut offenders = Vec::new();
    for manifest in manifests {
        for (line, table, entry) in entries(manifest) {
            let own = if table.ends_with("dependencies") {
                !entry.contains(".workspace = true")
                    && !entry.contains("workspace = true,")
                    && !entry.contains("{ workspace = true }")
            } else {
                // `[dependencies.serde]` is a way around the line above.
                table.contains("dependencies.")
            };
            if own {
                offenders.push(format!(
                    "{}:{line}: `{entry}` must take its version from `[workspace.dependencies]`",
                    manifest.path
                ));
            }
        }
    }
    offenders
}

/// The manifest's entries: line number, the table they stand in, and their text.
fn entries(manifest: &Text) -> impl Iterator<Item = (usize, &str, &str)> {
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

    fn manifests() -> Vec<Text> {
        let mut manifests = texts("Cargo.toml");
        manifests.retain(|manifest| manifest.path != "Cargo.toml");
        manifests
    }

    #[test]
    fn every_crate_takes_the_lints_of_the_workspace() {
        assert_none(&without_lints(&manifests()));
    }

    #[test]
    fn every_dependency_takes_its_version_from_the_workspace() {
        assert_none(&with_own_version(&manifests()));
    }

    #[test]
    fn a_crate_without_lints_is_named() {
        let planted =
            Text::new("a/Cargo.toml", "[lints]\n# workspace = true\n[x]\nworkspace = true");
        assert_eq!(without_lints(&[planted]), ["a/Cargo.toml lacks `[lints] workspace = true`"]);
    }

    #[test]
    fn a_version_of_its_own_is_named() {
        let planted = Text::new(
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
