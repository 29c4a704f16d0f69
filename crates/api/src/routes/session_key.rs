//! Routes for operations with stored session keys, which never leave the server.

use std::sync::Arc;

use domain::model::service_account::ServiceAccount;
use domain::use_cases::provider::use_session_key::{UseSessionKey, UseSessionKeyError, UserRef};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::auth::authenticated::Authenticated;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::{APP, DATA_SIGNATURE, OPENID, RAW_DATA};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::response::envelope::Envelope;
use crate::routes::session::EmptyResponse;

/// Handlers for users of apps that store session keys.
#[derive(Clone)]
pub struct SessionKeyApi {
    pub(crate) use_session_key: Arc<UseSessionKey>,
}

#[craft]
impl SessionKeyApi {
    /// Check a session key
    ///
    /// Asks WeChat whether the stored session key of the user is current. If not, the user has to log in
    /// again before encrypted or signed data can be processed.
    #[craft(endpoint(operation_id = "checkSession", tags("service accounts")))]
    pub(crate) async fn check(
        &self,
        service: Authenticated<ServiceAccount>,
        body: JsonBody<UserRef>,
    ) -> Result<Envelope<ValidityData>, ErrorResponse<UseSessionKeyError>> {
        let valid = self.use_session_key.check(&service.0, &body.0).await?;
        Ok(Envelope(ValidityData { valid }))
    }

    /// Reset a session key
    ///
    /// Asks WeChat for a new session key of the user and stores it. The previous key becomes invalid
    /// immediately. Neither key is returned.
    #[craft(endpoint(operation_id = "resetSessionKey", tags("service accounts")))]
    pub(crate) async fn reset(
        &self,
        service: Authenticated<ServiceAccount>,
        body: JsonBody<UserRef>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<UseSessionKeyError>> {
        let use_session_key = self.use_session_key.clone();
        run_detached(async move { use_session_key.reset(&service.0, &body.0).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Verify the signature of user data
    ///
    /// Verifies with the stored session key that WeChat signed the data for this user. It makes no call to
    /// WeChat.
    #[craft(endpoint(operation_id = "verifySignature", tags("service accounts")))]
    pub(crate) async fn verify_signature(
        &self,
        service: Authenticated<ServiceAccount>,
        body: JsonBody<SignedData>,
    ) -> Result<Envelope<ValidityData>, ErrorResponse<UseSessionKeyError>> {
        let SignedData { user, raw_data, signature } = body.0;
        let use_session_key = &self.use_session_key;
        let valid =
            use_session_key.verify_signature(&service.0, &user, &raw_data, &signature).await?;
        Ok(Envelope(ValidityData { valid }))
    }
}

impl FromForm for UserRef {
    const NAME: &'static str = "UserRequest";
    const DESCRIPTION: &'static str = "User of an app that stores session keys.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let open_id = form.required(&OPENID);
        let app = form.optional(&APP);
        Some(Self { app, open_id: open_id? })
    }
}

/// User data with their signature.
pub(crate) struct SignedData {
    user: UserRef,
    raw_data: String,
    signature: String,
}

impl FromForm for SignedData {
    const NAME: &'static str = "SignedData";
    const DESCRIPTION: &'static str = "User data with WeChat's signature.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let user = UserRef::from_form(form);
        let raw_data = form.required(&RAW_DATA);
        let signature = form.required(&DATA_SIGNATURE);
        Some(Self { user: user?, raw_data: raw_data?, signature: signature? })
    }
}

/// Result of a check.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "ValidityData"))]
pub(crate) struct ValidityData {
    /// True if the session key is current, or the signature is correct.
    valid: bool,
}
