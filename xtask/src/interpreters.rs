//! Python and Node.js for tests, each with packages of its own in a folder under `target/`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::apt;

/// The Python of an environment in `folder` with these packages.
pub(crate) fn python(sh: &Shell, folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    // False after the Python it was made from is gone.
    let works = cmd!(sh, "{python} --version").quiet().ignore_stdout().ignore_stderr().run();
    install(sh, folder, packages, works.is_ok(), || {
        // `ensurepip` is what Debian keeps apart from Python; without it `venv` makes half a folder.
        let venv =
            || cmd!(sh, "python3 -c").arg("import venv, ensurepip").quiet().ignore_stderr().run();
        apt::ensure(sh, "python3 with venv", &["python3", "python3-venv"], || venv().is_ok())?;
        cmd!(sh, "python3 -m venv {folder}").run()?;
        cmd!(sh, "{python} -m pip install -q --disable-pip-version-check {packages...}").run()?;
        Ok(())
    })?;
    Ok(python)
}

/// Node.js, with these packages for programs in `folder`.
pub(crate) fn node(sh: &Shell, folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    let works = |program: &str| {
        cmd!(sh, "{program} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok()
    };
    apt::ensure(sh, "Node.js with npm", &["nodejs", "npm"], || works("node") && works("npm"))?;
    install(sh, folder, packages, true, || {
        sh.create_dir(folder)?;
        let npm = cmd!(sh, "npm install --silent --no-audit --no-fund --prefix {folder}");
        npm.args(packages).run()?;
        Ok(())
    })?;
    Ok("node".into())
}

/// Makes `folder` anew by `make` unless it `works` and has these packages.
fn install(
    sh: &Shell,
    folder: &Path,
    packages: &[&str],
    works: bool,
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (record, wanted) = (folder.join("installed.txt"), packages.join("\n"));
    if works && sh.read_file(&record).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    sh.remove_path(folder)?;
    make()?;
    sh.write_file(record, wanted)?;
    Ok(())
}
