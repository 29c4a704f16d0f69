//! Tell who a login code belongs to, and nothing more: no member is made, no session opened.

use std::sync::Arc;

use crate::model::secret::LoginCode;
use crate::use_cases::app::registry::{AppRegistry, CodeExchangeError};
use crate::use_cases::ports::Ports;

/// The use case.
pub struct GetOpenid {
    /// The apps served.
    pub apps: Arc<AppRegistry>,
}

/// The provider's ids of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderIds {
    /// The user within the app.
    pub open_id: String,
    /// The user across the apps of one owner, where the provider tells it.
    pub union_id: Option<String>,
}

impl GetOpenid {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { apps: ports.apps.clone() }
    }

    /// Redeems the code and tells the ids; the session key that comes with them ends here.
    pub async fn run(
        &self,
        app: Option<&str>,
        code: &LoginCode,
    ) -> Result<ProviderIds, CodeExchangeError> {
        let (_, verified) = self.apps.redeem_login_code(app, code).await?;
        let union_id = verified.union_id().map(str::to_owned);
        Ok(ProviderIds { open_id: verified.subject.value, union_id })
    }
}
