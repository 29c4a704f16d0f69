//! The programs with which the documentation checks tokens, run on good tokens and bad ones.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use ureq::Agent;
use xshell::{Shell, cmd};

use crate::cargo;
use crate::dev::{self, Environment, Ports};
use crate::interpreters;

/// The page whose marked programs are run.
const PAGE: &str = "docs/verify-tokens.md";

/// What the line before a program that must work starts with; how it is run follows, and the
/// packages it needs.
const MARK: &str = "<!-- run: ";

pub(super) fn run(sh: &Shell) -> Result<()> {
    let markdown = sh.read_file(PAGE)?;
    let programs = marked_programs(&markdown).context(PAGE)?;
    ensure!(!programs.is_empty(), "{PAGE} marks no programs to test with `{MARK}… -->`");
    dev::build(sh)?;
    let data = sh.create_temp_dir()?;
    let environment = Environment::start(&Ports::reserve(0, 0)?, Some(data.path()), &[])?;
    let login = Login::new(&environment)?;
    for program in programs {
        let Program { line, runner, .. } = &program;
        println!("{PAGE}:{line}: {runner}");
        check(sh, &program, &login).with_context(|| format!("{PAGE}:{line}"))?;
    }
    Ok(())
}

/// Runs a program on every kind of token, where the machine can run it.
fn check(sh: &Shell, program: &Program, login: &Login) -> Result<()> {
    let folder = cargo::scratch("verifiers")?.join(program.runner);
    let (interpreter, name) = match program.runner {
        "python" => (interpreters::python(sh, &folder, &program.packages)?, "verify.py"),
        "node" => (interpreters::node(sh, &folder, &program.packages)?, "verify.mjs"),
        "java" if has_jdk(sh) => ("java".into(), "Verify.java"),
        "java" => {
            println!("  not run: there is no JDK, 17 or later, on this machine");
            return Ok(());
        }
        other => bail!("nothing here can run `{other}`: say python, node or java"),
    };
    let file = folder.join(name);
    sh.write_file(&file, program.source)?;
    for case in login.cases()? {
        let run = cmd!(sh, "timeout 60 {interpreter} {file}").arg(case.token);
        // Where nothing is said, the program's own defaults must be right.
        let run = run.env_remove("MENSHEN_ISSUER").env_remove("MENSHEN_AUDIENCE");
        let run = run.env("MENSHEN_JWKS", &login.keys).env("no_proxy", "127.0.0.1");
        let output = run.envs(case.setting).quiet().ignore_status().output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let member = output.status.success().then_some(printed.trim());
        let expected = case.good.then_some(login.member.as_str());
        ensure!(
            member == expected,
            "{}: {expected:?} was expected, not {member:?} ({}):\n{}",
            case.what,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        println!("  {}: {}", case.what, if case.good { "accepted" } else { "refused" });
    }
    Ok(())
}

/// A member who logged in, and where the keys are that her token is checked with.
struct Login {
    token: String,
    member: String,
    keys: String,
}

/// A token, and whether it is good under one setting beside the defaults.
struct Case {
    what: &'static str,
    token: String,
    setting: Option<(&'static str, &'static str)>,
    good: bool,
}

impl Login {
    fn new(environment: &Environment) -> Result<Self> {
        let Environment { server_url, sandbox_url, .. } = environment;
        let code = format!("{sandbox_url}/_sandbox/codes/login");
        let code = text(&post(&code, &json!({ "user": "alice" }))?, "/code")?;
        let login = post(&format!("{server_url}/login"), &json!({ "code": code }))?;
        Ok(Self {
            token: text(&login, "/data/token")?,
            member: text(&login, "/data/memberId")?,
            keys: format!("{server_url}/.well-known/jwks.json"),
        })
    }

    /// The good token first: that it is accepted shows that the others are not refused for want
    /// of a package or a key.
    fn cases(&self) -> Result<[Case; 6]> {
        let case = |what, token: &str, setting, good| Case {
            what,
            token: token.to_owned(),
            setting,
            good,
        };
        let token = self.token.as_str();
        let forged = edited(token, 1, &self.member, &other_member(&self.member))?;
        let unsigned = edited(token, 0, "ES256", "none")?;
        let unsigned = unsigned.rsplit_once('.').map(|(start, _)| format!("{start}."));
        let unsigned = unsigned.context("the token has no signature")?;
        Ok([
            case("a good token", token, None, true),
            case("one letter of the member changed", &forged, None, false),
            case("no signature", &unsigned, None, false),
            case("for another audience", token, Some(("MENSHEN_AUDIENCE", "others")), false),
            case("of another issuer", token, Some(("MENSHEN_ISSUER", "others")), false),
            case("garbage", "garbage", None, false),
        ])
    }
}

/// `token` with a text in one of its parts replaced, and the signature as it was.
fn edited(token: &str, part: usize, from: &str, to: &str) -> Result<String> {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let part = parts.get_mut(part).context("the token has too few parts")?;
    let json = String::from_utf8(URL_SAFE_NO_PAD.decode(&*part)?)?;
    ensure!(json.contains(from), "the token says nothing of {from}: {json}");
    *part = URL_SAFE_NO_PAD.encode(json.replace(from, to));
    Ok(parts.join("."))
}

/// A member id that differs in the last letter.
fn other_member(member: &str) -> String {
    let (start, last) = member.split_at(member.len().saturating_sub(1));
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

fn post(url: &str, body: &Value) -> Result<Value> {
    let config = Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(10)));
    let agent: Agent = config.build().into();
    let mut answer = agent.post(url).send_json(body).with_context(|| url.to_owned())?;
    Ok(answer.body_mut().read_json()?)
}

fn text(answer: &Value, pointer: &str) -> Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("an answer has no {pointer}"))?.to_owned())
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

    #[test]
    fn a_token_is_edited_where_it_says_so_and_nowhere_else() {
        let token = format!("{}.{}.s", URL_SAFE_NO_PAD.encode("m1"), URL_SAFE_NO_PAD.encode("m1"));
        let edited_token = edited(&token, 1, "m1", &other_member("m1")).unwrap();
        let expected =
            format!("{}.{}.s", URL_SAFE_NO_PAD.encode("m1"), URL_SAFE_NO_PAD.encode("m0"));
        assert_eq!(edited_token, expected);
        assert!(edited(&token, 1, "m2", "m3").is_err());
    }
}
