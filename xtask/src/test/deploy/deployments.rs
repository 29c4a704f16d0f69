//! Starts production in the image that was made, in each way that `deploy/` has, with just the environment
//! and the secrets that its files name.

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

/// What stands in the configuration of a machine without containers.
const FILE: (&str, &str) =
    ("etc/menshen/menshen.toml", "[apps.main]\napp_id = \"wx0000000000000000\"\n");

/// One way to run the program, as `manifests.py` tells of it.
struct Way<'a> {
    environment: Vec<(&'a str, &'a str)>,
    secrets: Vec<(&'a str, &'a str)>,
    commands: Vec<Vec<&'a str>>,
}

/// Starts each of `ways` in the image of the server.
pub(super) fn check(sh: &Shell, ways: &Value, stages: &[Stage]) -> Result<()> {
    let Some(privilege) = apt::privilege(sh) else {
        println!("not run: the images, since nobody but root may make a folder the root directory");
        return Ok(());
    };
    for stage in stages.iter().filter(|stage| !stage.entrypoint.is_empty()) {
        let version = Container { stage, privilege: &privilege, environment: vec![] };
        version.run(&["--version"]).with_context(|| stage.name.clone())?;
    }
    let server = stages.iter().find(|stage| stage.name == "menshen").context("no such stage")?;
    for (name, way) in ways.as_object().context("no ways")? {
        let way = Way::parse(way).with_context(|| name.clone())?;
        start(sh, server, &privilege, &way).with_context(|| name.clone())?;
        println!("{name}: serves, in an image of its own, as {}", server.user);
    }
    Ok(())
}

/// Migrates, serves, and asks the image's own health check.
fn start(sh: &Shell, stage: &Stage, privilege: &[&str], way: &Way<'_>) -> Result<()> {
    lay_out(sh, &stage.root, way)?;
    let port = reserve(0, "")?.local_addr()?.port();
    let listen = format!("127.0.0.1:{port}");
    let mut environment: Vec<_> = stage.environment.clone();
    environment.extend(way.environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    // Any free port, and no balancer that wants to be told.
    environment.push(("MENSHEN_HTTP__LISTEN".to_owned(), listen.clone()));
    environment.push(("MENSHEN_HTTP__DRAIN_TIMEOUT".to_owned(), "0".to_owned()));
    let container = Container { stage, privilege, environment };
    let (serve, others): (Vec<_>, Vec<_>) =
        way.commands.iter().partition(|command| command.ends_with(&["serve"]));
    for command in others {
        container.run(command)?;
    }
    let [serve] = serve.as_slice() else { bail!("exactly one command serves") };
    let log = cargo::scratch("logs")?.join(format!("image-{port}.log"));
    let mut service = ManagedProcess::start("menshen", &container.command(serve), log)?;
    let config = Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(5)));
    let (agent, ready): (Agent, _) =
        (config.build().into(), format!("http://{listen}/health/ready"));
    service.wait_for(|_| agent.get(&ready).call().is_ok().then_some(()))?;
    let (program, arguments) = stage.health_check.split_first().context("no health check")?;
    ensure!([program.clone()] == *stage.entrypoint, "the health check is another program");
    container.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What a container engine, a cluster or systemd would mount.
fn lay_out(sh: &Shell, root: &Path, way: &Way<'_>) -> Result<()> {
    let data = root.join("data");
    sh.remove_path(&data)?;
    sh.create_dir(&data)?;
    xshell::cmd!(sh, "chmod 777 {data}").quiet().run()?;
    let (path, text) = FILE;
    sh.write_file(root.join(path), text)?;
    for (name, path) in &way.secrets {
        let key = |factor: u8| {
            let bytes: Vec<u8> = (1..=32).map(|nth: u8| nth.wrapping_mul(factor)).collect();
            BASE64_STANDARD.encode(bytes)
        };
        let secret = match *name {
            "database-url" => "sqlite:///data/menshen.db".to_owned(),
            // Nobody is there: it serves all the same.
            "redis-url" => "redis://:of-the-test@127.0.0.1:9".to_owned(),
            "refresh-key" => key(97),
            "sealing-key" => key(113),
            "app-secret" | "monitoring-key" => "of-the-test-and-of-nobody-else-0001".to_owned(),
            other => bail!("what would be in the secret {other}?"),
        };
        sh.write_file(root.join(path.trim_start_matches('/')), secret)?;
    }
    Ok(())
}

impl<'a> Way<'a> {
    fn parse(way: &'a Value) -> Result<Self> {
        let texts = |key: &str| {
            let map = way.get(key).and_then(Value::as_object).with_context(|| key.to_owned())?;
            let pairs = map.iter().map(|(k, v)| Ok((k.as_str(), v.as_str().context("a text")?)));
            pairs.collect::<Result<Vec<_>>>()
        };
        let commands = way.get("commands").and_then(Value::as_array).context("commands")?;
        let words = |command: &'a Value| {
            let words = command.as_array().context("a list of words")?.iter();
            words.map(|word| word.as_str().context("a word")).collect()
        };
        Ok(Self {
            environment: texts("environment")?,
            secrets: texts("secrets")?,
            commands: commands.iter().map(words).collect::<Result<_>>()?,
        })
    }
}

/// An image that is run: its folder is the root directory, its user the user.
struct Container<'a> {
    stage: &'a Stage,
    privilege: &'a [&'a str],
    environment: Vec<(String, String)>,
}

impl Container<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("env");
        command.args(self.privilege).args(["env", "-i"]);
        command.args(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(["/usr/sbin/chroot", &format!("--userspec={}", self.stage.user)]);
        command.arg(&self.stage.root).args(&self.stage.entrypoint).args(arguments);
        command
    }

    /// Runs the program to its end.
    fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command(arguments).output()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        ensure!(output.status.success(), "{}: {said}", arguments.join(" "));
        Ok(())
    }
}
