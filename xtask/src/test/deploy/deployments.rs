//! Use of the server in the image, with the environment and the secrets of each deployment in `deploy/`
//! and an SQLite database: the whole life of a member.
//!
//! As in a container, the program has a root file system without a folder for temporary files, and can
//! write to one folder only.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use ureq::{Agent, Body, http::Response};
use xshell::Shell;

use super::image::Stage;
use crate::{
    apt, cargo,
    child_process::{ManagedProcess, reserve},
    dev,
};

/// Path and contents of the configuration file of a deployment without containers.
const CONFIG_FILE: (&str, &str) =
    ("etc/menshen/menshen.toml", "[apps.main]\napp_id = \"wx0000000000000000\"\n");

/// App of the sandbox. Production rejects the sandbox's well-known apps.
const APP_ID: &str = "wx0000000000000000";
const APP_SECRET: &str = "secret-of-the-deployment-test-00001";

/// Number of members that log in and are erased.
const MEMBERS: u32 = 20;

/// A deployment, as printed by `manifests.py`.
struct Deployment<'a> {
    environment: Vec<(&'a str, &'a str)>,
    secrets: Vec<(&'a str, &'a str)>,
    commands: Vec<Vec<&'a str>>,
}

/// Runs each deployment in the image of the server.
pub(super) fn check(sh: &Shell, deployments: &Value, stages: &[Stage]) -> Result<()> {
    let Some(root_prefix) = apt::root_prefix(sh) else {
        println!("skipped: starting the images requires root for chroot");
        return Ok(());
    };
    for stage in stages.iter().filter(|stage| !stage.entrypoint.is_empty()) {
        let version = Container { stage, root_prefix: &root_prefix, environment: vec![] };
        version.run(&["--version"]).with_context(|| stage.name.clone())?;
    }
    let server = stages
        .iter()
        .find(|stage| stage.name == "menshen")
        .context("the image has no stage menshen")?;
    for (name, value) in deployments.as_object().context("the deployments are not an object")? {
        let deployment = Deployment::parse(value).with_context(|| name.clone())?;
        run(sh, server, &root_prefix, &deployment).with_context(|| name.clone())?;
        println!("{name}: {MEMBERS} members logged in and were erased, as user {}", server.user);
    }
    Ok(())
}

/// Migrates the database, starts the server, runs the health check of the image, and uses the server.
fn run(sh: &Shell, stage: &Stage, root_prefix: &[&str], deployment: &Deployment<'_>) -> Result<()> {
    mount(sh, &stage.root, deployment)?;
    let port = reserve(0, "")?.local_addr()?.port();
    let listen = format!("127.0.0.1:{port}");
    let (_sandbox, sandbox) = start_sandbox(sh)?;
    let mut overrides = vec![
        ("MENSHEN_HTTP__LISTEN", &*listen),
        // No load balancer has to notice the shutdown.
        ("MENSHEN_HTTP__DRAIN_TIMEOUT", "0"),
        ("MENSHEN_WECHAT__BASE_URL", &*sandbox),
        ("MENSHEN_APPS__MAIN__APP_ID", APP_ID),
    ];
    if deployment.secrets.is_empty() {
        overrides.push(("MENSHEN_APPS__MAIN__SECRET", APP_SECRET));
    }
    let mut environment = stage.environment.clone();
    let variables = deployment.environment.iter().copied().chain(overrides);
    environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let container = Container { stage, root_prefix, environment };
    let (serve, others): (Vec<_>, Vec<_>) =
        deployment.commands.iter().partition(|command| command.ends_with(&["serve"]));
    for command in others {
        container.run(command)?;
    }
    let [serve] = serve.as_slice() else { bail!("not exactly one command is `serve`") };
    let log = cargo::scratch("logs")?.join(format!("image-{port}.log"));
    let mut process = ManagedProcess::start("menshen", &container.command(serve), log)?;
    let config = Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(5)));
    let agent: Agent = config.build().into();
    let url = format!("http://{listen}/health/ready");
    process.wait_for(|_| agent.get(&url).call().is_ok().then_some(()))?;
    let (program, arguments) =
        stage.health_check.split_first().context("the image has no health check")?;
    ensure!([program.clone()] == *stage.entrypoint, "the health check runs another program");
    container.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    for _ in 0..MEMBERS {
        use_service(&agent, &format!("http://{listen}"), &sandbox)?;
    }
    process.check()
}

/// Starts a sandbox with the app of the deployments.
fn start_sandbox(sh: &Shell) -> Result<(ManagedProcess, String)> {
    let config = cargo::scratch("deploy")?.join("sandbox.toml");
    let app = format!("[[apps]]\napp_id = \"{APP_ID}\"\nsecret = \"{APP_SECRET}\"\n");
    sh.write_file(&config, format!("limits = false\n{app}"))?;
    dev::start_sandbox(0, &["--config", config.to_str().context("the path is not UTF-8")?])
}

/// Logs a new user in, reads the profile, refreshes the session, and erases the member.
fn use_service(agent: &Agent, server: &str, sandbox: &str) -> Result<()> {
    let user = body(agent.post(format!("{sandbox}/_sandbox/users")).send_json(json!({})))?;
    let user = json!({ "user": text(&user, "/user")? });
    let code = body(agent.post(format!("{sandbox}/_sandbox/codes/login")).send_json(&user))?;
    let code = json!({ "code": text(&code, "/code")? });
    let login = body(agent.post(format!("{server}/login")).send_json(&code)).context("login")?;
    let me = format!("{server}/me");
    let get = agent.get(&me).header("Authorization", bearer(&login)?).call();
    let profile = body(get).context("GET /me")?;
    let [id, logged_in] = [text(&profile, "/data/memberId")?, text(&login, "/data/memberId")?];
    ensure!(id == logged_in, "member {logged_in} logged in, but `GET /me` returned {id}");
    let token = json!({ "refreshToken": text(&login, "/data/refreshToken")? });
    let refreshed = agent.post(format!("{server}/token/refresh")).send_json(&token);
    let refreshed = body(refreshed).context("refresh")?;
    let delete = agent.delete(&me).header("Authorization", bearer(&refreshed)?).call();
    body(delete).context("DELETE /me")?;
    Ok(())
}

fn bearer(tokens: &Value) -> Result<String> {
    Ok(format!("Bearer {}", text(tokens, "/data/token")?))
}

fn text<'a>(response: &'a Value, pointer: &str) -> Result<&'a str> {
    let found = response.pointer(pointer).and_then(Value::as_str);
    found.with_context(|| format!("no {pointer} in {response}"))
}

/// Returns the body of a response; fails unless its status is a success.
fn body(response: Result<Response<Body>, ureq::Error>) -> Result<Value> {
    Ok(response?.body_mut().read_json()?)
}

/// Writes the files that a container engine, Kubernetes or systemd would mount.
fn mount(sh: &Shell, root: &Path, deployment: &Deployment<'_>) -> Result<()> {
    let data = root.join("data");
    sh.remove_path(&data)?;
    sh.create_dir(&data)?;
    xshell::cmd!(sh, "chmod 777 {data}").quiet().run()?;
    // Only development has the configuration files of this repository.
    let config = root.join("config");
    sh.remove_path(&config)?;
    if deployment.environment.contains(&("MENSHEN_PROFILE", "development")) {
        sh.create_dir(&config)?;
        for file in sh.read_dir("config")? {
            sh.copy_file(file, &config)?;
        }
    }
    let (path, text) = CONFIG_FILE;
    sh.write_file(root.join(path), text)?;
    for (name, path) in &deployment.secrets {
        let key = |factor: u8| {
            let bytes: Vec<u8> = (1..=32).map(|nth: u8| nth.wrapping_mul(factor)).collect();
            BASE64_STANDARD.encode(bytes)
        };
        let secret = match *name {
            "database-url" => "sqlite:///data/menshen.db".to_owned(),
            // No Redis listens there: the server must start nevertheless.
            "redis-url" => "redis://:of-the-test@127.0.0.1:9".to_owned(),
            "refresh-key" => key(97),
            "sealing-key" => key(113),
            "app-secret" => APP_SECRET.to_owned(),
            "monitoring-key" => "key-of-the-deployment-test-000000001".to_owned(),
            other => bail!("no value for the secret {other}"),
        };
        sh.write_file(root.join(path.trim_start_matches('/')), secret)?;
    }
    Ok(())
}

impl<'a> Deployment<'a> {
    fn parse(deployment: &'a Value) -> Result<Self> {
        let texts = |key: &str| {
            let map =
                deployment.get(key).and_then(Value::as_object).with_context(|| key.to_owned())?;
            let pairs =
                map.iter().map(|(k, v)| Ok((k.as_str(), v.as_str().context("not a string")?)));
            pairs.collect::<Result<Vec<_>>>()
        };
        let commands = deployment
            .get("commands")
            .and_then(Value::as_array)
            .context("`commands` is not an array")?;
        let words = |command: &'a Value| {
            let words = command.as_array().context("a command is not an array")?.iter();
            words.map(|word| word.as_str().context("not a string")).collect()
        };
        Ok(Self {
            environment: texts("environment")?,
            secrets: texts("secrets")?,
            commands: commands.iter().map(words).collect::<Result<_>>()?,
        })
    }
}

/// An image that is run with chroot, as its own user.
struct Container<'a> {
    stage: &'a Stage,
    root_prefix: &'a [&'a str],
    environment: Vec<(String, String)>,
}

impl Container<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("env");
        command.args(self.root_prefix).args(["env", "-i"]);
        command.args(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(["/usr/sbin/chroot", &format!("--userspec={}", self.stage.user)]);
        command.arg(&self.stage.root).args(&self.stage.entrypoint).args(arguments);
        command
    }

    /// Runs the program and waits for its end.
    fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command(arguments).output()?;
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        ensure!(output.status.success(), "{}: {printed}", arguments.join(" "));
        Ok(())
    }
}
