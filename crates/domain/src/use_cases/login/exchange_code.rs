//! Exchange of a login code for the provider's session, for service accounts.

use std::sync::Arc;

use crate::model::secret::{LoginCode, SessionKey};
use crate::model::service_account::ServiceAccount;
use crate::use_cases::app::registry::{AppRegistry, CodeExchangeError};
use crate::use_cases::ports::Ports;

/// Returns the provider's session of a user to a service account.
pub struct ExchangeCode {
    /// Apps that users log in to.
    pub apps: Arc<AppRegistry>,
}

/// Session of a user at the provider. This is the only type through which a session key leaves the service.
#[derive(Debug)]
pub struct ProviderSession {
    /// Id of the user within the app.
    pub open_id: String,
    /// Id of the user across the apps of one owner, if the provider returns it.
    pub union_id: Option<String>,
    /// Session key, if the provider returns one.
    pub session_key: Option<SessionKey>,
}

impl ExchangeCode {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { apps: ports.apps.clone() }
    }

    /// Redeems the code for `service`. A caller that is not authenticated has no [`ServiceAccount`] to
    /// pass.
    pub async fn run(
        &self,
        service: &ServiceAccount,
        app: Option<&str>,
        code: &LoginCode,
    ) -> Result<ProviderSession, CodeExchangeError> {
        let (app, identity) = self.apps.redeem_login_code(app, code).await?;
        tracing::info!(service = service.name, app = app.name.as_str(), "session key handed out");
        let union_id = identity.union_id().map(str::to_owned);
        Ok(ProviderSession {
            open_id: identity.subject.value,
            union_id,
            session_key: identity.session_key,
        })
    }
}
