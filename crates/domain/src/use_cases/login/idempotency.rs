//! Idempotency of logins: a repeated request gets the stored response of the first one.

use std::sync::Arc;

use crate::model::fingerprint::Fingerprint;
use crate::model::login::LoggedIn;
use crate::model::login::redemption::{Redemption, StoredResponse};
use crate::model::session::Session;
use crate::model::timestamp::Timestamp;
use crate::ports::login_seal::LoginSeal;
use crate::ports::store::UnitOfWork;
use crate::ports::store::error::AddError;
use crate::ports::store::redemptions::RedemptionReader;
use crate::use_cases::login::attempt::RedemptionKey;
use crate::use_cases::login::error::LoginError;
use crate::use_cases::ports::Ports;

/// Encrypted responses of logins, stored with the redemption of their login code.
pub(super) struct StoredResponses {
    redemptions: Arc<dyn RedemptionReader>,
    seal: Arc<dyn LoginSeal>,
}

impl StoredResponses {
    pub(super) fn new(ports: &Ports) -> Self {
        Self { redemptions: ports.readers.redemptions.clone(), seal: ports.login_seal.clone() }
    }

    /// Returns the response that was stored for this request; `None` if the code was not redeemed here.
    ///
    /// Fails with [`LoginError::CodeUsed`] if another request has redeemed the code, or the response has
    /// expired.
    pub(super) async fn replay(
        &self,
        code: Fingerprint,
        request: Fingerprint,
        now: Timestamp,
    ) -> Result<Option<LoggedIn>, LoginError> {
        let Some(redemption) = self.redemptions.find_redemption(&code).await? else {
            return Ok(None);
        };
        let sealed = redemption.response_for(request, now).ok_or(LoginError::CodeUsed)?;
        Ok(Some(self.seal.open(&code, sealed)?))
    }

    /// Stores the redemption of the login code, and the response if the request has an idempotency key.
    pub(super) async fn store(
        &self,
        work: &dyn UnitOfWork,
        key: RedemptionKey,
        logged_in: &LoggedIn,
        session: &Session,
    ) -> Result<(), LoginError> {
        let response = key.request.map(|request| StoredResponse {
            request,
            sealed_response: self.seal.seal(&key.code, logged_in),
        });
        let redemption = Redemption {
            code: key.code,
            member: session.member,
            session: session.id,
            redeemed_at: session.created_at,
            stored_response: response,
        };
        match work.redemptions().add(&redemption).await {
            Ok(()) => Ok(()),
            Err(AddError::Taken) => Err(LoginError::CodeUsed),
            Err(AddError::Store(error)) => Err(error.into()),
        }
    }
}
