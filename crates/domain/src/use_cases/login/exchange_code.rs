//! Exchange a login code for the provider's session, on behalf of a trusted back end.

use std::sync::Arc;

use crate::model::secret::{LoginCode, SessionKey};
use crate::model::service_account::ServiceAccount;
use crate::use_cases::app::registry::{AppRegistry, CodeExchangeError};
use crate::use_cases::ports::Ports;

/// The use case.
pub struct ExchangeCode {
    /// The apps served.
    pub apps: Arc<AppRegistry>,
}

/// The provider's session of a user. The only value through which a session key leaves the service.
#[derive(Debug)]
pub struct ProviderSession {
    /// The user within the app.
    pub open_id: String,
    /// The user across the apps of one owner, where the provider tells it.
    pub union_id: Option<String>,
    /// The session key, where the provider has one.
    pub session_key: Option<SessionKey>,
}

impl ExchangeCode {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { apps: ports.apps.clone() }
    }

    /// Redeems the code for `service`, which has shown its key: a caller without one has no
    /// [`Service`] to pass.
    pub async fn run(
        &self,
        service: &ServiceAccount,
        app: Option<&str>,
        code: &LoginCode,
    ) -> Result<ProviderSession, CodeExchangeError> {
        let (app, verified) = self.apps.redeem_login_code(app, code).await?;
        tracing::info!(service = service.name, app = app.name.as_str(), "session key handed out");
        let union_id = verified.union_id().map(str::to_owned);
        Ok(ProviderSession {
            open_id: verified.subject.value,
            union_id,
            session_key: verified.session_key,
        })
    }
}
