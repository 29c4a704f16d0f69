//! What trusted back ends have done with session keys that are kept here, and that they never see.

use std::sync::Arc;

use domain::model::service_account::ServiceAccount;
use domain::use_cases::provider::use_session_key::{UseSessionKey, UseSessionKeyError, UserRef};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::auth::Authenticated;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::{APP, DATA_SIGNATURE, OPENID, RAW_DATA};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::response::envelope::Envelope;
use crate::routes::session::EmptyResponse;

/// Routes for callers with a service key, about the users of apps that keep session keys.
#[derive(Clone)]
pub struct SessionKeyApi {
    pub(crate) use_session_key: Arc<UseSessionKey>,
}

#[craft]
impl SessionKeyApi {
    /// Tell whether a session key is current
    ///
    /// Asks WeChat whether the key that is kept of the user is still theirs. If not, they have to log
    /// in again before data that are encrypted or signed for them can be read.
    #[craft(endpoint(operation_id = "checkSession", tags("back ends")))]
    pub(crate) async fn check(
        &self,
        service: Authenticated<ServiceAccount>,
        body: JsonBody<UserRef>,
    ) -> Result<Envelope<ValidityData>, ErrorResponse<UseSessionKeyError>> {
        let valid = self.use_session_key.check(&service.0, &body.0).await?;
        Ok(Envelope(ValidityData { valid }))
    }

    /// Replace a session key
    ///
    /// Has WeChat put another key in place of the one that is kept of the user, which ends that at once,
    /// and keeps the new one. Nobody is told either.
    #[craft(endpoint(operation_id = "resetSessionKey", tags("back ends")))]
    pub(crate) async fn reset(
        &self,
        service: Authenticated<ServiceAccount>,
        body: JsonBody<UserRef>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<UseSessionKeyError>> {
        let use_session_key = self.use_session_key.clone();
        run_detached(async move { use_session_key.reset(&service.0, &body.0).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Check the signature of user data
    ///
    /// Tells whether WeChat signed the data for this user: by the key that is kept, without asking
    /// WeChat.
    #[craft(endpoint(operation_id = "verifySignature", tags("back ends")))]
    pub(crate) async fn verify_signature(
        &self,
        service: Authenticated<ServiceAccount>,
        body: JsonBody<SignedData>,
    ) -> Result<Envelope<ValidityData>, ErrorResponse<UseSessionKeyError>> {
        let SignedData { user, raw_data, signature } = body.0;
        let verdict =
            self.use_session_key.verify_signature(&service.0, &user, &raw_data, &signature);
        Ok(Envelope(ValidityData { valid: verdict.await? }))
    }
}

impl FromForm for UserRef {
    const NAME: &'static str = "UserRequest";
    const DESCRIPTION: &'static str = "The user of an app that keeps session keys.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (open_id, app) = (form.required(&OPENID), form.optional(&APP));
        Some(Self { app, open_id: open_id? })
    }
}

/// Data, and what is to be their signature.
pub(crate) struct SignedData {
    user: UserRef,
    raw_data: String,
    signature: String,
}

impl FromForm for SignedData {
    const NAME: &'static str = "SignedData";
    const DESCRIPTION: &'static str = "User data as WeChat signed them.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let user = UserRef::from_form(form);
        let (raw_data, signature) = (form.required(&RAW_DATA), form.required(&DATA_SIGNATURE));
        Some(Self { user: user?, raw_data: raw_data?, signature: signature? })
    }
}

/// Whether something is as it should be.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "ValidityData"))]
pub(crate) struct ValidityData {
    /// Whether it is.
    valid: bool,
}
