//! The programs with which the documentation checks what Menshen issues and sends, run on good and on bad.

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

/// What the line before a program that must work starts with; how it is run follows, and the
/// packages it needs.
const MARK: &str = "<!-- run: ";

/// What a program is run on.
struct Case {
    what: &'static str,
    arguments: Vec<String>,
    input: String,
    /// The environment beside the page's own.
    settings: Vec<(&'static str, String)>,
    /// What it prints; nothing when it has to refuse.
    printed: Option<String>,
}

/// Runs the programs of both pages.
pub(super) fn run(sh: &Shell) -> Result<()> {
    dev::build(sh)?;
    let (data, receiver) = (sh.create_temp_dir()?, Receiver::listen()?);
    let settings = receiver.settings();
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let environment = Environment::start(&Ports::reserve(0, 0)?, Some(data.path()), &settings)?;
    let login = Login::new(&environment)?;
    // The messages first, while they are fresh.
    let messages = messages::cases(sh, &receiver.message()?, &login.member)?;
    check_page(sh, "docs/guides/webhooks.md", &messages)?;
    check_page(sh, "docs/guides/verify-tokens.md", &login.cases()?)
}

/// Runs the marked programs of a page.
fn check_page(sh: &Shell, page: &str, cases: &[Case]) -> Result<()> {
    let markdown = sh.read_file(page)?;
    let programs = marked_programs(&markdown).with_context(|| page.to_owned())?;
    ensure!(!programs.is_empty(), "{page} marks no programs to test with `{MARK}… -->`");
    for program in programs {
        let Program { line, runner, .. } = &program;
        println!("{page}:{line}: {runner}");
        let folder = cargo::scratch("verifiers")?;
        let folder = folder.join(Path::new(page).file_stem().unwrap_or_default()).join(runner);
        check(sh, &program, &folder, cases).with_context(|| format!("{page}:{line}"))?;
    }
    Ok(())
}

/// Runs a program on every case, where the machine can run it.
fn check(sh: &Shell, program: &Program, folder: &Path, cases: &[Case]) -> Result<()> {
    let (interpreter, name) = match program.runner {
        "python" => (toolchains::python(sh, folder, &program.packages)?, "verify.py"),
        "node" => (toolchains::node(sh, folder, &program.packages)?, "verify.mjs"),
        "java" if has_jdk(sh) => ("java".into(), "Verify.java"),
        "java" => {
            println!("  not run: there is no JDK, 17 or later, on this machine");
            return Ok(());
        }
        other => bail!("nothing here can run `{other}`: say python, node or java"),
    };
    let file = folder.join(name);
    sh.write_file(&file, program.source)?;
    for case in cases {
        let run = cmd!(sh, "timeout 60 {interpreter} {file}").args(&case.arguments);
        // Where nothing is said, the program's own defaults must be right.
        let run = run.env_remove("MENSHEN_ISSUER").env_remove("MENSHEN_AUDIENCE");
        let settings = case.settings.iter().map(|(name, value)| (name, value));
        let run = run.env("no_proxy", "127.0.0.1").envs(settings).stdin(&case.input);
        let output = run.quiet().ignore_status().output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let printed = output.status.success().then_some(printed.trim());
        ensure!(
            printed == case.printed.as_deref(),
            "{}: {:?} was expected, not {printed:?} ({}):\n{}",
            case.what,
            case.printed,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        println!(
            "  {}: {}",
            case.what,
            if case.printed.is_some() { "accepted" } else { "refused" }
        );
    }
    Ok(())
}

/// Whether `java` runs a program from its source; too large to be installed for one program.
fn has_jdk(sh: &Shell) -> bool {
    let look = cmd!(sh, "javac --release 17 -version");
    look.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

/// A marked program, how it is run, and the number of the line it starts after.
#[derive(Debug, PartialEq)]
struct Program<'a> {
    line: usize,
    runner: &'a str,
    packages: Vec<&'a str>,
    source: &'a str,
}

fn marked_programs(markdown: &str) -> Result<Vec<Program<'_>>> {
    let mut programs = Vec::new();
    let (mut rest, mut line) = (markdown, 0);
    while let Some((before, marked)) = rest.split_once(MARK) {
        line += before.matches('\n').count() + 1;
        let problem = || format!("line {line}: `{MARK}… -->` is not followed by a whole block");
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
    fn marked_blocks_are_programs_and_say_how_they_are_run() {
        let page = "# A\n```py\n1\n```\n<!-- run: python a[b]==1 c -->\n```py\n2\n\n3\n```\n\
                    text\n\n<!-- run: java -->\n```java\n4\n```\n";
        let first =
            Program { line: 6, runner: "python", packages: vec!["a[b]==1", "c"], source: "2\n\n3" };
        let second = Program { line: 14, runner: "java", packages: vec![], source: "4" };
        assert_eq!(marked_programs(page).unwrap(), [first, second]);
        assert_eq!(marked_programs("nothing\n").unwrap(), []);
    }

    #[test]
    fn a_mark_without_a_whole_block_is_an_error() {
        for page in ["\n<!-- run: node -->\ntext\n", "\n<!-- run: node -->\n```js\n1\n"] {
            let error = marked_programs(page).unwrap_err().to_string();
            assert!(error.starts_with("line 2: "), "{error}");
        }
    }
}
