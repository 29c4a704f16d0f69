//! Routes for token introspection (RFC 7662) and revocation (RFC 7009).

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

use crate::auth::authenticated::Authenticated;
use crate::auth::credentials::is_token;
use crate::auth::principal::OAuthClient;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::{TOKEN, TOKEN_TYPE_HINT};
use crate::request::form::{Form, FromForm};
use crate::request::form_body::FormBody;

/// Handlers for services that have received a token from a client.
#[derive(Clone)]
pub struct OAuthApi {
    pub(crate) introspect: Arc<Introspect>,
}

#[craft]
impl OAuthApi {
    /// Introspect a token
    ///
    /// RFC 7662. An invalid token is reported as `active` false without further fields. `token_type` is
    /// `Bearer` for access tokens. Do not accept a `refresh_token` as proof of the member's identity.
    #[craft(endpoint(operation_id = "introspect", tags("service accounts")))]
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

    /// Revoke a token
    ///
    /// RFC 7009. Ends the session of an access or refresh token, and so invalidates all tokens of the
    /// session. Expired access tokens are accepted. Invalid tokens return success, because they are revoked
    /// already.
    #[craft(endpoint(operation_id = "revoke", tags("service accounts")))]
    pub(crate) async fn revoke(
        &self,
        _client: Authenticated<OAuthClient>,
        form: FormBody<TokenRequest>,
    ) -> Result<Revoked, ErrorResponse<StoreError>> {
        let introspect = self.introspect.clone();
        let token = form.0.0;
        if is_token(&token) {
            run_detached(async move { introspect.revoke(&token).await }).await?;
        }
        Ok(Revoked)
    }
}

/// Token to introspect or revoke.
pub(crate) struct TokenRequest(String);

impl FromForm for TokenRequest {
    const NAME: &'static str = "TokenRequest";
    const DESCRIPTION: &'static str = "Token to introspect or revoke.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let token = form.required(&TOKEN);
        let _ = form.optional(&TOKEN_TYPE_HINT);
        token.map(Self)
    }
}

/// Introspection response by RFC 7662 section 2.2.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[salvo(schema(name = "IntrospectionData"))]
pub(crate) enum IntrospectionData {
    Active(ActiveToken),
    Inactive(InactiveToken),
}

/// Valid token.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "ActiveToken"))]
pub(crate) struct ActiveToken {
    /// Always true.
    #[salvo(schema(schema_with = always_true))]
    active: bool,
    /// `Bearer` for an access token, `refresh_token` for a refresh token.
    #[salvo(schema(example = "Bearer"))]
    token_type: &'static str,
    /// Id of the member.
    #[salvo(schema(format = "uuid"))]
    sub: String,
    /// Id of the session.
    #[salvo(schema(format = "uuid"))]
    sid: String,
    /// App of the session.
    #[salvo(schema(example = "main"))]
    app: String,
    /// Time of issue in Unix seconds.
    iat: i64,
    /// Time of expiry in Unix seconds.
    exp: i64,
    /// Id of the access token; absent for refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[salvo(schema(value_type = String, required = false, format = "uuid"))]
    jti: Option<String>,
}

/// Token that is not valid.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "InactiveToken"))]
pub(crate) struct InactiveToken {
    /// Always false.
    #[salvo(schema(schema_with = always_false))]
    active: bool,
}

/// Schema by which validators distinguish the two forms of the response.
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

/// Empty response of a revocation.
pub(crate) struct Revoked;

#[async_trait]
impl Writer for Revoked {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        res.status_code(StatusCode::OK);
    }
}

impl EndpointOutRegister for Revoked {
    fn register(_components: &mut Components, operation: &mut Operation) {
        operation.responses.insert("200", Response::new("Success; the response has no body."));
    }
}
