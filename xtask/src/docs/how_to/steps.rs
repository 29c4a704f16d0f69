//! The steps of a how-to: what of its page is to be written, changed and run.

use anyhow::{Result, bail, ensure};

/// A step, and the number of the line in which its block begins.
#[derive(Debug, PartialEq)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) deed: Deed,
}

/// What is done in a step.
#[derive(Debug, PartialEq)]
pub(super) enum Deed {
    /// A block whose language is followed by `,file=PATH` is a new file.
    Write { path: String, text: String },
    /// A block in `diff` changes files.
    Change(String),
    /// A block in `sh` is run.
    Run(String),
}

/// The steps of a page, in their order. Blocks in other languages are for the reader alone.
pub(super) fn steps(markdown: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let (mut lines, mut before) = ((1..).zip(markdown.lines()), "");
    while let Some((line, opening)) = lines.next() {
        let Some(info) = opening.trim_start().strip_prefix("```") else {
            before = if opening.is_empty() { before } else { opening };
            continue;
        };
        ensure!(opening.starts_with("```"), "line {line}: a block is indented");
        let mut text = String::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some((_, line)) => text.extend([line, "\n"]),
                None => bail!("line {line}: the block does not end"),
            }
        }
        let deed = match (info, info.split_once(",file=")) {
            (_, Some((_, path))) => {
                let told = before.contains(&format!("`{path}`"));
                ensure!(told, "line {line}: the line before does not tell readers of `{path}`");
                Deed::Write { path: path.to_owned(), text }
            }
            ("diff", None) => Deed::Change(text),
            ("sh", None) => Deed::Run(text),
            (_, None) => continue,
        };
        steps.push(Step { line, deed });
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_changes_and_commands_are_steps_and_nothing_else_is() {
        let page = "# A\nIn `a/b.rs`:\n\n```rust,file=a/b.rs\n//! B.\n\nfn b() {}\n```\nor\n```rust\nfn c() {}\n```\n\
                    ```diff\n--- a/c\n+++ b/c\n```\n```sh\nls\n```\n";
        let write = Deed::Write { path: "a/b.rs".to_owned(), text: "//! B.\n\nfn b() {}\n".into() };
        let change = Deed::Change("--- a/c\n+++ b/c\n".to_owned());
        let expected = [(4, write), (13, change), (17, Deed::Run("ls\n".to_owned()))];
        let expected = expected.map(|(line, deed)| Step { line, deed });
        assert_eq!(steps(page).unwrap(), expected);
    }

    #[test]
    fn a_block_that_would_be_passed_over_is_an_error() {
        for (page, problem) in [
            ("1. a\n   ```sh\n   ls\n   ```\n", "line 2: a block is indented"),
            ("```sh\nls\n", "line 1: the block does not end"),
            (
                "In `b`:\n\n```rust,file=a\n```\n",
                "line 3: the line before does not tell readers of `a`",
            ),
        ] {
            assert_eq!(steps(page).unwrap_err().to_string(), problem);
        }
    }
}
