//! The program `menshen`: its command line.
#![expect(clippy::print_stdout, reason = "`menshen config` prints a value")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use domain::model::member::MemberId;
use server::commands::keys::KeyCommand;
use server::commands::{admin, ban, doctor, healthcheck, keys, migrate, rekey, serve, sessions};
use server::config::{Config, Sources};
use server::telemetry::logging::Logging;
use server::telemetry::traces::Traces;
use uuid::Uuid;

/// Login and member service for WeChat mini programs.
#[derive(Parser)]
#[command(name = "menshen", version)]
struct Cli {
    /// Configuration file; overrides config/<profile>.toml, is overridden by the environment.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server until SIGTERM or Ctrl-C.
    Serve,
    /// Migrate the database schema, or show its status.
    Migrate {
        #[command(subcommand)]
        action: MigrateAction,
    },
    /// Check configuration, keys, database, Redis, clock and WeChat credentials.
    Doctor,
    /// Check that the local server is alive; the exit code tells the result.
    Healthcheck,
    /// Ban a member and end their sessions.
    ///
    /// Access tokens are rejected on every instance within a second.
    Ban {
        /// Member id, as in `memberId`.
        member: Uuid,
        /// Reason, shown to administrators.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lift a member's ban.
    Unban {
        /// Member id, as in `memberId`.
        member: Uuid,
        /// Reason, shown to administrators.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Manage administrators.
    Admin {
        #[command(subcommand)]
        action: AdminAction,
    },
    /// End sessions of members.
    Sessions {
        #[command(subcommand)]
        action: SessionsAction,
    },
    /// Manage the keys that sign access tokens.
    Keys {
        #[command(subcommand)]
        action: KeysAction,
    },
    /// Re-encrypt everything in the database with the current sealing key.
    ///
    /// Run it while the instances serve, after all of them have the new `sealing.key` and the previous one
    /// in `sealing.former_keys`. Run it again after an interruption.
    Rekey,
    /// Print the effective value of a configuration key, including secrets.
    Config {
        /// Configuration key, such as http.listen.
        key: String,
    },
}

#[derive(Clone, Copy, Subcommand)]
enum MigrateAction {
    /// Apply all pending migrations.
    Up,
    /// List the migrations as applied or pending.
    Status,
}

#[derive(Subcommand)]
enum AdminAction {
    /// Invite an administrator.
    ///
    /// Prints a code once, with which they set a password within 24 hours. An existing administrator can
    /// set a new password with it, and gets the given role.
    Invite {
        /// Name to sign in with: an email address, or a short name in lower case.
        name: String,
        /// Role: viewer, operator or admin.
        #[arg(long, default_value = "admin")]
        role: String,
    },
}

#[derive(Clone, Copy, Subcommand)]
enum SessionsAction {
    /// End every session of every member.
    ///
    /// Run it after a backup was restored, with `tokens.session_epoch` raised. All users log in again. Run it
    /// again after an interruption.
    End {
        /// Confirms that the sessions of all members end.
        #[arg(long, required = true)]
        all: bool,
    },
}

#[derive(Subcommand)]
enum KeysAction {
    /// List signing keys and their state.
    List,
    /// Rotate to the next signing key.
    ///
    /// The next key must have been published for `tokens.signing_key_prepublish`.
    Rotate,
    /// Revoke a signing key.
    ///
    /// All instances reject its tokens within seconds. If it is the current key, the next one signs at
    /// once. Sessions continue.
    Revoke {
        /// Key id (`kid`).
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let Cli { config, command } = Cli::parse();
    let sources = Sources::of_process(config);
    // These two work without a complete configuration.
    if let Command::Config { key } = &command {
        println!("{}", sources.value(key)?);
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Healthcheck = command {
        healthcheck::healthcheck(&sources)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(command, &sources))
}

async fn run(command: Command, sources: &Sources) -> anyhow::Result<ExitCode> {
    if let Command::Doctor = command {
        return Ok(doctor::print(sources).await);
    }
    let config = &Config::load(sources)?;
    match command {
        Command::Serve => serve_with_telemetry(config).await?,
        Command::Migrate { action: MigrateAction::Up } => {
            let _logging = Logging::install(config, None);
            migrate::up(config).await?;
        }
        Command::Migrate { action: MigrateAction::Status } => migrate::status(config).await?,
        Command::Ban { member, reason } => {
            ban::ban(config, MemberId(member), reason.as_deref()).await?;
        }
        Command::Unban { member, reason } => {
            ban::unban(config, MemberId(member), reason.as_deref()).await?;
        }
        Command::Admin { action: AdminAction::Invite { name, role } } => {
            admin::invite(config, &name, &role).await?;
        }
        // The flag is required, so it is always set.
        Command::Sessions { action: SessionsAction::End { all: _ } } => {
            sessions::end_all(config).await?;
        }
        Command::Keys { action } => {
            let command = match &action {
                KeysAction::List => KeyCommand::List,
                KeysAction::Rotate => KeyCommand::Rotate,
                KeysAction::Revoke { kid } => KeyCommand::Revoke(kid),
            };
            keys::keys(config, command).await?;
        }
        Command::Rekey => rekey::rekey(config).await?,
        Command::Config { .. } | Command::Doctor | Command::Healthcheck => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve_with_telemetry(config: &Config) -> anyhow::Result<()> {
    let traces = config.telemetry.as_ref().map(Traces::start).transpose()?;
    let logging = Logging::install(config, traces.as_ref());
    let outcome = serve::serve(config, &logging).await;
    if let Some(traces) = traces {
        traces.stop();
    }
    outcome
}
