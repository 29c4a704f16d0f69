//! Test of the OpenAPI document against the running server by `schemathesis`: it sends valid and
//! invalid requests and checks that the document describes each response.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::Agent;
use xshell::{Shell, cmd};

use crate::cargo;
use crate::dev::{self, Environment, Ports};
use crate::toolchains;

const PACKAGES: [&str; 1] = ["schemathesis==4.32.5"];

/// Schemathesis hooks that add credentials and valid codes to requests.
const HOOKS: &str = "xtask/src/test/schemathesis/hooks.py";

/// Seed of the generated requests: a constant, so that a failure can be reproduced.
const SEED: &str = "20261121";

/// Environment variable with the token that signs WeChat's message pushes, and its value.
const PUSH_TOKEN: (&str, &str) = ("MENSHEN_APPS__MAIN__PUSH_TOKEN", "pushtokenofmain");

/// Route whose valid requests cannot be generated, because no schema describes WeChat's messages.
/// Other tests send them.
const PUSH_ROUTE: &str = "POST /wechat/push/{app}";

/// Runs the test with some requests to each route, for about a minute.
pub(super) fn run(sh: &Shell) -> Result<()> {
    check(sh, 100)
}

/// Runs the test with many requests to each route.
pub(crate) fn soak(sh: &Shell) -> Result<()> {
    check(sh, 500)
}

/// Calls every route without and with credentials. All checks of Schemathesis are enabled.
fn check(sh: &Shell, examples: u16) -> Result<()> {
    let python = toolchains::python(sh, &cargo::scratch("schemathesis")?, &PACKAGES)?;
    dev::build(sh)?;
    let data = sh.create_temp_dir()?;
    // Metrics need a key in production, and the document says so.
    let settings = [
        ("MENSHEN_METRICS__PUBLIC", "false"),
        ("MENSHEN_APPS__MAIN__STORE_SESSION_KEYS", "true"),
        PUSH_TOKEN,
    ];
    let environment = Environment::start(&Ports::reserve(0, 0)?, Some(data.path()), &settings)?;
    let document = document(&environment.server_url)?;
    let invitation = environment.invite_admin("boss")?;
    for is_authenticated in [false, true] {
        let mode = if is_authenticated { "with credentials" } else { "without credentials" };
        println!("{mode}:");
        let invitation = is_authenticated.then_some(&invitation);
        let report = call_routes(sh, &python, &environment, examples, invitation)?;
        let problems = uncovered(&document, &report, is_authenticated);
        ensure!(problems.is_empty(), "{mode}: {}", problems.join("; "));
    }
    Ok(())
}

/// Runs Schemathesis and returns its report. With an invitation, it sends credentials, and the
/// invitation creates its first administrator; otherwise it sends no credentials.
fn call_routes(
    sh: &Shell,
    python: &Path,
    environment: &Environment,
    examples: u16,
    invitation: Option<&String>,
) -> Result<Value> {
    let hooks = cargo::root().join(HOOKS);
    // Schemathesis stores failures in the current folder.
    let folder = sh.create_temp_dir()?;
    let _folder = sh.push_dir(folder.path());
    let st = python.with_file_name("st");
    let examples = examples.to_string();
    let Environment { server_url, sandbox_url, .. } = environment;
    // One worker, because Hypothesis parses Python source, which Python 3.11 can do only in one
    // thread at a time.
    cmd!(sh, "{st} --no-color run {server_url}/openapi.json --checks all --continue-on-failure")
        .args(["--seed", SEED, "--max-examples", &examples, "--workers", "1"])
        .args(["--generation-database", "none", "--report-json-path", "report.json"])
        .env("SCHEMATHESIS_HOOKS", hooks)
        .env("SERVER_URL", server_url)
        .envs([PUSH_TOKEN])
        .env("WECHAT_SANDBOX_URL", sandbox_url)
        .envs(invitation.is_none().then_some(("UNAUTHENTICATED", "1")))
        .envs(invitation.map(|code| ("ADMIN_INVITATION", code)))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONNOUSERSITE", "1")
        .env("no_proxy", "127.0.0.1")
        .run()?;
    Ok(serde_json::from_str(&sh.read_file("report.json")?)?)
}

/// Lists routes that a successful run did not cover: with credentials, routes that accepted no valid
/// request; without, protected routes with a response other than 401 and 403.
fn uncovered(document: &Value, report: &Value, is_authenticated: bool) -> Vec<String> {
    let rejected = report.pointer("/warnings/missing_auth").and_then(Value::as_array);
    let is_rejected =
        |route: &str| rejected.is_some_and(|routes| routes.iter().any(|other| other == route));
    let rates = report.get("valid_rates");
    let has_accepted = |route: &str| {
        let phases = rates.and_then(|rates| rates.get(route)).and_then(Value::as_object);
        let accepted = |phase: &Value| phase.get("accepted").and_then(Value::as_u64).unwrap_or(0);
        phases.is_some_and(|phases| phases.values().any(|phase| accepted(phase) > 0))
    };
    let problems = operations(document).into_iter().filter_map(|(route, is_protected)| {
        if is_authenticated {
            let is_uncovered = route != PUSH_ROUTE && !has_accepted(&route);
            is_uncovered.then(|| format!("{route} accepted no valid request"))
        } else {
            let is_open = is_protected && !is_rejected(&route);
            is_open.then(|| format!("{route} does not require credentials"))
        }
    });
    problems.collect()
}

/// Returns every route, as `GET /me`, and true if it requires credentials.
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
    let mut response = agent.get(format!("{server}/openapi.json")).call()?;
    response.body_mut().read_json().context("the document is not JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn uncovered_route_fails_the_run() {
        let document = json!({ "paths": {
            "/login": { "post": {} },
            "/me": { "get": { "security": [{ "memberToken": [] }] } },
        } });
        let phases = |accepted: u8| json!({ "coverage": { "accepted": 0 }, "fuzzing": { "accepted": accepted } });
        let report = |login, me, rejected: &[&str]| {
            json!({
                "valid_rates": { "POST /login": phases(login), "GET /me": phases(me) },
                "warnings": { "missing_auth": rejected },
            })
        };
        let none: [&str; 0] = [];
        assert_eq!(uncovered(&document, &report(1, 1, &[]), true), none);
        let problems = uncovered(&document, &report(0, 1, &[]), true);
        assert_eq!(problems, ["POST /login accepted no valid request"]);
        assert_eq!(uncovered(&document, &json!({}), true).len(), 2);
        assert_eq!(uncovered(&document, &report(0, 0, &["GET /me"]), false), none);
        let problems = uncovered(&document, &report(0, 0, &[]), false);
        assert_eq!(problems, ["GET /me does not require credentials"]);
    }
}
