//! Start of the server in the image, with the environment and the secrets of each deployment in
//! `deploy/`.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use ureq::Agent;
use xshell::Shell;

use super::image::Stage;
use crate::{
    apt, cargo,
    child_process::{ManagedProcess, reserve},
};

/// Path and contents of the configuration file of a deployment without containers.
const CONFIG_FILE: (&str, &str) =
    ("etc/menshen/menshen.toml", "[apps.main]\napp_id = \"wx0000000000000000\"\n");

/// A deployment, as printed by `manifests.py`.
struct Deployment<'a> {
    environment: Vec<(&'a str, &'a str)>,
    secrets: Vec<(&'a str, &'a str)>,
    commands: Vec<Vec<&'a str>>,
}

/// Starts each deployment in the image of the server.
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
        start(sh, server, &root_prefix, &deployment).with_context(|| name.clone())?;
        println!("{name}: the server is ready, as user {}", server.user);
    }
    Ok(())
}

/// Migrates the database, starts the server and runs the health check of the image.
fn start(
    sh: &Shell,
    stage: &Stage,
    root_prefix: &[&str],
    deployment: &Deployment<'_>,
) -> Result<()> {
    mount(sh, &stage.root, deployment)?;
    let port = reserve(0, "")?.local_addr()?.port();
    let listen = format!("127.0.0.1:{port}");
    // A free port, and no drain time, because no load balancer has to notice the shutdown.
    let overrides = [("MENSHEN_HTTP__LISTEN", &*listen), ("MENSHEN_HTTP__DRAIN_TIMEOUT", "0")];
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
    container.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Writes the files that a container engine, Kubernetes or systemd would mount.
fn mount(sh: &Shell, root: &Path, deployment: &Deployment<'_>) -> Result<()> {
    let data = root.join("data");
    sh.remove_path(&data)?;
    sh.create_dir(&data)?;
    xshell::cmd!(sh, "chmod 777 {data}").quiet().run()?;
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
            "app-secret" | "monitoring-key" => "secret-of-the-deployment-test-00001".to_owned(),
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
