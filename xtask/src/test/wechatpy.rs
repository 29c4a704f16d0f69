//! The offline WeChat against `wechatpy`, an SDK by people who know nothing of this project.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{apt, cargo, dev};

/// The tests, in Python, and the versions they are run with.
const TESTS: &str = "crates/wechat-sandbox/tests/wechatpy";

pub(super) fn run(sh: &Shell) -> Result<()> {
    let python = environment(sh)?;
    cargo::build(sh, &["--bin", "wechat-sandbox"])?;
    let (_running, url) = dev::start_sandbox(0)?;
    // Nothing is cached beside the sources, and a machine's own settings stay out.
    let pytest = cmd!(sh, "{python} -m pytest -q -p no:cacheprovider {TESTS}");
    pytest
        .env("WECHAT_SANDBOX_URL", url)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONNOUSERSITE", "1")
        .run()?;
    Ok(())
}

/// The Python of an environment under `target/` with what the tests require, made anew whenever
/// the requirements change.
fn environment(sh: &Shell) -> Result<PathBuf> {
    let folder = cargo::scratch("wechatpy")?;
    let python = folder.join("bin/python");
    let requirements = format!("{TESTS}/requirements.txt");
    let wanted = sh.read_file(&requirements)?;
    let installed = folder.join("installed.txt");
    if sh.read_file(&installed).is_ok_and(|done| done == wanted) && works(sh, &python) {
        return Ok(python);
    }
    // `ensurepip` is what Debian keeps apart from Python; without it `venv` makes half a folder.
    let venv =
        || cmd!(sh, "python3 -c").arg("import venv, ensurepip").quiet().ignore_stderr().run();
    apt::ensure(sh, "python3 with venv", &["python3", "python3-venv"], || venv().is_ok())?;
    sh.remove_path(&folder)?;
    cmd!(sh, "python3 -m venv {folder}").run()?;
    cmd!(sh, "{python} -m pip install -q --disable-pip-version-check -r {requirements}").run()?;
    sh.write_file(installed, wanted)?;
    Ok(python)
}

/// False after the Python it was made from is gone.
fn works(sh: &Shell, python: &Path) -> bool {
    cmd!(sh, "{python} -m pytest --version").quiet().ignore_stdout().ignore_stderr().run().is_ok()
}
