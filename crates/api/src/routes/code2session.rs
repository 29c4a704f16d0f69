//! Route `POST /code2session`: the provider's session, for service accounts.

use std::sync::Arc;

use domain::model::secret::SessionKey;
use domain::model::service_account::ServiceAccount;
use domain::use_cases::app::registry::CodeExchangeError;
use domain::use_cases::login::exchange_code::{ExchangeCode, ProviderSession};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::auth::authenticated::Authenticated;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::json_body::JsonBody;
use crate::response::envelope::Envelope;
use crate::routes::login::CodeRequest;

/// Handlers for the exchange of login codes.
#[derive(Clone)]
pub struct Code2SessionApi {
    pub(crate) exchange_code: Arc<ExchangeCode>,
}

#[craft]
impl Code2SessionApi {
    /// Exchange a login code for the provider's session
    ///
    /// Never pass the session key on to a client.
    #[craft(endpoint(operation_id = "code2Session", tags("service accounts")))]
    pub(crate) async fn code_to_session(
        &self,
        service: Authenticated<ServiceAccount>,
        body: JsonBody<CodeRequest>,
    ) -> Result<Envelope<SessionData>, ErrorResponse<CodeExchangeError>> {
        let CodeRequest { code, app } = body.0;
        Ok(Envelope(self.exchange_code.run(&service.0, app.as_deref(), &code).await?.into()))
    }
}

/// A user's session at the provider.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "SessionData"))]
pub(crate) struct SessionData {
    /// Openid of the user in the app.
    #[salvo(schema(example = "oABCD1234567890abcdefghijklm"))]
    openid: String,
    /// Session key in the provider's format (Base64 for WeChat); null if the provider has none.
    #[salvo(schema(required = true))]
    session_key: Option<String>,
    /// Union id of the user across the apps of one Open Platform account; absent if the provider does not
    /// return it.
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
