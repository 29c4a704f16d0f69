//! Steps of a how-to guide: the files, changes and commands in its code blocks.

use anyhow::{Result, bail, ensure};

/// A step, and the number of the line in which its code block begins.
#[derive(Debug, PartialEq)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) action: Action,
}

/// Action of a step.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// Creates a file: a block with `,file=PATH` after its language.
    Write { path: String, text: String },
    /// Applies a patch: a block in `diff`.
    Patch(String),
    /// Runs commands: a block in `sh`.
    Run(String),
}

/// Returns the steps of a page in their order. Blocks in other languages are only shown to readers.
pub(super) fn steps(markdown: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut lines = (1..).zip(markdown.lines());
    let mut previous = "";
    while let Some((line, opening)) = lines.next() {
        let Some(info) = opening.trim_start().strip_prefix("```") else {
            previous = if opening.is_empty() { previous } else { opening };
            continue;
        };
        ensure!(opening.starts_with("```"), "line {line}: the block is indented");
        let mut text = String::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some((_, line)) => text.extend([line, "\n"]),
                None => bail!("line {line}: the block does not end"),
            }
        }
        let action = match (info, info.split_once(",file=")) {
            (_, Some((_, path))) => {
                let is_announced = previous.contains(&format!("`{path}`"));
                ensure!(is_announced, "line {line}: the line before does not contain `{path}`");
                Action::Write { path: path.to_owned(), text }
            }
            ("diff", None) => Action::Patch(text),
            ("sh", None) => Action::Run(text),
            (_, None) => continue,
        };
        steps.push(Step { line, action });
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_patches_and_commands_are_steps() {
        let page = "# A\nIn `a/b.rs`:\n\n```rust,file=a/b.rs\n//! B.\n\nfn b() {}\n```\nor\n```rust\nfn c() {}\n```\n\
                    ```diff\n--- a/c\n+++ b/c\n```\n```sh\nls\n```\n";
        let write =
            Action::Write { path: "a/b.rs".to_owned(), text: "//! B.\n\nfn b() {}\n".into() };
        let patch = Action::Patch("--- a/c\n+++ b/c\n".to_owned());
        let expected = [(4, write), (13, patch), (17, Action::Run("ls\n".to_owned()))];
        let expected = expected.map(|(line, action)| Step { line, action });
        assert_eq!(steps(page).unwrap(), expected);
    }

    #[test]
    fn malformed_block_is_an_error() {
        for (page, problem) in [
            ("1. a\n   ```sh\n   ls\n   ```\n", "line 2: the block is indented"),
            ("```sh\nls\n", "line 1: the block does not end"),
            ("In `b`:\n\n```rust,file=a\n```\n", "line 3: the line before does not contain `a`"),
        ] {
            assert_eq!(steps(page).unwrap_err().to_string(), problem);
        }
    }
}
