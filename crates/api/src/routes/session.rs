//! Routes for refreshing, listing and ending a member's sessions.

use std::sync::Arc;

use domain::model::secret::RefreshToken;
use domain::model::session::claims::Caller;
use domain::model::session::token_pair::TokenPair;
use domain::model::session::{Session, SessionId};
use domain::ports::store::error::StoreError;
use domain::use_cases::session::log_out::{EndSessionError, ManageSessions};
use domain::use_cases::session::refresh::{Refresh, RefreshError};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;
use uuid::Uuid;

use crate::auth::authenticated::Authenticated;
use crate::metrics::Metrics;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::REFRESH_TOKEN;
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::request::path::Path;
use crate::response::envelope::Envelope;
use crate::rfc3339;

/// Handlers for the member's sessions. Changes complete even if the client disconnects.
#[derive(Clone)]
pub struct SessionApi {
    pub(crate) refresh: Arc<Refresh>,
    pub(crate) manage_sessions: Arc<ManageSessions>,
    pub(crate) metrics: Metrics,
}

#[craft]
impl SessionApi {
    /// Refresh the session's tokens
    ///
    /// Exchanges the refresh token for a new pair of tokens. If the response is lost, send the same refresh
    /// token again within the grace period to get the same successor. Later use of a replaced refresh
    /// token counts as theft and ends the session.
    #[craft(endpoint(operation_id = "refreshToken", tags("session")))]
    pub(crate) async fn refresh(
        &self,
        body: JsonBody<RefreshRequest>,
    ) -> Result<Envelope<TokenData>, ErrorResponse<RefreshError>> {
        let refresh = self.refresh.clone();
        let token = body.0.0;
        let work = async move { refresh.run(token.expose()).await };
        let outcome = run_detached(work).await;
        self.metrics.record_refresh(&outcome);
        Ok(Envelope(outcome?.into()))
    }

    /// Log out
    ///
    /// Ends the session of this device and invalidates its tokens. A second call returns `session_revoked`.
    /// The body is optional.
    #[craft(endpoint(operation_id = "logOut", tags("session")))]
    pub(crate) async fn log_out(
        &self,
        caller: Authenticated<Caller>,
        _body: JsonBody<EmptyRequest>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<StoreError>> {
        let sessions = self.manage_sessions.clone();
        run_detached(async move { sessions.log_out(&caller.0).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Log out everywhere
    ///
    /// Ends all sessions of the member, including this one. The body is optional.
    #[craft(endpoint(operation_id = "logOutEverywhere", tags("session")))]
    pub(crate) async fn log_out_everywhere(
        &self,
        caller: Authenticated<Caller>,
        _body: JsonBody<EmptyRequest>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<StoreError>> {
        let sessions = self.manage_sessions.clone();
        run_detached(async move { sessions.log_out_everywhere(&caller.0).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// List my sessions
    ///
    /// The most recently refreshed session comes first.
    #[craft(endpoint(operation_id = "listSessions", tags("session")))]
    pub(crate) async fn list(
        &self,
        caller: Authenticated<Caller>,
    ) -> Result<Envelope<SessionsData>, ErrorResponse<StoreError>> {
        let sessions = self.manage_sessions.list_sessions(&caller.0).await?.into_iter();
        let sessions = sessions.map(|session| MemberSession::new(&session, &caller.0));
        Ok(Envelope(SessionsData { sessions: sessions.collect() }))
    }

    /// End one of my sessions
    #[craft(endpoint(operation_id = "endSession", tags("session")))]
    pub(crate) async fn end(
        &self,
        caller: Authenticated<Caller>,
        id: Path<Uuid>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<EndSessionError>> {
        let sessions = self.manage_sessions.clone();
        run_detached(async move { sessions.end_session(&caller.0, SessionId(id.0)).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }
}

/// Refresh token to exchange.
pub(crate) struct RefreshRequest(RefreshToken);

impl FromForm for RefreshRequest {
    const NAME: &'static str = "RefreshRequest";
    const DESCRIPTION: &'static str = "Refresh token to exchange.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        form.required(&REFRESH_TOKEN).map(Self)
    }
}

/// Request without parameters in its body.
pub(crate) struct EmptyRequest;

impl FromForm for EmptyRequest {
    const NAME: &'static str = "EmptyRequest";
    const DESCRIPTION: &'static str = "Empty object, or no body.";
    const MAY_BE_EMPTY: bool = true;

    fn from_form(_form: &mut impl Form) -> Option<Self> {
        Some(Self)
    }
}

/// Empty object.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "EmptyResponse"))]
pub(crate) struct EmptyResponse {}

/// Tokens of a session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "TokenData"))]
pub(crate) struct TokenData {
    /// Access token, for `Authorization`.
    token: String,
    /// New refresh token; it replaces the one of the request.
    refresh_token: String,
    /// Lifetime of the access token in seconds; it does not exceed the lifetime of the session.
    #[salvo(schema(minimum = 0, example = 7200))]
    expires_in: u64,
}

impl From<TokenPair> for TokenData {
    fn from(tokens: TokenPair) -> Self {
        Self {
            token: tokens.access_token.expose().to_owned(),
            refresh_token: tokens.refresh_token.expose().to_owned(),
            expires_in: tokens.expires_in.as_secs(),
        }
    }
}

/// Sessions of a member.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "SessionsData"))]
pub(crate) struct SessionsData {
    sessions: Vec<MemberSession>,
}

/// Session of a member on one device.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "MemberSession"))]
pub(crate) struct MemberSession {
    /// Id of the session.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    id: String,
    /// App of the session.
    #[salvo(schema(example = "main"))]
    app: String,
    /// Time of the login, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00.000Z"))]
    created_at: String,
    /// Time of the last refresh, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00.000Z"))]
    refreshed_at: String,
    /// Time at which the session ends if it is not refreshed, UTC.
    #[salvo(schema(format = "date-time", example = "2026-12-20T10:00:00.000Z"))]
    expires_at: String,
    /// True for the session of this request.
    current: bool,
}

impl MemberSession {
    fn new(session: &Session, caller: &Caller) -> Self {
        Self {
            id: session.id.0.to_string(),
            app: session.app.as_str().to_owned(),
            created_at: rfc3339::millis(session.created_at),
            refreshed_at: rfc3339::millis(session.refreshed_at),
            expires_at: rfc3339::millis(session.expires_at),
            current: session.id == caller.session,
        }
    }
}
