//! `cargo xtask docs`: the pages of `docs/` as a site with a search, which needs no network to be read.

mod how_to;
mod links;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::cargo;

use self::links::Page;

/// The mdBook that makes the site.
const MDBOOK: &str = "0.5.4";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Opens the site in the browser.
    #[arg(long)]
    open: bool,
    /// Follows these how-tos to the letter, as `docs/contributing/add-a-field.md`, and makes no site.
    #[arg(long, num_args = 1.., value_name = "PAGE")]
    follow: Vec<PathBuf>,
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    if options.follow.is_empty() {
        println!("{}", shown(&build(sh, options.open)?));
        return Ok(());
    }
    let follow = |page: &PathBuf| how_to::follow(sh, page).with_context(|| shown(page));
    options.follow.iter().try_for_each(follow)
}

/// What must hold of the pages: the site can be made, and each how-to ends in green tests.
pub(crate) fn check(sh: &Shell) -> Result<()> {
    build(sh, false)?;
    how_to::run(sh)
}

/// Makes the site; its first page.
fn build(sh: &Shell, open: bool) -> Result<PathBuf> {
    let offenders = links::offenders(&pages(sh)?, |path| cargo::root().join(path).exists());
    ensure!(offenders.is_empty(), "what leads nowhere:\n  {}", offenders.join("\n  "));
    let site = cargo::scratch("site")?;
    let mdbook = mdbook(sh)?;
    let open = open.then_some("--open");
    let build = cmd!(sh, "{mdbook} build docs --dest-dir {site} {open...}");
    let said = build.quiet().ignore_status().output()?;
    // What it does not understand of a page, it warns of and leaves out.
    let (success, said) = (said.status.success(), String::from_utf8_lossy(&said.stderr));
    ensure!(success && !said.contains("WARN"), "mdBook is not content:\n{said}");
    Ok(site.join("index.html"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(cargo::root()).unwrap_or(path).display().to_string()
}

/// Every page that readers of the repository meet.
fn pages(sh: &Shell) -> Result<Vec<Page>> {
    let list = cmd!(sh, "git ls-files --cached --others --exclude-standard -- *.md").quiet();
    let list = list.read()?;
    let present = list.lines().filter(|path| sh.path_exists(path));
    present.map(|path| Ok(Page::new(path, &sh.read_file(path)?))).collect()
}

/// The program, built where it is not there yet: with the search, without its server.
fn mdbook(sh: &Shell) -> Result<PathBuf> {
    let folder = cargo::scratch("mdbook")?;
    let program = folder.join("bin/mdbook");
    let version = cmd!(sh, "{program} --version").quiet().ignore_stderr().read();
    if version.is_ok_and(|version| version.ends_with(MDBOOK)) {
        return Ok(program);
    }
    println!("Building mdBook {MDBOOK}: two minutes, once.");
    let features = ["--no-default-features", "--features", "search"];
    cmd!(sh, "cargo install --quiet --locked --force --root {folder} mdbook --version {MDBOOK}")
        .args(features)
        .quiet()
        .run()
        .context("mdBook was not built")?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_leads_somewhere_and_every_page_is_in_the_summary() {
        let pages = pages(&cargo::workspace_shell().unwrap()).unwrap();
        assert!(pages.len() > 20);
        let offenders = links::offenders(&pages, |path| cargo::root().join(path).exists());
        assert!(offenders.is_empty(), "\n{}\n", offenders.join("\n"));
    }
}
