//! `cargo xtask codegen`: everything that is generated from the code and committed beside it.

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
    /// Changes nothing and fails, naming each file that is stale.
    #[arg(long)]
    check: bool,
}

/// An example that writes files into the folder it is given, and where they belong.
struct Generator {
    example: &'static str,
    folder: &'static str,
    /// Whether nothing but its files belongs there, so that a file it no longer writes must go.
    alone: bool,
}

const GENERATORS: [Generator; 2] = [
    Generator { example: "entities", folder: "crates/adapters/src/store/entity", alone: true },
    Generator { example: "documents", folder: "docs", alone: false },
];

const MINI_PROGRAM: Client = Client {
    tags: &["login", "member", "session"],
    about: "What mini programs send to the service, and what it answers.",
};

const CONSOLE: Client = Client {
    tags: &["administrators"],
    about: "What the console sends to the service, and what it answers.",
};

/// Where the types of each client are, among other files; of the mini program's side its source, and
/// what of it is shipped, which is the same.
const TYPES: [(&Client, &str, &str); 3] = [
    (&MINI_PROGRAM, "clients/miniprogram/src", "api.ts"),
    (&MINI_PROGRAM, "clients/miniprogram/miniprogram_dist", "api.d.ts"),
    (&CONSOLE, "clients/console/src", "api.ts"),
];

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let mut stale = Vec::new();
    let mut refresh = |made: &Path, folder: &str, alone| -> Result<()> {
        for name in ensure_fresh(made, &cargo::root().join(folder), alone, options.check)? {
            stale.push(format!("{folder}/{}", name.display()));
        }
        Ok(())
    };
    for Generator { example, folder, alone } in GENERATORS {
        refresh(&generate(sh, example)?, folder, alone)?;
    }
    for (client, folder, name) in TYPES {
        refresh(&generate_types(sh, client, name)?, folder, false)?;
    }
    refresh(&generate_api_page(sh)?, "docs/reference", false)?;
    if options.check {
        let list = stale.join("\n  ");
        ensure!(stale.is_empty(), "stale, run `cargo xtask codegen` and commit:\n  {list}");
        println!("Everything that is generated is fresh.");
    } else {
        for name in stale {
            println!("updated {name}");
        }
    }
    Ok(())
}

/// Builds and runs a generator, nothing else: the entities must not need code that needs them. It
/// writes into an empty folder under `target/`, and its Rust is formatted.
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

/// Writes the TypeScript types from the document that was just made.
fn generate_types(sh: &Shell, client: &Client, name: &str) -> Result<PathBuf> {
    let document = cargo::scratch("codegen")?.join("documents/openapi.json");
    let types = typescript::types(&serde_json::from_str(&sh.read_file(document)?)?, client)?;
    let folder = empty_folder(sh, "types")?;
    sh.write_file(folder.join(name), types)?;
    Ok(folder)
}

/// Writes the page for readers from the same document.
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

/// Makes `committed` hold what `made` holds, or with `check` only looks; returns the names of the
/// files that differ. Where the files are `alone` in their folder, others in it are stale too.
pub(crate) fn ensure_fresh(
    made: &Path,
    committed: &Path,
    alone: bool,
    check: bool,
) -> Result<Vec<PathBuf>> {
    let (made, present) = (files(made)?, files(committed)?);
    let mut stale = Vec::new();
    for (name, contents) in &made {
        if present.get(name) != Some(contents) {
            stale.push(name.clone());
            if !check {
                write(&committed.join(name), contents)?;
            }
        }
    }
    for name in present.keys().filter(|name| alone && !made.contains_key(*name)) {
        stale.push(name.clone());
        if !check {
            let path = committed.join(name);
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(stale)
}

/// Every file below `folder` by its path in it, with its contents; none if it does not exist.
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

    /// A folder holding `files`, gone when dropped.
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
    fn a_check_names_what_is_stale_and_changes_nothing() {
        let sh = Shell::new().unwrap();
        let made = folder(&sh, &[("a.rs", "new"), ("sub/b.rs", "same"), ("c.rs", "missing")]);
        let committed = folder(&sh, &[("a.rs", "old"), ("sub/b.rs", "same"), ("gone.rs", "")]);
        let before = files(committed.path()).unwrap();
        let stale = ensure_fresh(made.path(), committed.path(), true, true).unwrap();
        assert_eq!(names(&stale), ["a.rs", "c.rs", "gone.rs"]);
        assert_eq!(files(committed.path()).unwrap(), before);
    }

    #[test]
    fn afterwards_the_folder_holds_exactly_what_was_made() {
        let sh = Shell::new().unwrap();
        let made = folder(&sh, &[("a.rs", "new"), ("sub/b.rs", "new")]);
        let committed = folder(&sh, &[("a.rs", "old"), ("gone.rs", "")]);
        ensure_fresh(made.path(), committed.path(), true, false).unwrap();
        assert_eq!(files(committed.path()).unwrap(), files(made.path()).unwrap());
        let stale = ensure_fresh(made.path(), committed.path(), true, true).unwrap();
        assert_eq!(names(&stale), Vec::<&str>::new());
    }

    #[test]
    fn files_written_by_hand_stay_where_the_folder_is_shared() {
        let sh = Shell::new().unwrap();
        let made = folder(&sh, &[("openapi.json", "{}")]);
        let committed = folder(&sh, &[("architecture.md", "words")]);
        let stale = ensure_fresh(made.path(), committed.path(), false, false).unwrap();
        assert_eq!(names(&stale), ["openapi.json"]);
        assert_eq!(sh.read_file(committed.path().join("architecture.md")).unwrap(), "words");
    }
}
