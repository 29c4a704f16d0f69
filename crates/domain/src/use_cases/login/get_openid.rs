//! Exchange of a login code for the openid, without a login.

use std::sync::Arc;

use crate::model::secret::LoginCode;
use crate::use_cases::app::registry::{AppRegistry, CodeExchangeError};
use crate::use_cases::ports::Ports;

/// Returns the openid of a user without registering a member or opening a session.
pub struct GetOpenid {
    /// Apps that users log in to.
    pub apps: Arc<AppRegistry>,
}

/// Ids of a user at the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderIds {
    /// Id of the user within the app.
    pub open_id: String,
    /// Id of the user across the apps of one owner, if the provider returns it.
    pub union_id: Option<String>,
}

impl GetOpenid {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { apps: ports.apps.clone() }
    }

    /// Redeems the code and returns the ids. The session key that comes with them is dropped.
    pub async fn run(
        &self,
        app: Option<&str>,
        code: &LoginCode,
    ) -> Result<ProviderIds, CodeExchangeError> {
        let (_, identity) = self.apps.redeem_login_code(app, code).await?;
        let union_id = identity.union_id().map(str::to_owned);
        Ok(ProviderIds { open_id: identity.subject.value, union_id })
    }
}
