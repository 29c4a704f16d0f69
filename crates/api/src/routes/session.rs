//! Members and their sessions: prolonging, listing and ending them.

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

use crate::auth::Authenticated;
use crate::metrics::Metrics;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::REFRESH_TOKEN;
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::request::path::Path;
use crate::response::envelope::Envelope;
use crate::rfc3339;

/// Routes around a member's sessions. What changes one runs to its end even if the caller hangs up.
#[derive(Clone)]
pub struct SessionApi {
    pub(crate) refresh: Arc<Refresh>,
    pub(crate) log_out: Arc<ManageSessions>,
    pub(crate) metrics: Metrics,
}

#[craft]
impl SessionApi {
    /// Prolong a session
    ///
    /// Exchanges the refresh token for a new pair. When the answer is lost, send the same refresh token
    /// again within a few seconds for the same successor. Sent later, once its successor exists, it
    /// counts as stolen and ends the session.
    #[craft(endpoint(operation_id = "refresh", tags("session")))]
    pub(crate) async fn refresh(
        &self,
        body: JsonBody<RefreshRequest>,
    ) -> Result<Envelope<TokenData>, ErrorResponse<RefreshError>> {
        let (refresh, token) = (self.refresh.clone(), body.0.0);
        let work = async move { refresh.run(token.expose()).await };
        let outcome = run_detached(work).await;
        self.metrics.record_refresh(&outcome);
        Ok(Envelope(outcome?.into()))
    }

    /// Log out
    ///
    /// Ends the session of this device: neither its access token nor its refresh token works any more,
    /// so a second call is `session_revoked`. The body may be absent.
    #[craft(endpoint(operation_id = "logOut", tags("session")))]
    pub(crate) async fn log_out(
        &self,
        caller: Authenticated<Caller>,
        _body: JsonBody<EmptyRequest>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<StoreError>> {
        let log_out = self.log_out.clone();
        run_detached(async move { log_out.log_out(&caller.0).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Log out everywhere
    ///
    /// Ends all sessions of the member, this one with them. The body may be absent.
    #[craft(endpoint(operation_id = "logOutEverywhere", tags("session")))]
    pub(crate) async fn log_out_everywhere(
        &self,
        caller: Authenticated<Caller>,
        _body: JsonBody<EmptyRequest>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<StoreError>> {
        let log_out = self.log_out.clone();
        run_detached(async move { log_out.log_out_everywhere(&caller.0).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Tell my sessions
    ///
    /// The one used last comes first.
    #[craft(endpoint(operation_id = "listSessions", tags("session")))]
    pub(crate) async fn list(
        &self,
        caller: Authenticated<Caller>,
    ) -> Result<Envelope<SessionsData>, ErrorResponse<StoreError>> {
        let sessions = self.log_out.list_sessions(&caller.0).await?.into_iter();
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
        let log_out = self.log_out.clone();
        run_detached(async move { log_out.end_session(&caller.0, SessionId(id.0)).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }
}

/// A refresh token to exchange.
pub(crate) struct RefreshRequest(RefreshToken);

impl FromForm for RefreshRequest {
    const NAME: &'static str = "RefreshRequest";
    const DESCRIPTION: &'static str = "A refresh token to exchange.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        form.required(&REFRESH_TOKEN).map(Self)
    }
}

/// A request that says all by its address.
pub(crate) struct EmptyRequest;

impl FromForm for EmptyRequest {
    const NAME: &'static str = "EmptyRequest";
    const DESCRIPTION: &'static str = "Nothing: an empty object, or no body at all.";
    const MAY_BE_EMPTY: bool = true;

    fn from_form(_form: &mut impl Form) -> Option<Self> {
        Some(Self)
    }
}

/// It is done; there is nothing to tell.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "EmptyResponse"))]
pub(crate) struct EmptyResponse {}

/// The tokens of a session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "TokenData"))]
pub(crate) struct TokenData {
    /// The access token: what `Authorization` carries from now on.
    token: String,
    /// What prolongs the session the next time; the one that was sent is spent.
    refresh_token: String,
    /// How long the access token is good for, in seconds; never longer than the session lasts.
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

/// The sessions of a member.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "SessionsData"))]
pub(crate) struct SessionsData {
    sessions: Vec<MemberSession>,
}

/// A device that is logged in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "MemberSession"))]
pub(crate) struct MemberSession {
    /// Which session it is.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    id: String,
    /// The app it was opened in.
    #[salvo(schema(example = "main"))]
    app: String,
    /// When the member logged in, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00.000Z"))]
    created_at: String,
    /// When it was prolonged last, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00.000Z"))]
    refreshed_at: String,
    /// When it ends unless it is prolonged before, UTC.
    #[salvo(schema(format = "date-time", example = "2026-12-20T10:00:00.000Z"))]
    expires_at: String,
    /// Whether it is the one of this request.
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
