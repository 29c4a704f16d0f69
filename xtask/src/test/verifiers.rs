//! Verifier programs in the documentation, executed on valid and on manipulated tokens and webhooks.

mod messages;
mod tokens;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::cargo;
use crate::dev::{self, Environment, Ports};
use crate::toolchains;

use messages::Receiver;
use tokens::Login;

/// Start of the line before a program. The runner and the required packages follow.
const MARK: &str = "<!-- run: ";

/// Input of a program, and the expected result.
struct Case {
    name: &'static str,
    arguments: Vec<String>,
    input: String,
    /// Environment variables.
    settings: Vec<(&'static str, String)>,
    /// Expected output; `None` if the program must reject the input.
    expected: Option<String>,
}

/// Runs the programs of both pages.
pub(super) fn run(sh: &Shell) -> Result<()> {
    dev::build(sh)?;
    let data = sh.create_temp_dir()?;
    let receiver = Receiver::listen()?;
    let settings = receiver.settings();
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let environment = Environment::start(&Ports::reserve(0, 0)?, Some(data.path()), &settings)?;
    let login = Login::new(&environment)?;
    // The messages come first, because verifiers reject old messages.
    let messages = messages::cases(sh, &receiver.message()?, &login.member)?;
    check_page(sh, "docs/guides/webhooks.md", &messages)?;
    check_page(sh, "docs/guides/verify-tokens.md", &login.cases()?)
}

/// Runs the marked programs of a page on all cases.
fn check_page(sh: &Shell, page: &str, cases: &[Case]) -> Result<()> {
    let markdown = sh.read_file(page)?;
    let programs = marked_programs(&markdown).with_context(|| page.to_owned())?;
    ensure!(!programs.is_empty(), "{page} contains no programs marked with `{MARK}… -->`");
    for program in programs {
        let Program { line, runner, .. } = &program;
        println!("{page}:{line}: {runner}");
        let folder = cargo::scratch("verifiers")?;
        let folder = folder.join(Path::new(page).file_stem().unwrap_or_default()).join(runner);
        check(sh, &program, &folder, cases).with_context(|| format!("{page}:{line}"))?;
    }
    Ok(())
}

/// Runs a program on every case, if its runner is available.
fn check(sh: &Shell, program: &Program, folder: &Path, cases: &[Case]) -> Result<()> {
    let (interpreter, name) = match program.runner {
        "python" => (toolchains::python(sh, folder, &program.packages)?, "verify.py"),
        "node" => (toolchains::node(sh, folder, &program.packages)?, "verify.mjs"),
        "java" if has_jdk(sh) => ("java".into(), "Verify.java"),
        "java" => {
            println!("  skipped: JDK 17 or later is not installed");
            return Ok(());
        }
        other => bail!("unknown runner `{other}`: use python, node or java"),
    };
    let file = folder.join(name);
    sh.write_file(&file, program.source)?;
    for case in cases {
        let run = cmd!(sh, "timeout 60 {interpreter} {file}").args(&case.arguments);
        // Without these variables, the program's defaults must match the server's.
        let run = run.env_remove("MENSHEN_ISSUER").env_remove("MENSHEN_AUDIENCE");
        let settings = case.settings.iter().map(|(name, value)| (name, value));
        let run = run.env("no_proxy", "127.0.0.1").envs(settings).stdin(&case.input);
        let output = run.quiet().ignore_status().output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let printed = output.status.success().then_some(printed.trim());
        ensure!(
            printed == case.expected.as_deref(),
            "{}: expected {:?}, got {printed:?} ({}):\n{}",
            case.name,
            case.expected,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let result = if case.expected.is_some() { "accepted" } else { "rejected" };
        println!("  {}: {result}", case.name);
    }
    Ok(())
}

/// Returns true if a JDK 17 or later is installed. It is too large to be installed for one program.
fn has_jdk(sh: &Shell) -> bool {
    let javac = cmd!(sh, "javac --release 17 -version");
    javac.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

/// A marked program, its runner and packages, and the number of the line before it.
#[derive(Debug, PartialEq)]
struct Program<'a> {
    line: usize,
    runner: &'a str,
    packages: Vec<&'a str>,
    source: &'a str,
}

fn marked_programs(markdown: &str) -> Result<Vec<Program<'_>>> {
    let mut programs = Vec::new();
    let mut rest = markdown;
    let mut line = 0;
    while let Some((text, marked)) = rest.split_once(MARK) {
        line += text.matches('\n').count() + 1;
        let problem = || format!("line {line}: `{MARK}… -->` is not followed by a complete block");
        let (words, block) = marked.split_once(" -->\n```").with_context(problem)?;
        let mut words = words.split_whitespace();
        let runner = words.next().with_context(problem)?;
        let (_, block) = block.split_once('\n').with_context(problem)?;
        let (source, after) = block.split_once("\n```\n").with_context(problem)?;
        programs.push(Program { line: line + 1, runner, packages: words.collect(), source });
        line += source.matches('\n').count() + 3;
        rest = after;
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_blocks_are_programs_with_runner_and_packages() {
        let page = "# A\n```py\n1\n```\n<!-- run: python a[b]==1 c -->\n```py\n2\n\n3\n```\n\
                    text\n\n<!-- run: java -->\n```java\n4\n```\n";
        let first =
            Program { line: 6, runner: "python", packages: vec!["a[b]==1", "c"], source: "2\n\n3" };
        let second = Program { line: 14, runner: "java", packages: vec![], source: "4" };
        assert_eq!(marked_programs(page).unwrap(), [first, second]);
        assert_eq!(marked_programs("nothing\n").unwrap(), []);
    }

    #[test]
    fn mark_without_a_complete_block_is_an_error() {
        for page in ["\n<!-- run: node -->\ntext\n", "\n<!-- run: node -->\n```js\n1\n"] {
            let error = marked_programs(page).unwrap_err().to_string();
            assert!(error.starts_with("line 2: "), "{error}");
        }
    }
}
