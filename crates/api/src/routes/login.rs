//! The way in: codes become members and tokens, or ids.

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
use crate::request::fields::{APP, CODE, ON_CONFLICT, PHONE_CODE, PREFERRED_NICKNAME};
use crate::request::form::{Form, FromForm};
use crate::request::idempotency_key::Key;
use crate::request::json_body::JsonBody;
use crate::request::query::Query;
use crate::response::envelope::Envelope;

/// Routes that anyone may call.
#[derive(Clone)]
pub struct LoginApi {
    pub(crate) login: Arc<Login>,
    pub(crate) identify: Arc<GetOpenid>,
    pub(crate) deadline: Duration,
    pub(crate) metrics: Metrics,
}

#[craft]
impl LoginApi {
    /// Log in
    ///
    /// Redeems the login code, and the phone code where there is one; a first login makes the member.
    /// The login code is spent whatever the outcome: to try again, fetch a new one. With an
    /// `Idempotency-Key` the same request can be sent again, also after a failure of the service: what
    /// the codes proved is remembered for 60 seconds.
    #[craft(endpoint(operation_id = "login", tags("login")))]
    pub(crate) async fn login(
        &self,
        key: Key,
        body: JsonBody<LoginRequest>,
    ) -> Result<Envelope<LoginData>, ErrorResponse<LoginError>> {
        let (login, request) =
            (self.login.clone(), LoginRequest { idempotency_key: key.0, ..body.0 });
        let work = async move { login.run(request).await };
        let outcome = run_detached_with_timeout(self.deadline, work).await;
        self.metrics.record_login(&outcome);
        Ok(Envelope(outcome?.into()))
    }

    /// Tell the open id
    ///
    /// Redeems the login code for the ids the provider knows the user by. No member is made.
    #[craft(endpoint(operation_id = "openid", tags("login")))]
    pub(crate) async fn openid(
        &self,
        body: JsonBody<CodeRequest>,
    ) -> Result<Envelope<OpenidData>, ErrorResponse<CodeExchangeError>> {
        let CodeRequest { code, app } = body.0;
        Ok(Envelope(self.identify.run(app.as_deref(), &code).await?.into()))
    }

    /// Tell the open id, the older way
    ///
    /// As `POST /openid`, for callers made for the ecosystem's older back ends: a bare object without
    /// envelope, with the code that was sent. Failures come in the envelope.
    #[craft(endpoint(operation_id = "externalOpenid", tags("login")))]
    pub(crate) async fn external_openid(
        &self,
        query: Query<CodeRequest>,
    ) -> Result<Json<ExternalOpenid>, ErrorResponse<CodeExchangeError>> {
        let CodeRequest { code, app } = query.0;
        let identified = self.identify.run(app.as_deref(), &code).await?;
        Ok(Json(ExternalOpenid { code: code.expose().to_owned(), open_id: identified.open_id }))
    }
}

impl FromForm for LoginRequest {
    const NAME: &'static str = "LoginRequest";
    const DESCRIPTION: &'static str = "What a mini program sends to log in.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (code, phone_code) = (form.required(&CODE), form.optional(&PHONE_CODE));
        let (nickname, app) = (form.optional(&PREFERRED_NICKNAME).flatten(), form.optional(&APP));
        let on_conflict = form.optional(&ON_CONFLICT);
        let idempotency_key = None;
        Some(Self { app, code: code?, phone_code, nickname, on_conflict, idempotency_key })
    }
}

/// A login code, and whose it is.
pub(crate) struct CodeRequest {
    pub(crate) code: LoginCode,
    pub(crate) app: Option<String>,
}

impl FromForm for CodeRequest {
    const NAME: &'static str = "CodeRequest";
    const DESCRIPTION: &'static str = "A login code to redeem.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (code, app) = (form.required(&CODE), form.optional(&APP));
        Some(Self { code: code?, app })
    }
}

/// A member who is logged in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "LoginData"))]
pub(crate) struct LoginData {
    /// The access token: what `Authorization` carries from now on.
    token: String,
    /// What prolongs the login once the access token has expired.
    refresh_token: String,
    /// How long the access token is good for, in seconds.
    #[salvo(schema(minimum = 1, example = 7200))]
    expires_in: u64,
    /// What the member is called.
    #[salvo(schema(example = "好柿开花8915"))]
    nick_name: String,
    /// The member's lasting id.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    member_id: String,
    /// Whether this login made the member.
    is_new: bool,
    /// The ids of members who turned out to be the same person and are this member from now on;
    /// absent where there are none. Tell whoever knows them by these.
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

/// The ids of a user.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "OpenidData"))]
pub(crate) struct OpenidData {
    /// The user within the app.
    #[salvo(schema(example = "oABCD1234567890abcdefghijklm"))]
    openid: String,
    /// The user across the apps of one owner; absent where the provider does not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[salvo(schema(value_type = String, required = false, example = "oUnion34567890abcdefghijklmn"))]
    unionid: Option<String>,
}

impl From<ProviderIds> for OpenidData {
    fn from(identified: ProviderIds) -> Self {
        Self { openid: identified.open_id, unionid: identified.union_id }
    }
}

/// The open id of a user, as older callers expect it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "ExternalOpenid"))]
pub(crate) struct ExternalOpenid {
    /// The login code that was sent.
    code: String,
    /// The user within the app.
    #[salvo(schema(example = "oABCD1234567890abcdefghijklm"))]
    open_id: String,
}
