//! Tests of the WeChat sandbox with `wechatpy`, a third-party SDK.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{cargo, dev, toolchains};

/// Folder of the Python tests and of their requirements.
const TESTS: &str = "crates/wechat-sandbox/tests/wechatpy";

pub(super) fn run(sh: &Shell) -> Result<()> {
    let requirements = sh.read_file(format!("{TESTS}/requirements.txt"))?;
    let packages: Vec<&str> =
        requirements.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let python = toolchains::python(sh, &cargo::scratch("wechatpy")?, &packages)?;
    cargo::build(sh, &["--bin", "wechat-sandbox"])?;
    let (_sandbox, url) = dev::start_sandbox(0, &[])?;
    // Python writes no caches next to the sources and ignores packages of the machine's user.
    let pytest = cmd!(sh, "{python} -m pytest -q -p no:cacheprovider {TESTS}");
    pytest
        .env("WECHAT_SANDBOX_URL", url)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONNOUSERSITE", "1")
        .run()?;
    Ok(())
}
