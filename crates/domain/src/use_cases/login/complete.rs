//! Letting someone in: all that is written down of it, in one unit of work.

use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::identity::ProviderIdentity;
use crate::model::login::LoggedIn;
use crate::model::login::redemption::{Redemption, StoredResponse};
use crate::model::member::Member;
use crate::model::session::token_pair::TokenPair;
use crate::model::session::{Session, sessions_to_evict};
use crate::ports::store::UnitOfWork;
use crate::ports::store::error::AddError;
use crate::use_cases::login::attempt::LoginAttempt;
use crate::use_cases::login::attempt::RedemptionKey;
use crate::use_cases::login::attempt::ResolvedMember;
use crate::use_cases::login::{Login, LoginError};
use crate::use_cases::retry::retry_on_contention;

impl Login {
    pub(super) async fn complete(
        &self,
        arrival: &LoginAttempt<'_>,
    ) -> Result<LoggedIn, LoginError> {
        retry_on_contention(|| self.try_complete(arrival)).await
    }

    async fn try_complete(&self, arrival: &LoginAttempt<'_>) -> Result<LoggedIn, LoginError> {
        let now = self.events.clock.now();
        let work = self.store.begin().await?;
        let recognised = self.resolve_member(work.as_ref(), arrival, now).await?;
        let ResolvedMember { member, is_new, merged } = recognised;
        let ProviderIdentity { subject: login, session_key, .. } = arrival.verified;
        if let (Some(keys), Some(key)) = (&arrival.app.session_keys, session_key) {
            keys.store(work.as_ref(), login, key, now).await?;
        }
        let lives = &arrival.app.policy.lifetimes;
        let policy = lives.sessions(&self.policy.sessions);
        if !is_new {
            let sessions = work.sessions().list_by_member(member.id).await?;
            work.sessions().remove(&sessions_to_evict(sessions, &policy, now)).await?;
        }
        let app = arrival.app.name.clone();
        let random = self.events.random.as_ref();
        let session = Session::open(member.id, app, &policy, now, random);
        work.sessions().add(&session).await?;
        // Signed before the commit: the answer is kept with what it is about, or neither is.
        let issuer = self.tokens.as_ref();
        let ttl = lives.access(self.policy.access_ttl);
        let tokens = TokenPair::issue(issuer, &member, &session, ttl, now, random)?;
        let kind = if is_new { AuditKind::Registered } else { AuditKind::LoggedIn };
        let event = self.events.event(kind).with_member(member.id).in_session(session.id);
        work.audit().record(&AuditEvent { app: Some(session.app.clone()), ..event }).await?;
        let Member { id, nickname, .. } = member;
        let logged_in = LoggedIn { member: id, nickname, is_new, merged, tokens };
        self.store_redemption(work.as_ref(), arrival.mark, &logged_in, &session).await?;
        work.commit().await?;
        for gone in &logged_in.merged {
            tracing::info!(member = %logged_in.member.0, merged = %gone.0, "two members became one");
        }
        Ok(logged_in)
    }

    /// Remembers that the code was redeemed, and the answer where it is to be repeatable.
    async fn store_redemption(
        &self,
        work: &dyn UnitOfWork,
        mark: RedemptionKey,
        logged_in: &LoggedIn,
        session: &Session,
    ) -> Result<(), LoginError> {
        let repeatable = mark.request.map(|request| {
            let answer = self.seal.seal(&mark.code, logged_in);
            StoredResponse { request, answer }
        });
        let redemption = Redemption {
            code: mark.code,
            member: session.member,
            session: session.id,
            redeemed_at: session.created_at,
            repeatable,
        };
        match work.redemptions().add(&redemption).await {
            Ok(()) => Ok(()),
            Err(AddError::Taken) => Err(LoginError::CodeUsed),
            Err(AddError::Store(error)) => Err(error.into()),
        }
    }
}
