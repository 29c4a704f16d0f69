//! The offline WeChat against `wechatpy`, an SDK by people who know nothing of this project.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{cargo, dev, toolchains};

/// The tests, in Python, and the versions they are run with.
const TESTS: &str = "crates/wechat-sandbox/tests/wechatpy";

pub(super) fn run(sh: &Shell) -> Result<()> {
    let requirements = sh.read_file(format!("{TESTS}/requirements.txt"))?;
    let packages: Vec<&str> =
        requirements.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let python = toolchains::python(sh, &cargo::scratch("wechatpy")?, &packages)?;
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
