//! The OpenAPI document against the running server, by `schemathesis`: requests that it allows and
//! requests that it forbids, and whether each answer is one that it tells of.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::Agent;
use xshell::{Shell, cmd};

use crate::cargo;
use crate::dev::{self, Environment, Ports};
use crate::toolchains;

const PACKAGES: [&str; 1] = ["schemathesis==4.32.5"];

/// Who calls, and with what.
const HOOKS: &str = "xtask/src/test/schemathesis/hooks.py";

/// The same requests each time, or else a failure could not be looked at.
const SEED: &str = "20261121";

/// What WeChat's pushes are signed with.
const PUSH_TOKEN: (&str, &str) = ("MENSHEN_APPS__MAIN__PUSH_TOKEN", "pushtokenofmain");

/// What no schema tells is how WeChat writes its messages; other tests send some.
const WRITTEN_BY_WECHAT: &str = "POST /wechat/push/{app}";

/// With some requests to each route: about a minute.
pub(super) fn run(sh: &Shell) -> Result<()> {
    check(sh, 100)
}

/// With many.
pub(crate) fn run_in_full(sh: &Shell) -> Result<()> {
    check(sh, 500)
}

/// Calls every route as nobody, and with the credentials it demands; every check is on.
fn check(sh: &Shell, examples: u16) -> Result<()> {
    let python = toolchains::python(sh, &cargo::scratch("schemathesis")?, &PACKAGES)?;
    dev::build(sh)?;
    let data = sh.create_temp_dir()?;
    // As in production, and as the document has it.
    let settings = [
        ("MENSHEN_METRICS__PUBLIC", "false"),
        ("MENSHEN_APPS__MAIN__STORE_SESSION_KEYS", "true"),
        PUSH_TOKEN,
    ];
    let environment = Environment::start(&Ports::reserve(0, 0)?, Some(data.path()), &settings)?;
    let document = document(&environment.server_url)?;
    let invitation = environment.invite_admin("boss")?;
    for nobody in [true, false] {
        let caller = if nobody { "nobody" } else { "whoever may" };
        println!("called by {caller}:");
        let report = play(sh, &python, &environment, examples, (!nobody).then_some(&invitation))?;
        let missed = missed(&document, &report, nobody);
        ensure!(missed.is_empty(), "called by {caller}, {}", missed.join("; "));
    }
    Ok(())
}

/// Runs Schemathesis, as nobody or as whoever may, of whom one becomes an administrator by this
/// invitation; answers with what it reports.
fn play(
    sh: &Shell,
    python: &Path,
    environment: &Environment,
    examples: u16,
    invitation: Option<&String>,
) -> Result<Value> {
    let hooks = cargo::root().join(HOOKS);
    // It remembers failures where it is run.
    let folder = sh.create_temp_dir()?;
    let _there = sh.push_dir(folder.path());
    let (st, examples) = (python.with_file_name("st"), examples.to_string());
    let Environment { server_url, sandbox_url, .. } = environment;
    // One worker: Python 3.11 parses its own source in one thread at a time only, which Hypothesis relies on.
    cmd!(sh, "{st} --no-color run {server_url}/openapi.json --checks all --continue-on-failure")
        .args(["--seed", SEED, "--max-examples", &examples, "--workers", "1"])
        .args(["--generation-database", "none", "--report-json-path", "report.json"])
        .env("SCHEMATHESIS_HOOKS", hooks)
        .env("SERVER_URL", server_url)
        .envs([PUSH_TOKEN])
        .env("WECHAT_SANDBOX_URL", sandbox_url)
        .envs(invitation.is_none().then_some(("AS_NOBODY", "1")))
        .envs(invitation.map(|code| ("ADMIN_INVITATION", code)))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONNOUSERSITE", "1")
        .env("no_proxy", "127.0.0.1")
        .run()?;
    Ok(serde_json::from_str(&sh.read_file("report.json")?)?)
}

/// Routes of which the run says nothing, however well it went: one with credentials that none of the
/// valid requests got into, and one without that answered anything but 401 and 403.
fn missed(document: &Value, report: &Value, nobody: bool) -> Vec<String> {
    let refused = report.pointer("/warnings/missing_auth").and_then(Value::as_array);
    let is_closed =
        |route: &str| refused.is_some_and(|routes| routes.iter().any(|closed| closed == route));
    let rates = report.get("valid_rates");
    let lets_in = |route: &str| {
        let phases = rates.and_then(|rates| rates.get(route)).and_then(Value::as_object);
        let accepted = |phase: &Value| phase.get("accepted").and_then(Value::as_u64).unwrap_or(0);
        phases.is_some_and(|phases| phases.values().any(|phase| accepted(phase) > 0))
    };
    let faults = operations(document).into_iter().filter_map(|(route, guarded)| {
        if nobody {
            (guarded && !is_closed(&route)).then(|| format!("{route} is not closed"))
        } else {
            let expected = route != WRITTEN_BY_WECHAT;
            (expected && !lets_in(&route)).then(|| format!("{route} let no valid request in"))
        }
    });
    faults.collect()
}

/// Every route as `GET /me`, and whether it demands a credential.
fn operations(document: &Value) -> Vec<(String, bool)> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation.get("security").is_some())
        })
    });
    operations.collect()
}

fn document(server: &str) -> Result<Value> {
    let agent = Agent::new_with_config(Agent::config_builder().proxy(None).build());
    let mut answer = agent.get(format!("{server}/openapi.json")).call()?;
    answer.body_mut().read_json().context("the document is no JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_that_says_nothing_of_a_route_is_no_success() {
        let document = json!({ "paths": {
            "/login": { "post": {} },
            "/me": { "get": { "security": [{ "memberToken": [] }] } },
        } });
        let phases = |accepted: u8| json!({ "coverage": { "accepted": 0 }, "fuzzing": { "accepted": accepted } });
        let report = |login, me, closed: &[&str]| {
            json!({
                "valid_rates": { "POST /login": phases(login), "GET /me": phases(me) },
                "warnings": { "missing_auth": closed },
            })
        };
        let none: [&str; 0] = [];
        assert_eq!(missed(&document, &report(1, 1, &[]), false), none);
        let faults = missed(&document, &report(0, 1, &[]), false);
        assert_eq!(faults, ["POST /login let no valid request in"]);
        assert_eq!(missed(&document, &json!({}), false).len(), 2);
        assert_eq!(missed(&document, &report(0, 0, &["GET /me"]), true), none);
        assert_eq!(missed(&document, &report(0, 0, &[]), true), ["GET /me is not closed"]);
    }
}
