//! Offline WeChat: the server API of mini programs, byte for byte, and a control API for tests.

pub mod config;
pub mod control_api;
pub mod error;
pub mod fault;
pub mod log;
pub mod patch;
pub mod push;
pub use crate::state::users;

mod clock;
mod crypto;
mod errcode;
mod ids;
mod phone_page;
mod state;
mod wechat_api;

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
use crate::control_api::apps::AppChange;
use crate::control_api::encrypt::{EncryptRequest, EncryptedOpenData};
use crate::error::ControlError;
use crate::fault::Fault;
use crate::log::LoggedCall;
use crate::push::{CheckReport, CheckRequest, PushReport, PushRequest};
use crate::state::{SharedState, State};
use crate::users::{UserChange, UserView};
use crate::wechat_api::WechatApi;

/// Time that calls in progress have to finish after [`Sandbox::stop`].
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Running sandbox. Dropping it stops the server.
///
/// The methods are the control API in process. The app id that most tests use is
/// [`config::MAIN_APP`], the first app of the default configuration.
pub struct Sandbox {
    address: SocketAddr,
    base_url: String,
    state: Arc<SharedState>,
    server: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

/// Failed start of a sandbox.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration contradicts itself.
    #[error("invalid configuration")]
    Config(#[from] ControlError),
    /// The address is in use or does not belong to this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// Requested address.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
}

impl Sandbox {
    /// Starts a sandbox on the caller's runtime.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let requested = config.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
        let state = Arc::new(SharedState::new(State::new(config)?));
        let listen_error = |source| StartError::Listen { address: requested, source };
        let listener = TcpListener::bind(requested).await.map_err(listen_error)?;
        let acceptor = TcpAcceptor::try_from(listener).map_err(listen_error)?;
        let address = acceptor.local_addr().map_err(listen_error)?;
        // No timeouts: clients may keep idle connections open for as long as they like.
        let server = Server::new(acceptor).disable_fuse();
        let handle = server.handle();
        let router = Router::new()
            .push(Router::new().get(phone_page::PhonePage))
            .push(control_api::routes::router(&state))
            .push(Router::with_path("{**path}").goal(WechatApi(state.clone())));
        let task = tokio::spawn(server.try_serve(router));
        Ok(Self { address, base_url: format!("http://{address}"), state, server: handle, task })
    }

    /// Address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replacement for `https://api.weixin.qq.com`, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Stops the server and waits until the port is free. Calls in progress are answered first,
    /// within two seconds.
    pub async fn stop(mut self) {
        self.server.stop_graceful(SHUTDOWN_TIMEOUT);
        // An error means that the server has stopped already.
        let _ = (&mut self.task).await;
    }

    /// Creates a user.
    pub fn add_user(&self, user: NewUser) -> Result<UserView, ControlError> {
        self.state.lock().add_user(user)
    }

    /// Changes a user.
    pub fn change_user(&self, change: UserChange) -> Result<UserView, ControlError> {
        self.state.lock().change_user(change)
    }

    /// Returns a user with the ids that apps see.
    pub fn user(&self, name: &str) -> Result<UserView, ControlError> {
        self.state.lock().find_user(name)
    }

    /// Adds an app.
    pub fn add_app(&self, app: AppConfig) -> Result<AppConfig, ControlError> {
        self.state.lock().add_app(app)
    }

    /// Changes an app, for example the Open Platform account it is bound to.
    pub fn change_app(&self, change: AppChange) -> Result<AppConfig, ControlError> {
        self.state.lock().change_app(change)
    }

    /// Issues the login code that `wx.login` would return to this user in this app.
    pub fn login_code(&self, user: &str, app_id: &str) -> Result<String, ControlError> {
        self.state.lock().login_code(user, Some(app_id))
    }

    /// Issues the phone code that the phone number button would return to this user in this app.
    pub fn phone_code(&self, user: &str, app_id: &str) -> Result<String, ControlError> {
        self.state.lock().phone_code(user, Some(app_id))
    }

    /// Encrypts open data of a user under the current session key.
    pub fn encrypt(&self, request: EncryptRequest) -> Result<EncryptedOpenData, ControlError> {
        self.state.lock().encrypt(request)
    }

    /// Injects a fault.
    pub fn inject_fault(&self, fault: Fault) -> Result<(), ControlError> {
        self.state.lock().inject_fault(fault)
    }

    /// Pending faults.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.state.lock().faults.list().to_vec()
    }

    /// Removes all pending faults.
    pub fn clear_faults(&self) {
        self.state.lock().faults.clear();
    }

    /// Moves the sandbox's clock forward.
    pub fn advance(&self, by: Duration) {
        self.state.lock().clock.advance(by);
    }

    /// Time on the sandbox's clock, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.state.lock().now().as_secs()
    }

    /// Calls that the WeChat API received, oldest first; of one path, or all.
    #[must_use]
    pub fn log(&self, path: Option<&str>) -> Vec<LoggedCall> {
        self.state.lock().log.entries(path, 0)
    }

    /// Empties the log of calls.
    pub fn clear_log(&self) {
        self.state.lock().log.clear();
    }

    /// Sends a message push.
    pub async fn push(&self, request: PushRequest) -> Result<PushReport, ControlError> {
        push::send(&self.state, request).await
    }

    /// Checks the URL of a push receiver, as WeChat's console does.
    pub async fn check_push_url(&self, request: CheckRequest) -> Result<CheckReport, ControlError> {
        push::check(&self.state, request).await
    }

    /// Restores the state of the first start.
    pub fn reset(&self) -> Result<(), ControlError> {
        self.state.lock().reset()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}
