//! `cargo xtask docs`: the pages of `docs/` as a searchable site that can be read offline.

mod how_to;
mod links;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::cargo;

use self::links::Page;

/// Version of mdBook, which builds the site.
const MDBOOK_VERSION: &str = "0.5.4";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Open the site in the browser.
    #[arg(long)]
    open: bool,
    /// Execute the steps of these how-to guides, as `docs/contributing/add-a-field.md`, instead.
    #[arg(long, num_args = 1.., value_name = "PAGE")]
    follow: Vec<PathBuf>,
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    if options.follow.is_empty() {
        println!("{}", relative(&build(sh, options.open)?));
        return Ok(());
    }
    let follow = |page: &PathBuf| how_to::follow(sh, page).with_context(|| relative(page));
    options.follow.iter().try_for_each(follow)
}

/// Checks that the site can be built and that the tests at the end of each how-to guide pass.
pub(crate) fn check(sh: &Shell) -> Result<()> {
    build(sh, false)?;
    how_to::run(sh)
}

/// Builds the site; returns the path of its first page.
fn build(sh: &Shell, open: bool) -> Result<PathBuf> {
    let offenders = links::offenders(&pages(sh)?, |path| cargo::root().join(path).exists());
    ensure!(offenders.is_empty(), "broken links:\n  {}", offenders.join("\n  "));
    let site = cargo::scratch("site")?;
    let mdbook = mdbook(sh)?;
    let open = open.then_some("--open");
    let build = cmd!(sh, "{mdbook} build docs --dest-dir {site} {open...}");
    let output = build.quiet().ignore_status().output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    // mdBook only warns of markup that it does not understand, and leaves it out.
    ensure!(output.status.success() && !log.contains("WARN"), "mdBook failed or warned:\n{log}");
    Ok(site.join("index.html"))
}

/// Returns a path relative to the workspace root, for messages.
fn relative(path: &Path) -> String {
    path.strip_prefix(cargo::root()).unwrap_or(path).display().to_string()
}

/// Reads every Markdown page of the repository.
fn pages(sh: &Shell) -> Result<Vec<Page>> {
    let list = cmd!(sh, "git ls-files --cached --others --exclude-standard -- *.md").quiet();
    let list = list.read()?;
    let present = list.lines().filter(|path| sh.path_exists(path));
    present.map(|path| Ok(Page::new(path, &sh.read_file(path)?))).collect()
}

/// Returns the path of mdBook, after building it if it is missing: with the search, without its
/// web server.
fn mdbook(sh: &Shell) -> Result<PathBuf> {
    let folder = cargo::scratch("mdbook")?;
    let program = folder.join("bin/mdbook");
    let version = cmd!(sh, "{program} --version").quiet().ignore_stderr().read();
    if version.is_ok_and(|version| version.ends_with(MDBOOK_VERSION)) {
        return Ok(program);
    }
    println!("Building mdBook {MDBOOK_VERSION} (two minutes, only once)");
    let features = ["--no-default-features", "--features", "search"];
    cmd!(
        sh,
        "cargo install --quiet --locked --force --root {folder} mdbook --version {MDBOOK_VERSION}"
    )
    .args(features)
    .quiet()
    .run()
    .context("building mdBook failed")?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_has_a_target_and_every_page_is_in_the_summary() {
        let pages = pages(&cargo::workspace_shell().unwrap()).unwrap();
        assert!(pages.len() > 20);
        let offenders = links::offenders(&pages, |path| cargo::root().join(path).exists());
        assert!(offenders.is_empty(), "\n{}\n", offenders.join("\n"));
    }
}
