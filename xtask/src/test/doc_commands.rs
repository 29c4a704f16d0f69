//! The commands that the documentation shows, run as a reader would run them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::{
    apt, cargo,
    dev::{self, Environment, Ports},
};

/// The pages whose marked commands are run.
const PAGES: [&str; 5] = [
    "README.md",
    "README.zh-CN.md",
    "docs/guides/deploying.md",
    "docs/tutorials/first-login.md",
    "docs/tutorials/production.md",
];

/// The line before a block of commands that must work.
const MARK: &str = "<!-- test -->";

/// Programs that the commands may use beside the system's own, which packages of that name install.
const TOOLS: [&str; 2] = ["curl", "openssl"];

pub(super) fn run(sh: &Shell) -> Result<()> {
    dev::build(sh)?;
    check_named(sh)?;
    let data = sh.create_temp_dir()?;
    let environment = Environment::start(&Ports::reserve(0, 0)?, Some(data.path()), &[])?;
    for page in PAGES {
        let markdown = sh.read_file(page)?;
        let blocks = marked_blocks(&markdown).with_context(|| page.to_owned())?;
        ensure!(!blocks.is_empty(), "{page} marks no commands to test with `{MARK}`");
        for block in blocks {
            println!("{page}:{}", block.line);
            run_block(sh, &block.commands, &environment)
                .with_context(|| format!("{page}:{}: the commands failed", block.line))?;
            println!();
        }
    }
    Ok(())
}

/// Fails unless the program has every command that a page of the documentation names.
fn check_named(sh: &Shell) -> Result<()> {
    let program = cargo::program("menshen")?;
    let pages = cmd!(sh, "git ls-files --cached --others --exclude-standard -- *.md").quiet();
    let pages = pages.read()?;
    for page in pages.lines().filter(|page| sh.path_exists(page)) {
        for command in named_commands(&sh.read_file(page)?) {
            let named = format!("{page} names `menshen {}`", command.join(" "));
            let known = cmd!(sh, "{program} {command...} --help").quiet().ignore_stdout();
            known.run().context(named)?;
        }
    }
    Ok(())
}

/// The commands of the program in code: up to the first word that is the reader's own to fill in.
fn named_commands(markdown: &str) -> BTreeSet<Vec<&str>> {
    let calls = markdown.split(['`', '\n']).filter_map(|code| code.trim().strip_prefix("menshen "));
    let is_command = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let commands = calls.map(|call| call.split(' ').take_while(is_command).collect());
    commands.filter(|command: &Vec<&str>| !command.is_empty()).collect()
}

/// Runs commands against `environment`, in an empty folder: they may write files.
fn run_block(sh: &Shell, commands: &str, environment: &Environment) -> Result<()> {
    for tool in TOOLS.into_iter().filter(|tool| commands.contains(tool)) {
        let look = format!("command -v {tool}");
        let found = || cmd!(sh, "sh -c {look}").quiet().ignore_stdout().run().is_ok();
        apt::ensure(sh, tool, &[tool], found)?;
    }
    let commands = commands
        .replace("http://127.0.0.1:2020", &environment.server_url)
        .replace("http://127.0.0.1:2021", &environment.sandbox_url);
    let folder = sh.create_temp_dir()?;
    let _there = sh.push_dir(folder.path());
    cmd!(sh, "timeout 120 bash -euo pipefail -c {commands}").quiet().run()?;
    Ok(())
}

/// Commands of one marked block, and the number of the line they start after.
#[derive(Debug, PartialEq)]
struct Block {
    line: usize,
    commands: String,
}

/// The marked blocks of a page; in a list they are indented, and their commands lose that indent.
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
            bail!("line {marked}: `{MARK}` is not followed by a block of sh");
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
    fn only_marked_blocks_are_run() {
        let page =
            "# A\n```sh\nrm -r data\n```\n<!-- test -->\n\n```sh\ncurl a \\\n  -d b\n```\ntext\n";
        let block = Block { line: 7, commands: "curl a \\\n  -d b\n".to_owned() };
        assert_eq!(marked_blocks(page).unwrap(), [block]);
        assert_eq!(marked_blocks("nothing\n").unwrap(), []);
    }

    #[test]
    fn commands_are_found_wherever_they_are_code() {
        let page =
            "`menshen keys list`, `menshen config http.listen`\n  menshen ban ID\na menshen is\n";
        let commands = [vec!["ban"], vec!["config"], vec!["keys", "list"]];
        assert_eq!(named_commands(page), commands.into());
        assert!(named_commands("`menshen_logins_total` and `menshen`").is_empty());
    }

    #[test]
    fn a_block_in_a_list_loses_its_indent() {
        let page = "1. A\n   <!-- test -->\n   ```sh\n   a <<B\n     b\n\n   B\n   ```\n";
        let block = Block { line: 3, commands: "a <<B\n  b\n\nB\n".to_owned() };
        assert_eq!(marked_blocks(page).unwrap(), [block]);
    }

    #[test]
    fn a_mark_without_commands_is_an_error() {
        for page in ["<!-- test -->\n```json\n{}\n```\n", "<!-- test -->\n"] {
            let error = marked_blocks(page).unwrap_err().to_string();
            assert!(error.starts_with("line 1: "), "{error}");
        }
        let error = marked_blocks("<!-- test -->\n```sh\nls\n").unwrap_err().to_string();
        assert_eq!(error, "line 2: the block does not end");
    }
}
