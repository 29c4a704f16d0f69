//! Program `wechat-sandbox`: runs a sandbox until SIGTERM or SIGINT.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::Config;

const DEFAULT_PORT: u16 = 2021;

/// Offline WeChat for tests and development: the server API of mini programs and a control API.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Address to listen on, overrides the configuration; port 0 takes any free port [default: 127.0.0.1:2021]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// TOML file with apps, users and limits
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut config = match &options.config {
        Some(file) => {
            let name = file.display();
            let text =
                std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
            Config::from_toml(&text).with_context(|| format!("invalid configuration in {name}"))?
        }
        None => Config::default(),
    };
    let default = (Ipv4Addr::LOCALHOST, DEFAULT_PORT).into();
    config.listen = Some(options.listen.or(config.listen).unwrap_or(default));

    // The handlers are registered before the start, so that no signal is lost in between.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sandbox = Sandbox::start(config).await?;
    writeln!(std::io::stdout(), "wechat-sandbox is ready at {}", sandbox.base_url())?;
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
    sandbox.stop().await;
    Ok(())
}
