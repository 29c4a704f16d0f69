//! What trusted back ends are given, and nobody else.

use std::sync::Arc;

use domain::model::secret::SessionKey;
use domain::model::service_account::ServiceAccount;
use domain::use_cases::app::registry::CodeExchangeError;
use domain::use_cases::login::exchange_code::{ExchangeCode, ProviderSession};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::auth::Authenticated;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::json_body::JsonBody;
use crate::response::envelope::Envelope;
use crate::routes::login::CodeRequest;

/// Routes for callers with a service key.
#[derive(Clone)]
pub struct Code2SessionApi {
    pub(crate) exchange_code: Arc<ExchangeCode>,
}

#[craft]
impl Code2SessionApi {
    /// Exchange a login code for the provider's session
    ///
    /// For the operator's own back ends, with a service key as bearer. The session key must never reach
    /// a client.
    #[craft(endpoint(operation_id = "code2Session", tags("back ends")))]
    pub(crate) async fn code_to_session(
        &self,
        service: Authenticated<ServiceAccount>,
        body: JsonBody<CodeRequest>,
    ) -> Result<Envelope<SessionData>, ErrorResponse<CodeExchangeError>> {
        let CodeRequest { code, app } = body.0;
        Ok(Envelope(self.exchange_code.run(&service.0, app.as_deref(), &code).await?.into()))
    }
}

/// The provider's session of a user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "SessionData"))]
pub(crate) struct SessionData {
    /// The user within the app.
    #[salvo(schema(example = "oABCD1234567890abcdefghijklm"))]
    openid: String,
    /// The session key as the provider wrote it (Base64 for WeChat); null where it has none.
    #[salvo(schema(required = true))]
    session_key: Option<String>,
    /// The user across the apps of one owner; absent where the provider does not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[salvo(schema(value_type = String, required = false, example = "oUnion34567890abcdefghijklmn"))]
    unionid: Option<String>,
}

impl From<ProviderSession> for SessionData {
    fn from(session: ProviderSession) -> Self {
        Self {
            openid: session.open_id,
            session_key: session.session_key.as_ref().map(SessionKey::expose).map(str::to_owned),
            unionid: session.union_id,
        }
    }
}
