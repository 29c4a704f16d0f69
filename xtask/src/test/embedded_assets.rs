//! Committed build output of the npm packages: it must be up to date, because building the workspace
//! does not run npm.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::{cargo, codegen, toolchains};

/// An npm package, and the folders that its `build.mjs` writes below its argument.
struct Package {
    folder: &'static str,
    output: &'static [&'static str],
}

const PACKAGES: [Package; 3] = [
    Package {
        folder: "clients/miniprogram",
        output: &["clients/miniprogram/miniprogram_dist", "examples/miniprogram/miniprogram_npm"],
    },
    Package { folder: "clients/console", output: &["crates/api/console"] },
    Package { folder: "clients/virtual-phone", output: &["crates/wechat-sandbox/page"] },
];

pub(super) fn run(sh: &Shell) -> Result<()> {
    for Package { folder, output } in PACKAGES {
        let package = cargo::root().join(folder);
        toolchains::locked_node(sh, &package)?;
        cmd!(sh, "npm run --silent --if-present check --prefix {package}").run()?;
        let built = cargo::scratch("built")?.join(folder);
        sh.remove_path(&built)?;
        let script = package.join("build.mjs");
        cmd!(sh, "node {script} {built}").quiet().run()?;
        for path in output {
            let committed = cargo::root().join(path);
            let stale = codegen::ensure_fresh(&built.join(path), &committed, true, true)?;
            ensure!(
                stale.is_empty(),
                "{path} is stale: run `npm run build` in {folder} and commit"
            );
        }
    }
    Ok(())
}
