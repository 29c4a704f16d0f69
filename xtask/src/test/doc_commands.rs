//! Commands in the documentation, executed as a reader would execute them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::{
    apt, cargo,
    dev::{self, Environment, Ports},
};

/// Pages whose marked commands are executed.
const PAGES: [&str; 5] = [
    "README.md",
    "README.zh-CN.md",
    "docs/guides/deploying.md",
    "docs/tutorials/first-login.md",
    "docs/tutorials/production.md",
];

/// Line before a block of commands that must succeed.
const MARK: &str = "<!-- test -->";

/// Programs that the commands may use in addition to those of the system. Each is installed by the
/// Debian package of the same name.
const TOOLS: [&str; 2] = ["curl", "openssl"];

pub(super) fn run(sh: &Shell) -> Result<()> {
    dev::build(sh)?;
    check_command_names(sh)?;
    let data = sh.create_temp_dir()?;
    let environment = Environment::start(&Ports::reserve(0, 0)?, Some(data.path()), &[])?;
    for page in PAGES {
        let markdown = sh.read_file(page)?;
        let blocks = marked_blocks(&markdown).with_context(|| page.to_owned())?;
        ensure!(!blocks.is_empty(), "{page} contains no commands marked with `{MARK}`");
        for block in blocks {
            println!("{page}:{}", block.line);
            run_block(sh, &block.commands, &environment)
                .with_context(|| format!("{page}:{}: the commands failed", block.line))?;
            println!();
        }
    }
    Ok(())
}

/// Fails unless the program has every command that a page names.
fn check_command_names(sh: &Shell) -> Result<()> {
    let program = cargo::program("menshen")?;
    let pages = cmd!(sh, "git ls-files --cached --others --exclude-standard -- *.md").quiet();
    let pages = pages.read()?;
    for page in pages.lines().filter(|page| sh.path_exists(page)) {
        for command in named_commands(&sh.read_file(page)?) {
            let context = format!("{page} names `menshen {}`", command.join(" "));
            let help = cmd!(sh, "{program} {command...} --help").quiet().ignore_stdout();
            help.run().context(context)?;
        }
    }
    Ok(())
}

/// Returns the commands of the program in code, up to the first word that is an argument.
fn named_commands(markdown: &str) -> BTreeSet<Vec<&str>> {
    let calls = markdown.split(['`', '\n']).filter_map(|code| code.trim().strip_prefix("menshen "));
    let is_command = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let commands = calls.map(|call| call.split(' ').take_while(is_command).collect());
    commands.filter(|command: &Vec<&str>| !command.is_empty()).collect()
}

/// Runs commands against `environment` in an empty folder, because they may write files.
fn run_block(sh: &Shell, commands: &str, environment: &Environment) -> Result<()> {
    for tool in TOOLS.into_iter().filter(|tool| commands.contains(tool)) {
        let find = format!("command -v {tool}");
        let is_installed = || cmd!(sh, "sh -c {find}").quiet().ignore_stdout().run().is_ok();
        apt::ensure(sh, tool, &[tool], is_installed)?;
    }
    let commands = commands
        .replace("http://127.0.0.1:2020", &environment.server_url)
        .replace("http://127.0.0.1:2021", &environment.sandbox_url);
    let folder = sh.create_temp_dir()?;
    let _folder = sh.push_dir(folder.path());
    cmd!(sh, "timeout 120 bash -euo pipefail -c {commands}").quiet().run()?;
    Ok(())
}

/// Commands of a marked block, and the number of the line before them.
#[derive(Debug, PartialEq)]
struct Block {
    line: usize,
    commands: String,
}

/// Returns the marked blocks of a page. The indent of a block in a list is removed from its commands.
fn marked_blocks(markdown: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(markdown.lines());
    while let Some((marked, line)) = lines.next() {
        let Some(indent) = line.strip_suffix(MARK).filter(|indent| indent.trim().is_empty()) else {
            continue;
        };
        let mut lines = lines
            .by_ref()
            .map(|(number, line)| (number, line.strip_prefix(indent).unwrap_or(line.trim_start())));
        let Some((start, "```sh")) = lines.find(|(_, line)| !line.is_empty()) else {
            bail!("line {marked}: `{MARK}` is not followed by a block in `sh`");
        };
        let mut commands = String::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some((_, line)) => commands.extend([line, "\n"]),
                None => bail!("line {start}: the block does not end"),
            }
        }
        blocks.push(Block { line: start, commands });
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_blocks_are_executed() {
        let page =
            "# A\n```sh\nrm -r data\n```\n<!-- test -->\n\n```sh\ncurl a \\\n  -d b\n```\ntext\n";
        let block = Block { line: 7, commands: "curl a \\\n  -d b\n".to_owned() };
        assert_eq!(marked_blocks(page).unwrap(), [block]);
        assert_eq!(marked_blocks("nothing\n").unwrap(), []);
    }

    #[test]
    fn commands_are_found_in_inline_code_and_blocks() {
        let page =
            "`menshen keys list`, `menshen config http.listen`\n  menshen ban ID\na menshen is\n";
        let commands = [vec!["ban"], vec!["config"], vec!["keys", "list"]];
        assert_eq!(named_commands(page), commands.into());
        assert!(named_commands("`menshen_logins_total` and `menshen`").is_empty());
    }

    #[test]
    fn indent_of_a_block_in_a_list_is_removed() {
        let page = "1. A\n   <!-- test -->\n   ```sh\n   a <<B\n     b\n\n   B\n   ```\n";
        let block = Block { line: 3, commands: "a <<B\n  b\n\nB\n".to_owned() };
        assert_eq!(marked_blocks(page).unwrap(), [block]);
    }

    #[test]
    fn mark_without_a_complete_block_is_an_error() {
        for page in ["<!-- test -->\n```json\n{}\n```\n", "<!-- test -->\n"] {
            let error = marked_blocks(page).unwrap_err().to_string();
            assert!(error.starts_with("line 1: "), "{error}");
        }
        let error = marked_blocks("<!-- test -->\n```sh\nls\n").unwrap_err().to_string();
        assert_eq!(error, "line 2: the block does not end");
    }
}
