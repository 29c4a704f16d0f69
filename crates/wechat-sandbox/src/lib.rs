//! An offline WeChat: its server API to the byte, and a control face for tests.

pub mod config;
pub mod control;
pub mod fault;
pub mod log;
pub mod push;
pub mod users;

mod app;
mod codes;
mod crypto;
mod errcode;
mod face;
mod ids;
mod page;
mod quota;
mod state;
mod tokens;
mod visit;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use salvo::conn::tcp::TcpAcceptor;
use salvo::prelude::{Router, Server};
use salvo::server::ServerHandle;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::config::{AppConfig, Config, NewUser};
use crate::control::Refused;
use crate::control::apps::AppChange;
use crate::control::encrypt::{EncryptOrder, Encrypted};
use crate::face::Face;
use crate::fault::Fault;
use crate::log::Logged;
use crate::push::{CheckOrder, CheckReport, PushOrder, PushReport};
use crate::state::{Shared, State};
use crate::users::{UserChange, UserView};

/// How long calls under way may take when the sandbox is told to stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running WeChat. It stops when it is dropped.
///
/// What the control face does over HTTP, the methods do in process. Where they take an app id,
/// [`config::MAIN_APP`] is the first of the default configuration.
pub struct Sandbox {
    address: SocketAddr,
    base_url: String,
    shared: Arc<Shared>,
    server: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration contradicts itself.
    #[error("the configuration is not possible")]
    Config(#[from] Refused),
    /// The address is taken, or not of this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Sandbox {
    /// Starts a WeChat on the runtime of the caller.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let address = config.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
        let shared = Arc::new(Shared::new(State::new(config)?));
        let listening = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listening)?;
        let acceptor = TcpAcceptor::try_from(listener).map_err(listening)?;
        let address = acceptor.local_addr().map_err(listening)?;
        // Without time-outs: a client may keep its connections for as long as it likes.
        let server = Server::new(acceptor).disable_fuse();
        let handle = server.handle();
        let router = Router::new()
            .push(Router::new().get(page::Welcome))
            .push(control::routes::router(&shared))
            .push(Router::with_path("{**path}").goal(Face(shared.clone())));
        let task = tokio::spawn(server.try_serve(router));
        Ok(Self { address, base_url: format!("http://{address}"), shared, server: handle, task })
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to put in place of `https://api.weixin.qq.com`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Stops it, and waits until the port is free. Calls under way are answered first, within
    /// two seconds.
    pub async fn stop(mut self) {
        self.server.stop_graceful(FAREWELL);
        // An error here means that it has stopped already.
        let _ = (&mut self.task).await;
    }

    /// Makes a user.
    pub fn add_user(&self, user: NewUser) -> Result<UserView, Refused> {
        self.shared.lock().add_user(user)
    }

    /// Changes a user.
    pub fn change_user(&self, change: UserChange) -> Result<UserView, Refused> {
        self.shared.lock().change_user(change)
    }

    /// A user, and the ids that apps see.
    pub fn user(&self, name: &str) -> Result<UserView, Refused> {
        self.shared.lock().find_user(name)
    }

    /// Adds an app.
    pub fn add_app(&self, app: AppConfig) -> Result<AppConfig, Refused> {
        self.shared.lock().add_app(app)
    }

    /// Changes an app, like the Open Platform account it is bound to.
    pub fn change_app(&self, change: AppChange) -> Result<AppConfig, Refused> {
        self.shared.lock().change_app(change)
    }

    /// What `wx.login` would give this user in this app.
    pub fn login_code(&self, user: &str, app_id: &str) -> Result<String, Refused> {
        self.shared.lock().login_code(user, Some(app_id))
    }

    /// What the phone button would give this user in this app.
    pub fn phone_code(&self, user: &str, app_id: &str) -> Result<String, Refused> {
        self.shared.lock().phone_code(user, Some(app_id))
    }

    /// Open data of a user under the current session key.
    pub fn encrypt(&self, order: EncryptOrder) -> Result<Encrypted, Refused> {
        self.shared.lock().encrypt(order)
    }

    /// Orders a fault.
    pub fn fault(&self, fault: Fault) -> Result<(), Refused> {
        self.shared.lock().faults.order(fault)
    }

    /// The faults still to strike.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.lock().faults.list().to_vec()
    }

    /// Calls all faults off.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Moves the sandbox's own clock on.
    pub fn advance(&self, by: Duration) {
        self.shared.lock().advance(by);
    }

    /// The time on the sandbox's own clock, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.shared.lock().now().as_secs()
    }

    /// The calls the WeChat face received, oldest first; of one path, or all.
    #[must_use]
    pub fn log(&self, path: Option<&str>) -> Vec<Logged> {
        self.shared.lock().log.entries(path, 0)
    }

    /// Forgets the calls.
    pub fn clear_log(&self) {
        self.shared.lock().log.clear();
    }

    /// Sends a message push.
    pub async fn push(&self, order: PushOrder) -> Result<PushReport, Refused> {
        push::send(&self.shared, order).await
    }

    /// Checks a push receiver's URL, as WeChat's console does.
    pub async fn check_push_url(&self, order: CheckOrder) -> Result<CheckReport, Refused> {
        push::check(&self.shared, order).await
    }

    /// Back to the first start.
    pub fn reset(&self) -> Result<(), Refused> {
        self.shared.lock().reset()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}
