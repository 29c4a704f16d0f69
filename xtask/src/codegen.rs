//! `cargo xtask codegen`: committed files that are generated from the code.

mod api_page;
mod typescript;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::cargo;
use crate::codegen::typescript::Client;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Change nothing; fail if a file is stale, and list the stale files.
    #[arg(long)]
    check: bool,
}

/// A cargo example that writes files into the folder of its argument.
struct Generator {
    example: &'static str,
    /// Folder in which its files are committed.
    folder: &'static str,
    /// True if the folder contains only generated files: a file that is no longer generated is stale.
    is_exclusive: bool,
}

const GENERATORS: [Generator; 2] = [
    Generator {
        example: "entities",
        folder: "crates/adapters/src/store/entity",
        is_exclusive: true,
    },
    Generator { example: "documents", folder: "docs", is_exclusive: false },
];

const MINI_PROGRAM: Client = Client {
    tags: &["login", "member", "session"],
    about: "Requests of mini programs and the responses of the service.",
};

const CONSOLE: Client = Client {
    tags: &["administrators"],
    about: "Requests of the console and the responses of the service.",
};

/// Folder and file of each client's types. The mini program SDK commits its build output, too, which
/// contains the same types.
const TYPES: [(&Client, &str, &str); 3] = [
    (&MINI_PROGRAM, "clients/miniprogram/src", "api.ts"),
    (&MINI_PROGRAM, "clients/miniprogram/miniprogram_dist", "api.d.ts"),
    (&CONSOLE, "clients/console/src", "api.ts"),
];

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let mut stale = Vec::new();
    let mut refresh = |generated: &Path, folder: &str, is_exclusive| -> Result<()> {
        let committed = cargo::root().join(folder);
        for name in ensure_fresh(generated, &committed, is_exclusive, options.check)? {
            stale.push(format!("{folder}/{}", name.display()));
        }
        Ok(())
    };
    for Generator { example, folder, is_exclusive } in GENERATORS {
        refresh(&generate(sh, example)?, folder, is_exclusive)?;
    }
    for (client, folder, name) in TYPES {
        refresh(&generate_types(sh, client, name)?, folder, false)?;
    }
    refresh(&generate_api_page(sh)?, "docs/reference", false)?;
    if options.check {
        let list = stale.join("\n  ");
        ensure!(stale.is_empty(), "stale files, run `cargo xtask codegen` and commit:\n  {list}");
        println!("All generated files are up to date.");
    } else {
        for name in stale {
            println!("updated {name}");
        }
    }
    Ok(())
}

/// Builds and runs only this generator, because the crate that uses the entities may not compile
/// without them. It writes into an empty folder under `target/`; Rust files are formatted.
fn generate(sh: &Shell, example: &str) -> Result<PathBuf> {
    cargo::build(sh, &["--example", example])?;
    let folder = empty_folder(sh, example)?;
    let program = cargo::program(&format!("examples/{example}"))?;
    cmd!(sh, "{program} {folder}").quiet().run()?;
    let rust: Vec<PathBuf> = files(&folder)?.into_keys().filter(|name| is_rust(name)).collect();
    if !rust.is_empty() {
        let config = cargo::root();
        let _folder = sh.push_dir(&folder);
        cmd!(sh, "rustfmt --edition 2024 --config-path {config} {rust...}").quiet().run()?;
    }
    Ok(folder)
}

/// Generates the TypeScript types from the newly generated OpenAPI document.
fn generate_types(sh: &Shell, client: &Client, name: &str) -> Result<PathBuf> {
    let document = cargo::scratch("codegen")?.join("documents/openapi.json");
    let types = typescript::types(&serde_json::from_str(&sh.read_file(document)?)?, client)?;
    let folder = empty_folder(sh, "types")?;
    sh.write_file(folder.join(name), types)?;
    Ok(folder)
}

/// Generates the API reference page from the newly generated OpenAPI document.
fn generate_api_page(sh: &Shell) -> Result<PathBuf> {
    let document = cargo::scratch("codegen")?.join("documents/openapi.json");
    let page = api_page::page(&serde_json::from_str(&sh.read_file(document)?)?)?;
    let folder = empty_folder(sh, "api-page")?;
    sh.write_file(folder.join("api.md"), page)?;
    Ok(folder)
}

fn empty_folder(sh: &Shell, name: &str) -> Result<PathBuf> {
    let folder = cargo::scratch("codegen")?.join(name);
    sh.remove_path(&folder)?;
    sh.create_dir(&folder)?;
    Ok(folder)
}

/// Copies the files of `generated` to `committed`, or only compares them if `check` is set; returns
/// the names of the files that differ. If `is_exclusive` is set, other files in `committed` are
/// stale, too, and are removed.
pub(crate) fn ensure_fresh(
    generated: &Path,
    committed: &Path,
    is_exclusive: bool,
    check: bool,
) -> Result<Vec<PathBuf>> {
    let generated = files(generated)?;
    let present = files(committed)?;
    let mut stale = Vec::new();
    for (name, contents) in &generated {
        if present.get(name) != Some(contents) {
            stale.push(name.clone());
            if !check {
                write(&committed.join(name), contents)?;
            }
        }
    }
    for name in present.keys().filter(|name| is_exclusive && !generated.contains_key(*name)) {
        stale.push(name.clone());
        if !check {
            let path = committed.join(name);
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(stale)
}

/// Reads every file below `folder`, by its relative path. A missing folder has no files.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop().filter(|current| current.is_dir()) {
        for entry in fs::read_dir(&current)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let contents = fs::read(&path)?;
                found.insert(path.strip_prefix(folder)?.to_owned(), contents);
            }
        }
    }
    Ok(found)
}

fn write(path: &Path, contents: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, contents).with_context(|| format!("cannot write {}", path.display()))
}

fn is_rust(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension == "rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a temporary folder with `files`.
    fn folder(sh: &Shell, files: &[(&str, &str)]) -> xshell::TempDir {
        let folder = sh.create_temp_dir().unwrap();
        for (name, contents) in files {
            sh.write_file(folder.path().join(name), contents).unwrap();
        }
        folder
    }

    fn names(stale: &[PathBuf]) -> Vec<&str> {
        stale.iter().filter_map(|name| name.to_str()).collect()
    }

    #[test]
    fn check_names_stale_files_and_changes_nothing() {
        let sh = Shell::new().unwrap();
        let generated = folder(&sh, &[("a.rs", "new"), ("sub/b.rs", "same"), ("c.rs", "missing")]);
        let committed = folder(&sh, &[("a.rs", "old"), ("sub/b.rs", "same"), ("gone.rs", "")]);
        let before = files(committed.path()).unwrap();
        let stale = ensure_fresh(generated.path(), committed.path(), true, true).unwrap();
        assert_eq!(names(&stale), ["a.rs", "c.rs", "gone.rs"]);
        assert_eq!(files(committed.path()).unwrap(), before);
    }

    #[test]
    fn exclusive_folder_contains_only_generated_files() {
        let sh = Shell::new().unwrap();
        let generated = folder(&sh, &[("a.rs", "new"), ("sub/b.rs", "new")]);
        let committed = folder(&sh, &[("a.rs", "old"), ("gone.rs", "")]);
        ensure_fresh(generated.path(), committed.path(), true, false).unwrap();
        assert_eq!(files(committed.path()).unwrap(), files(generated.path()).unwrap());
        let stale = ensure_fresh(generated.path(), committed.path(), true, true).unwrap();
        assert_eq!(names(&stale), Vec::<&str>::new());
    }

    #[test]
    fn handwritten_files_in_a_shared_folder_are_kept() {
        let sh = Shell::new().unwrap();
        let generated = folder(&sh, &[("openapi.json", "{}")]);
        let committed = folder(&sh, &[("architecture.md", "words")]);
        let stale = ensure_fresh(generated.path(), committed.path(), false, false).unwrap();
        assert_eq!(names(&stale), ["openapi.json"]);
        assert_eq!(sh.read_file(committed.path().join("architecture.md")).unwrap(), "words");
    }
}
