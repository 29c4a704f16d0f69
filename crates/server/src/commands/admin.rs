//! `menshen admin`.
#![expect(clippy::print_stdout, reason = "the command prints its result")]

use std::sync::Arc;

use anyhow::Context;
use domain::model::admin::{AdminName, Role};

use crate::config::Config;
use crate::wiring;

/// Invites an administrator and prints the invitation code.
///
/// # Errors
/// When the name or role is malformed, or the store failed.
pub async fn invite(config: &Config, name: &str, role: &str) -> anyhow::Result<()> {
    let name = AdminName::parse(name)?;
    let role = Role::from_name(role)
        .with_context(|| format!("--role: {role} is none of {}", Role::NAMES.join(", ")))?;
    let store = wiring::store(config, None).await?;
    let sealer = Arc::new(wiring::sealer(config)?);
    let invited = wiring::admin::manage_admins(&store, &sealer).invite(None, &name, role).await?;
    println!("{} is invited as {}. Invitation code, for them only:", name.as_str(), role.name());
    println!("{}", invited.code.expose());
    println!("It is valid for 24 hours, to set a password: POST /admin/api/invitation");
    Ok(store.close().await?)
}
