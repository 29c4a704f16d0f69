//! A copy of the workspace, uncommitted changes included, in which somebody follows a how-to.
//!
//! It begins with what is compiled of the workspace, and its files are as old as there: for cargo both are
//! one, and it compiles what a how-to changes, and what depends on that.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::cargo;

use super::steps::Deed;

/// What is compiled into a program that has to know where it lies. Cargo does not notice that it has moved.
const PLACES: [&str; 2] = [concat!("CARGO_", "MANIFEST_DIR"), concat!("CARGO_", "BIN_EXE_")];

/// The copy. There is one at a time.
pub(super) struct Copy {
    sh: Shell,
}

impl Copy {
    /// A copy of the workspace as it is now, in place of the one before.
    pub(super) fn fresh(sh: &Shell) -> Result<Self> {
        let folder = cargo::scratch("how-to")?.join("menshen");
        sh.remove_path(&folder)?;
        sh.create_dir(&folder)?;
        copy_files(sh, &folder)?;
        copy_compiled(sh, &folder.join("target"))?;
        let sh = Shell::new()?;
        sh.change_dir(&folder);
        sh.set_var("CARGO_TARGET_DIR", folder.join("target"));
        // Otherwise the changes would be looked for in the repository around it.
        cmd!(sh, "git init --quiet .").quiet().run()?;
        Ok(Self { sh })
    }

    /// Takes a step of a how-to.
    pub(super) fn take(&self, deed: &Deed) -> Result<()> {
        let sh = &self.sh;
        match deed {
            Deed::Write { path, text } => {
                ensure!(!sh.path_exists(path), "{path} is there already: show what changes in it");
                sh.write_file(path, text)?;
            }
            Deed::Change(diff) => {
                cmd!(sh, "git apply -").stdin(diff).quiet().run()?;
            }
            Deed::Run(commands) => {
                cmd!(sh, "timeout 600 bash -euo pipefail -c {commands}").quiet().run()?;
            }
        }
        Ok(())
    }
}

fn copy_files(sh: &Shell, folder: &PathBuf) -> Result<()> {
    let list = cmd!(sh, "git ls-files -z --cached --others --exclude-standard").quiet().read()?;
    // What was deleted and not committed is listed too.
    let files = list.split_terminator('\0').filter(|file| sh.path_exists(file));
    let files: Vec<&str> = files.collect();
    let copy = cmd!(sh, "cp --parents --preserve=mode,timestamps --target-directory {folder}");
    copy.args(&files).quiet().run()?;
    for file in files {
        let Ok(text) = sh.read_file(file) else { continue };
        if PLACES.iter().any(|place| text.contains(place)) {
            sh.write_file(folder.join(file), text)?;
        }
    }
    Ok(())
}

/// Links what is compiled, and copies what cargo notes about it: that it writes in place.
fn copy_compiled(sh: &Shell, target: &PathBuf) -> Result<()> {
    let compiled = cargo::scratch("")?.parent().context("nothing is compiled")?.join("debug");
    sh.create_dir(target)?;
    cmd!(sh, "cp --archive --link {compiled} {target}").quiet().run()?;
    let notes = target.join("debug/.fingerprint");
    sh.remove_path(&notes)?;
    let (compiled, copied) = (compiled.join(".fingerprint"), target.join("debug"));
    cmd!(sh, "cp --archive {compiled} {copied}").quiet().run()?;
    Ok(())
}
