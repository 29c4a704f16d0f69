//! Completion of a login: all of its effects, in one unit of work.

use std::sync::Arc;

use crate::model::audit::AuditKind;
use crate::model::login::LoggedIn;
use crate::model::member::MemberId;
use crate::model::random::Random;
use crate::model::session::{Session, SessionPolicy, sessions_to_evict};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::login::attempt::LoginAttempt;
use crate::use_cases::login::error::LoginError;
use crate::use_cases::login::idempotency::StoredResponses;
use crate::use_cases::login::resolve_member::{MemberResolver, ResolvedMember};
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;
use crate::use_cases::session::issue_tokens::IssueTokens;

/// Completes logins whose codes have been redeemed.
pub(super) struct Completion {
    store: Arc<dyn Store>,
    members: MemberResolver,
    responses: Arc<StoredResponses>,
    issue_tokens: IssueTokens,
    events: EventFactory,
    random: Arc<dyn Random>,
    sessions: SessionPolicy,
}

impl Completion {
    pub(super) fn new(ports: &Ports, policies: &Policies, responses: Arc<StoredResponses>) -> Self {
        Self {
            store: ports.store.clone(),
            members: MemberResolver::new(ports, policies),
            responses,
            issue_tokens: IssueTokens::new(ports, policies),
            events: EventFactory::new(ports),
            random: ports.random.clone(),
            sessions: policies.sessions,
        }
    }

    /// Finds or registers the member, opens a session and issues its tokens.
    pub(super) async fn run(
        &self,
        attempt: &LoginAttempt<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let logged_in = retry_on_contention(|| self.try_run(attempt, now)).await?;
        for merged in &logged_in.merged {
            tracing::info!(member = %logged_in.member.0, merged = %merged.0, "merged two members");
        }
        Ok(logged_in)
    }

    async fn try_run(
        &self,
        attempt: &LoginAttempt<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let app = attempt.app;
        let identity = attempt.identity;
        let work = self.store.begin().await?;
        let resolved = self.members.resolve(work.as_ref(), attempt, now).await?;
        let ResolvedMember { member, is_new, merged } = resolved;

        if let (Some(keys), Some(key)) = (&app.session_keys, &identity.session_key) {
            keys.store(work.as_ref(), &identity.subject, key, now).await?;
        }

        let policy = app.policy.lifetimes.sessions(&self.sessions);
        if !is_new {
            evict_sessions(work.as_ref(), member.id, &policy, now).await?;
        }
        let session =
            Session::open(member.id, app.name.clone(), &policy, now, self.random.as_ref());
        work.sessions().add(&session).await?;

        // Signed before the commit, so that the session and its response are stored together or not
        // at all.
        let tokens = self.issue_tokens.run(&member, &session, &app.policy.lifetimes, now)?;
        let logged_in =
            LoggedIn { member: member.id, nickname: member.nickname, is_new, merged, tokens };

        let kind = if is_new { AuditKind::Registered } else { AuditKind::LoggedIn };
        let event = self.events.audit_event(kind, now);
        let event = event.with_member(session.member).in_session(session.id);
        work.audit().record(&event.in_app(session.app.clone())).await?;
        self.responses.store(work.as_ref(), attempt.key, &logged_in, &session).await?;
        work.commit().await?;
        Ok(logged_in)
    }
}

/// Ends the sessions that exceed the limit per member once another one is opened.
async fn evict_sessions(
    work: &dyn UnitOfWork,
    member: MemberId,
    policy: &SessionPolicy,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sessions = work.sessions().list_by_member(member).await?;
    work.sessions().remove(&sessions_to_evict(sessions, policy, now)).await
}
