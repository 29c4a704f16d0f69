//! What is committed of what npm builds must be what its source makes: whoever takes the repository as
//! it is builds nothing.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::{cargo, codegen, toolchains};

/// A package of ours: where it is, and the folders that its `build.mjs` makes, below the folder it is
/// given.
struct Package {
    folder: &'static str,
    built: &'static [&'static str],
}

const PACKAGES: [Package; 3] = [
    Package {
        folder: "clients/miniprogram",
        built: &["clients/miniprogram/miniprogram_dist", "examples/miniprogram/miniprogram_npm"],
    },
    Package { folder: "clients/console", built: &["crates/api/console"] },
    Package { folder: "clients/virtual-phone", built: &["crates/wechat-sandbox/page"] },
];

pub(super) fn run(sh: &Shell) -> Result<()> {
    for Package { folder, built } in PACKAGES {
        let package = cargo::root().join(folder);
        toolchains::locked_node(sh, &package)?;
        cmd!(sh, "npm run --silent --if-present check --prefix {package}").run()?;
        let made = cargo::scratch("built")?.join(folder);
        sh.remove_path(&made)?;
        let build = package.join("build.mjs");
        cmd!(sh, "node {build} {made}").quiet().run()?;
        for part in built {
            let committed = cargo::root().join(part);
            let stale = codegen::ensure_fresh(&made.join(part), &committed, true, true)?;
            ensure!(
                stale.is_empty(),
                "{part} is stale: run `npm run build` in {folder} and commit"
            );
        }
    }
    Ok(())
}
