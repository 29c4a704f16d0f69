//! Copy of the workspace, including uncommitted changes, for the steps of a how-to guide.
//!
//! The copy starts with the build artifacts of the workspace, and its files have the same
//! modification times. Therefore cargo compiles only what the guide changes, and its dependents.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::cargo;

use super::steps::Action;

/// Macros that compile the location of the workspace into a program. Cargo does not notice that the
/// workspace was moved, so files with these macros must be compiled again.
const LOCATION_VARIABLES: [&str; 2] =
    [concat!("CARGO_", "MANIFEST_DIR"), concat!("CARGO_", "BIN_EXE_")];

/// The copy. Only one exists at a time.
pub(super) struct Copy {
    sh: Shell,
}

impl Copy {
    /// Creates a copy of the current workspace and replaces the previous copy.
    pub(super) fn create(sh: &Shell) -> Result<Self> {
        let folder = cargo::scratch("how-to")?.join("menshen");
        sh.remove_path(&folder)?;
        sh.create_dir(&folder)?;
        copy_files(sh, &folder)?;
        copy_artifacts(sh, &folder.join("target"))?;
        let sh = Shell::new()?;
        sh.change_dir(&folder);
        sh.set_var("CARGO_TARGET_DIR", folder.join("target"));
        // Without a repository of its own, git would apply patches to the surrounding one.
        cmd!(sh, "git init --quiet .").quiet().run()?;
        Ok(Self { sh })
    }

    /// Executes one step of a guide.
    pub(super) fn execute(&self, action: &Action) -> Result<()> {
        let sh = &self.sh;
        match action {
            Action::Write { path, text } => {
                ensure!(!sh.path_exists(path), "{path} exists already: show a diff instead");
                sh.write_file(path, text)?;
            }
            Action::Patch(diff) => {
                cmd!(sh, "git apply -").stdin(diff).quiet().run()?;
            }
            Action::Run(commands) => {
                cmd!(sh, "timeout 600 bash -euo pipefail -c {commands}").quiet().run()?;
            }
        }
        Ok(())
    }
}

fn copy_files(sh: &Shell, folder: &PathBuf) -> Result<()> {
    let list = cmd!(sh, "git ls-files -z --cached --others --exclude-standard").quiet().read()?;
    // The list contains files that were deleted but not committed.
    let files: Vec<&str> =
        list.split_terminator('\0').filter(|file| sh.path_exists(file)).collect();
    let copy = cmd!(sh, "cp --parents --preserve=mode,timestamps --target-directory {folder}");
    copy.args(&files).quiet().run()?;
    for file in files {
        let Ok(text) = sh.read_file(file) else { continue };
        if LOCATION_VARIABLES.iter().any(|variable| text.contains(variable)) {
            // Writing the file gives it a new modification time.
            sh.write_file(folder.join(file), text)?;
        }
    }
    Ok(())
}

/// Hard-links the build artifacts, and copies cargo's fingerprints because cargo writes them in
/// place.
fn copy_artifacts(sh: &Shell, target: &Path) -> Result<()> {
    let artifacts = cargo::scratch("")?.parent().context("no build artifacts")?.join("debug");
    sh.create_dir(target)?;
    cmd!(sh, "cp --archive --link {artifacts} {target}").quiet().run()?;
    let copied = target.join("debug");
    sh.remove_path(copied.join(".fingerprint"))?;
    let fingerprints = artifacts.join(".fingerprint");
    cmd!(sh, "cp --archive {fingerprints} {copied}").quiet().run()?;
    Ok(())
}
