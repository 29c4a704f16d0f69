//! The how-tos of the documentation, followed to the letter: each in a copy of the workspace of its own,
//! where what it adds must pass the tests it ends with.

mod steps;
mod workspace;

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use crate::cargo;

use self::{
    steps::{Deed, Step},
    workspace::Copy,
};

/// Where the how-tos are; the page that lists them takes no steps.
const FOLDER: &str = "docs/contributing";

/// What the last command of each how-to is: it fails when it finds no test.
const TESTED_BY: &str = "cargo xtask test ";

pub(crate) fn run(sh: &Shell) -> Result<()> {
    let pages = sh.read_dir(FOLDER)?;
    let pages = pages.iter().filter(|page| page.extension().is_some_and(|end| end == "md"));
    for page in pages {
        let shown = page.strip_prefix(cargo::root()).unwrap_or(page);
        follow(sh, shown).with_context(|| shown.display().to_string())?;
    }
    Ok(())
}

/// Takes every step of a page, one after the other.
pub(crate) fn follow(sh: &Shell, page: &Path) -> Result<()> {
    let steps = steps::steps(&sh.read_file(page)?)?;
    if steps.is_empty() {
        return Ok(());
    }
    ensure!(ends_in_a_test(&steps), "the last step is no test: `{TESTED_BY}…`");
    println!("{}", page.display());
    let start = Instant::now();
    let copy = Copy::fresh(sh)?;
    for Step { line, deed } in steps {
        copy.take(&deed).with_context(|| format!("the step in line {line} fails"))?;
    }
    println!("{}: {:.1} s\n", page.display(), start.elapsed().as_secs_f64());
    Ok(())
}

fn ends_in_a_test(steps: &[Step]) -> bool {
    let Some(Step { deed: Deed::Run(commands), .. }) = steps.last() else { return false };
    commands.lines().last().is_some_and(|last| last.starts_with(TESTED_BY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_whose_last_command_is_no_test_is_refused() {
        let ends = |page| ends_in_a_test(&steps::steps(page).unwrap());
        assert!(ends("```sh\nls\ncargo xtask test -- a\n```\n"));
        assert!(!ends("```sh\ncargo xtask test -- a\nls\n```\n"));
        assert!(!ends("```sh\ncargo xtask test -- a\n```\n```diff\n```\n"));
    }
}
