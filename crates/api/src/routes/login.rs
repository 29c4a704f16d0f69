//! Routes for login and for the openid of a user.

use std::sync::Arc;
use std::time::Duration;

use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::secret::LoginCode;
use domain::use_cases::app::registry::CodeExchangeError;
use domain::use_cases::login::get_openid::{GetOpenid, ProviderIds};
use domain::use_cases::login::{Login, LoginError};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::{Json, Writer};
use serde::Serialize;

use crate::metrics::Metrics;
use crate::middleware::detached::run_detached_with_timeout;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::{APP, CODE, INITIAL_NICKNAME, ON_CONFLICT, PHONE_CODE};
use crate::request::form::{Form, FromForm};
use crate::request::idempotency_key::OptionalIdempotencyKey;
use crate::request::json_body::JsonBody;
use crate::request::query::Query;
use crate::response::envelope::Envelope;

/// Handlers of the routes without authentication.
#[derive(Clone)]
pub struct LoginApi {
    pub(crate) login: Arc<Login>,
    pub(crate) get_openid: Arc<GetOpenid>,
    pub(crate) deadline: Duration,
    pub(crate) metrics: Metrics,
}

#[craft]
impl LoginApi {
    /// Log in
    ///
    /// Redeems the login code and the optional phone code. The first login of a user creates the member.
    /// A login code can be redeemed once, even if the login fails: get a new one to retry. With an
    /// `Idempotency-Key`, the same request can be repeated for 60 seconds, also after an error of the
    /// service: the results of the redeemed codes are stored for that time.
    #[craft(endpoint(operation_id = "login", tags("login")))]
    pub(crate) async fn login(
        &self,
        key: OptionalIdempotencyKey,
        body: JsonBody<LoginRequest>,
    ) -> Result<Envelope<LoginData>, ErrorResponse<LoginError>> {
        let login = self.login.clone();
        let request = LoginRequest { idempotency_key: key.0, ..body.0 };
        let work = async move { login.run(request).await };
        let outcome = run_detached_with_timeout(self.deadline, work).await;
        self.metrics.record_login(&outcome);
        Ok(Envelope(outcome?.into()))
    }

    /// Exchange a login code for the openid
    ///
    /// Redeems the login code and returns the user's ids at the provider. It creates no member.
    #[craft(endpoint(operation_id = "getOpenid", tags("login")))]
    pub(crate) async fn openid(
        &self,
        body: JsonBody<CodeRequest>,
    ) -> Result<Envelope<OpenidData>, ErrorResponse<CodeExchangeError>> {
        let CodeRequest { code, app } = body.0;
        Ok(Envelope(self.get_openid.run(app.as_deref(), &code).await?.into()))
    }

    /// Exchange a login code for the openid (legacy format)
    ///
    /// The same as `POST /openid`, for clients of older services of the ecosystem. The response is a bare
    /// object without envelope and repeats the code. Failures have the envelope.
    #[craft(endpoint(operation_id = "getExternalOpenid", tags("login")))]
    pub(crate) async fn external_openid(
        &self,
        query: Query<CodeRequest>,
    ) -> Result<Json<ExternalOpenid>, ErrorResponse<CodeExchangeError>> {
        let CodeRequest { code, app } = query.0;
        let ids = self.get_openid.run(app.as_deref(), &code).await?;
        Ok(Json(ExternalOpenid { code: code.expose().to_owned(), open_id: ids.open_id }))
    }
}

impl FromForm for LoginRequest {
    const NAME: &'static str = "LoginRequest";
    const DESCRIPTION: &'static str = "Login of a mini program user.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let code = form.required(&CODE);
        let phone_code = form.optional(&PHONE_CODE);
        let nickname = form.optional(&INITIAL_NICKNAME).flatten();
        let app = form.optional(&APP);
        let on_conflict = form.optional(&ON_CONFLICT);
        let idempotency_key = None;
        Some(Self { app, code: code?, phone_code, nickname, on_conflict, idempotency_key })
    }
}

/// Login code and its app.
pub(crate) struct CodeRequest {
    pub(crate) code: LoginCode,
    pub(crate) app: Option<String>,
}

impl FromForm for CodeRequest {
    const NAME: &'static str = "CodeRequest";
    const DESCRIPTION: &'static str = "Login code to redeem.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let code = form.required(&CODE);
        let app = form.optional(&APP);
        Some(Self { code: code?, app })
    }
}

/// Result of a login.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "LoginData"))]
pub(crate) struct LoginData {
    /// Access token, for `Authorization`.
    token: String,
    /// Refresh token, to renew the access token.
    refresh_token: String,
    /// Lifetime of the access token in seconds.
    #[salvo(schema(minimum = 1, example = 7200))]
    expires_in: u64,
    /// Nickname of the member.
    #[salvo(schema(example = "好柿开花8915"))]
    nick_name: String,
    /// Permanent id of the member.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    member_id: String,
    /// True if this login created the member.
    is_new: bool,
    /// Ids of members that were merged into this member; absent if there are none. Replace these ids
    /// wherever your systems store them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[salvo(schema(value_type = Vec<String>, required = false))]
    merged: Vec<String>,
}

impl From<LoggedIn> for LoginData {
    fn from(record_login: LoggedIn) -> Self {
        Self {
            token: record_login.tokens.access_token.expose().to_owned(),
            refresh_token: record_login.tokens.refresh_token.expose().to_owned(),
            expires_in: record_login.tokens.expires_in.as_secs(),
            nick_name: record_login.nickname.as_str().to_owned(),
            member_id: record_login.member.0.to_string(),
            is_new: record_login.is_new,
            merged: record_login.merged.iter().map(|id| id.0.to_string()).collect(),
        }
    }
}

/// A user's ids at the provider.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "OpenidData"))]
pub(crate) struct OpenidData {
    /// Openid of the user in the app.
    #[salvo(schema(example = "oABCD1234567890abcdefghijklm"))]
    openid: String,
    /// Union id of the user across the apps of one Open Platform account; absent if the provider does not
    /// return it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[salvo(schema(value_type = String, required = false, example = "oUnion34567890abcdefghijklmn"))]
    unionid: Option<String>,
}

impl From<ProviderIds> for OpenidData {
    fn from(ids: ProviderIds) -> Self {
        Self { openid: ids.open_id, unionid: ids.union_id }
    }
}

/// Openid of a user in the legacy format.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "ExternalOpenid"))]
pub(crate) struct ExternalOpenid {
    /// Login code of the request.
    code: String,
    /// Openid of the user in the app.
    #[salvo(schema(example = "oABCD1234567890abcdefghijklm"))]
    open_id: String,
}
