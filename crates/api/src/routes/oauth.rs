//! What other services ask about members' tokens, by the RFCs of OAuth.

use std::sync::Arc;

use domain::model::session::Session;
use domain::model::session::claims::AccessClaims;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::use_cases::session::introspect::{Introspect, Introspection};
use salvo::craft::craft;
use salvo::http::StatusCode;
use salvo::oapi::{
    BasicType, Components, EndpointOutRegister, Object, Operation, Response, ToSchema,
};
use salvo::writing::{Json, Writer};
use salvo::{Depot, Request, async_trait};
use serde::Serialize;

use crate::auth::credentials::is_token;
use crate::auth::{Authenticated, OAuthClient};
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::{TOKEN, TOKEN_TYPE_HINT};
use crate::request::form::{Form, FromForm};
use crate::request::form_body::FormBody;

/// Routes for services that were shown a token.
#[derive(Clone)]
pub struct OAuthApi {
    pub(crate) introspect: Arc<Introspect>,
}

#[craft]
impl OAuthApi {
    /// Tell whether a token is good
    ///
    /// By RFC 7662. Whatever is not good is `active` false and nothing more. A refresh token is told by
    /// its `token_type` and must not be taken for an access token: only `Bearer` speaks for a member.
    #[craft(endpoint(operation_id = "introspect", tags("back ends")))]
    pub(crate) async fn introspect(
        &self,
        _client: Authenticated<OAuthClient>,
        form: FormBody<TokenRequest>,
    ) -> Result<Json<IntrospectionData>, ErrorResponse<StoreError>> {
        let token = form.0.0;
        if !is_token(&token) {
            return Ok(Json(Introspection::Inactive.into()));
        }
        Ok(Json(self.introspect.run(&token).await?.into()))
    }

    /// End the session of a token
    ///
    /// By RFC 7009, for services only: no token works any more that was given to the same device. An
    /// access token counts after its end too. A token that is no good is revoked already, so the answer
    /// is the same.
    #[craft(endpoint(operation_id = "revoke", tags("back ends")))]
    pub(crate) async fn revoke(
        &self,
        _client: Authenticated<OAuthClient>,
        form: FormBody<TokenRequest>,
    ) -> Result<Revoked, ErrorResponse<StoreError>> {
        let (introspect, token) = (self.introspect.clone(), form.0.0);
        if is_token(&token) {
            run_detached(async move { introspect.revoke(&token).await }).await?;
        }
        Ok(Revoked)
    }
}

/// A token that a service was shown.
pub(crate) struct TokenRequest(String);

impl FromForm for TokenRequest {
    const NAME: &'static str = "TokenRequest";
    const DESCRIPTION: &'static str = "A token that a service was shown.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (token, _hint) = (form.required(&TOKEN), form.optional(&TOKEN_TYPE_HINT));
        token.map(Self)
    }
}

/// What a token is, by RFC 7662 section 2.2.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[salvo(schema(name = "IntrospectionData"))]
pub(crate) enum IntrospectionData {
    Active(ActiveToken),
    Inactive(InactiveToken),
}

/// A token that is good now.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "ActiveToken"))]
pub(crate) struct ActiveToken {
    /// Always true.
    #[salvo(schema(schema_with = always_true))]
    active: bool,
    /// `Bearer` for an access token, `refresh_token` for a refresh token.
    #[salvo(schema(example = "Bearer"))]
    token_type: &'static str,
    /// The member.
    #[salvo(schema(format = "uuid"))]
    sub: String,
    /// The session.
    #[salvo(schema(format = "uuid"))]
    sid: String,
    /// The app the session was opened in.
    #[salvo(schema(example = "main"))]
    app: String,
    /// When the token was made, in seconds since 1970.
    iat: i64,
    /// When it ends, in seconds since 1970.
    exp: i64,
    /// Which access token it is; refresh tokens have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[salvo(schema(value_type = String, required = false, format = "uuid"))]
    jti: Option<String>,
}

/// A token that is no good, whatever it is or once was.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "InactiveToken"))]
pub(crate) struct InactiveToken {
    /// Always false.
    #[salvo(schema(schema_with = always_false))]
    active: bool,
}

/// Tells the two forms of an answer apart, for those who check them against the document.
fn always_true() -> Object {
    Object::with_type(BasicType::Boolean).enum_values([true])
}

fn always_false() -> Object {
    Object::with_type(BasicType::Boolean).enum_values([false])
}

impl From<Introspection> for IntrospectionData {
    fn from(introspection: Introspection) -> Self {
        match introspection {
            Introspection::Access(claims) => Self::Active(claims.into()),
            Introspection::Refresh { session, expires_at } => {
                Self::Active(ActiveToken::refresh(&session, expires_at))
            }
            Introspection::Inactive => Self::Inactive(InactiveToken { active: false }),
        }
    }
}

impl From<AccessClaims> for ActiveToken {
    fn from(claims: AccessClaims) -> Self {
        Self {
            active: true,
            token_type: "Bearer",
            sub: claims.member.0.to_string(),
            sid: claims.session.0.to_string(),
            app: claims.app.as_str().to_owned(),
            iat: claims.issued_at.unix_seconds(),
            exp: claims.expires_at.unix_seconds(),
            jti: Some(claims.id.to_string()),
        }
    }
}

impl ActiveToken {
    fn refresh(session: &Session, expires_at: Timestamp) -> Self {
        Self {
            active: true,
            token_type: "refresh_token",
            sub: session.member.0.to_string(),
            sid: session.id.0.to_string(),
            app: session.app.as_str().to_owned(),
            iat: session.refreshed_at.unix_seconds(),
            exp: expires_at.unix_seconds(),
            jti: None,
        }
    }
}

/// The token is good for nothing now.
pub(crate) struct Revoked;

#[async_trait]
impl Writer for Revoked {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        res.status_code(StatusCode::OK);
    }
}

impl EndpointOutRegister for Revoked {
    fn register(_components: &mut Components, operation: &mut Operation) {
        operation.responses.insert("200", Response::new("Done; there is no body."));
    }
}
