//! Faults below the driver of the database: of the network, of the server, and of its machine.

mod failover;
mod freeze;
mod interrupted_logins;
mod severed_connections;

use std::sync::Arc;

use testkit::databases::FreshDatabase;
use wechat_sandbox::Sandbox;

use crate::harness::fault_proxy::FaultProxy;
use crate::harness::{Program, unlimited_sandbox};

/// The program, with a proxy between it and its database.
struct ProxiedProgram {
    program: Program,
    proxy: FaultProxy,
    sandbox: Arc<Sandbox>,
}

impl ProxiedProgram {
    async fn start(database: FreshDatabase, settings: &[(&str, &str)]) -> Self {
        let server = database.url().to_owned();
        Self::start_in(database, &server, settings).await
    }

    /// Starts with the database of this URL; `keys` only provides the folder of the keys.
    async fn start_in(keys: FreshDatabase, url: &str, settings: &[(&str, &str)]) -> Self {
        let sandbox = Arc::new(unlimited_sandbox().await);
        let proxy = FaultProxy::start(url).await;
        let mut settings = settings.to_vec();
        settings.push(("MENSHEN_DATABASE__URL", proxy.url()));
        let program = Program::start_on(keys, &sandbox, &settings).await;
        Self { program, proxy, sandbox }
    }
}
