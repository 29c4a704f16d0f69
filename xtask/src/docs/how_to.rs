//! Execution of the how-to guides: the steps of each guide are applied to a copy of the workspace,
//! where the tests at its end must pass.

mod steps;
mod workspace;

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use crate::cargo;

use self::{
    steps::{Action, Step},
    workspace::Copy,
};

/// Folder of the how-to guides. Its page that lists them has no steps.
const FOLDER: &str = "docs/contributing";

/// Start of the last command of each guide; the command fails if it finds no test.
const TEST_COMMAND: &str = "cargo xtask test ";

/// Executes all guides.
pub(super) fn run(sh: &Shell) -> Result<()> {
    let pages = sh.read_dir(FOLDER)?;
    let pages = pages.iter().filter(|page| page.extension().is_some_and(|end| end == "md"));
    for page in pages {
        let path = page.strip_prefix(cargo::root()).unwrap_or(page);
        follow(sh, path).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Executes all steps of a page in a fresh copy of the workspace.
pub(super) fn follow(sh: &Shell, page: &Path) -> Result<()> {
    let steps = steps::steps(&sh.read_file(page)?)?;
    if steps.is_empty() {
        return Ok(());
    }
    ensure!(ends_with_test(&steps), "the last step does not end with `{TEST_COMMAND}…`");
    println!("{}", page.display());
    let start = Instant::now();
    let copy = Copy::create(sh)?;
    for Step { line, action } in steps {
        copy.execute(&action).with_context(|| format!("the step in line {line} failed"))?;
    }
    println!("{}: {:.1} s\n", page.display(), start.elapsed().as_secs_f64());
    Ok(())
}

fn ends_with_test(steps: &[Step]) -> bool {
    let Some(Step { action: Action::Run(commands), .. }) = steps.last() else { return false };
    commands.lines().last().is_some_and(|last| last.starts_with(TEST_COMMAND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guide_must_end_with_a_test_command() {
        let ends = |page| ends_with_test(&steps::steps(page).unwrap());
        assert!(ends("```sh\nls\ncargo xtask test -- a\n```\n"));
        assert!(!ends("```sh\ncargo xtask test -- a\nls\n```\n"));
        assert!(!ends("```sh\ncargo xtask test -- a\n```\n```diff\n```\n"));
    }
}
