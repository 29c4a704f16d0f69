//! The program `menshen`.
#![expect(clippy::print_stdout, reason = "some of its commands answer there")]

use server::commands::keys;
use server::wiring::admin;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use adapters::store::encryption::rekey::RekeyProgress;
use adapters::system::SystemClock;
use anyhow::Context;
use clap::{Parser, Subcommand};
use domain::model::admin::{AdminName, Role};
use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::model::member::{MemberId, StatusReason};
use domain::ports::store::Store;
use secrecy::ExposeSecret;
use server::commands::doctor::{self, Finding};
use server::commands::healthcheck::healthcheck;
use server::commands::serve;
use server::config::{Config, Sources};
use server::telemetry::logging;
use server::telemetry::traces::Traces;
use server::wiring;
use server::wiring::shared_state::SharedState;
use uuid::Uuid;

/// Menshen, the login and member service for WeChat mini programs.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// A configuration file, over config/<profile>.toml and under the environment.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until told to stop.
    Serve,
    /// Brings the database's schema to what this program needs, or tells how far it is.
    Migrate {
        #[command(subcommand)]
        action: Migrate,
    },
    /// Looks whether everything the server needs is there and works, and says what to do if not.
    Doctor,
    /// Tells by its exit code whether the server beside it, of the same configuration, lives.
    Healthcheck,
    /// Keeps a member out: ends their sessions and refuses their logins; within a second their access tokens are
    /// believed nowhere any more.
    Ban {
        /// The member's id, as in `memberId`.
        member: Uuid,
        /// Why, for whoever looks at the member later.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lets a banned member log in again.
    Unban {
        /// The member's id, as in `memberId`.
        member: Uuid,
        /// Why, for whoever looks at the member later.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Decides who is an administrator.
    Admin {
        #[command(subcommand)]
        action: Admins,
    },
    /// Lists the keys that sign access tokens, or changes them.
    Keys {
        #[command(subcommand)]
        action: Keys,
    },
    /// Brings all that lasts in the database under sealing.key, while instances serve. Begin it when all
    /// of them have the new key, with the one before among the former keys; begin it again if it
    /// was interrupted.
    Rekey,
    /// Prints the value of one key of the configuration in force, secret or not.
    Config {
        /// The key, as in http.listen.
        key: String,
    },
}

#[derive(Subcommand)]
enum Migrate {
    /// Applies what is pending.
    Up,
    /// Lists every migration: applied or pending.
    Status,
}

#[derive(Subcommand)]
enum Admins {
    /// Invites somebody: prints a code, once, with which they choose their password within a day. Who is
    /// an administrator already can choose another one, and has this role from then on.
    Invite {
        /// What they will sign in with: an address, or a short name in lower case.
        name: String,
        /// What they may do: viewer, operator or admin.
        #[arg(long, default_value = "admin")]
        role: String,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Tells which keys there are, and where each one stands.
    List,
    /// Lets the next key sign, once it has been published for `tokens.signing_key_prepublish`.
    Rotate,
    /// Believes no token of a key any more, on every instance within seconds. If it signs, the next
    /// one does at once. Nobody has to log in again.
    Revoke {
        /// The key's name, as in `kid`.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let sources = Sources::of_process(cli.config);
    if let Command::Config { key } = &cli.command {
        println!("{}", sources.value(key)?);
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Healthcheck = cli.command {
        healthcheck(&sources)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Command::Doctor = cli.command {
        return Ok(runtime.block_on(doctor(&sources)));
    }
    let config = Config::load(&sources)?;
    runtime.block_on(async {
        match cli.command {
            Command::Serve => {
                let traces = config.telemetry.as_ref().map(Traces::start).transpose()?;
                logging::init(&config, traces.as_ref());
                let served = serve::serve(&config).await;
                traces.into_iter().for_each(Traces::stop);
                served
            }
            Command::Migrate { action } => migrate(&action, &config).await,
            Command::Ban { member, reason } => {
                let (reason, shared) =
                    (status_reason(reason.as_deref())?, SharedState::open(&config).await);
                let store = wiring::store(&config, Some(shared.news())).await?;
                Ok(admin::ban(&store).ban(MemberId(member), reason, None).await?)
            }
            Command::Unban { member, reason } => {
                let (reason, shared) =
                    (status_reason(reason.as_deref())?, SharedState::open(&config).await);
                let store = wiring::store(&config, Some(shared.news())).await?;
                Ok(admin::ban(&store).unban(MemberId(member), reason, None).await?)
            }
            Command::Admin { action: Admins::Invite { name, role } } => {
                invite(&name, &role, &config).await
            }
            Command::Keys { action } => keys(&action, &config).await,
            Command::Rekey => rekey(&config).await,
            Command::Config { .. } | Command::Doctor | Command::Healthcheck => Ok(()),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn doctor(sources: &Sources) -> ExitCode {
    let findings = doctor::examine(sources).await;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.iter().any(Finding::is_fault) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn status_reason(reason: Option<&str>) -> anyhow::Result<Option<StatusReason>> {
    reason.map(StatusReason::parse).transpose().context("--reason")
}

async fn invite(name: &str, role: &str, config: &Config) -> anyhow::Result<()> {
    let name = AdminName::parse(name)?;
    let role = Role::from_name(role).with_context(|| {
        format!("--role: {role} is none of {}", Role::ALL.map(Role::name).join(", "))
    })?;
    let (store, sealer) = (wiring::store(config, None).await?, Arc::new(wiring::sealer(config)?));
    let invited = admin::manage_admins(&store, &sealer).invite(None, &name, role).await?;
    println!("{} is invited as {}. The code, for them alone:", name.as_str(), role.name());
    println!("{}", invited.code.expose());
    println!("Within a day, it lets them choose a password: POST /admin/api/invitation");
    Ok(store.close().await?)
}

async fn migrate(action: &Migrate, config: &Config) -> anyhow::Result<()> {
    let url = config.database_url.expose_secret();
    if let Migrate::Up = action {
        migration::up(url).await?;
    }
    for migration in migration::status(url).await? {
        let state = if migration.applied { "applied" } else { "pending" };
        println!("{state}  {}", migration.name);
    }
    Ok(())
}

async fn keys(action: &Keys, config: &Config) -> anyhow::Result<()> {
    let (store, vault) = (wiring::store(config, None).await?, wiring::key_vault(config)?);
    let rotate_keys = wiring::rotate_keys(config, &store, &vault);
    let keys = match action {
        Keys::List => rotate_keys.list().await?,
        Keys::Rotate => rotate_keys.rotate().await?,
        Keys::Revoke { kid } => rotate_keys.revoke(kid).await.with_context(|| {
            format!("{kid} is not revoked; `menshen keys list` tells which keys there are")
        })?,
    };
    print!("{}", keys::table(&keys, &config.keys, SystemClock.now()));
    Ok(store.close().await?)
}

async fn rekey(config: &Config) -> anyhow::Result<()> {
    let store = wiring::store(config, None).await?;
    let tell = |done: RekeyProgress| {
        let RekeyProgress { new_data_keys, keys, phones } = done;
        println!(
            "made {new_data_keys} data keys, sealed {keys} keys and {phones} phone numbers anew"
        );
    };
    tell(store.rekey(&tell).await.context("run `menshen rekey` again to go on")?);
    let work = store.begin().await?;
    work.audit().record(&wiring::journal().event(AuditKind::Rekeyed)).await?;
    work.commit().await?;
    println!(
        "All that lasts is under sealing.key. Its former keys may go in five minutes, when the"
    );
    println!("answers to logins that were kept under them have expired.");
    Ok(store.close().await?)
}
