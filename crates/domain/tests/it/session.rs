//! Refresh and end of sessions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::login::LoggedIn;
use domain::model::rate_limit::{Quota, RateLimited};
use domain::model::session::token_pair::TokenPair;
use domain::model::session::{Session, SessionId};
use domain::ports::store::Store;
use domain::ports::store::sessions::SessionLister;
use domain::ports::tokens::TokenVerifier;
use domain::use_cases::member::ban::{BanMember, StatusChange};
use domain::use_cases::rate_limits::Quotas;
use domain::use_cases::session::authenticate::{AuthError, Authenticate, AuthenticateError};
use domain::use_cases::session::end_all::{EndAllSessions, EpochError};
use domain::use_cases::session::log_out::{EndSessionError, ManageSessions};
use domain::use_cases::session::refresh::{Refresh, RefreshError};
use testkit::fake::provider::MemoryUser;
use testkit::fake::rate_limiter::MemoryRateLimiter;

use crate::harness::{Fakes, LoginHarness, SESSIONS};

/// Use cases of sessions over fakes.
struct SessionHarness {
    harness: LoginHarness,
    refresh: Arc<Refresh>,
    authenticate: Arc<Authenticate>,
    log_out: Arc<ManageSessions>,
    ban: Arc<BanMember>,
}

impl SessionHarness {
    fn new() -> Self {
        Self::with(Quotas::default())
    }

    fn with(quotas: Quotas) -> Self {
        let fakes = Fakes::new();
        let limits = MemoryRateLimiter::limits(quotas, fakes.clock.clone());
        let harness = LoginHarness::over(fakes, ConflictPolicy::default(), |ports| {
            ports.rate_limits = limits;
        });
        let use_cases = harness.use_cases.clone();
        Self {
            refresh: use_cases.refresh,
            authenticate: use_cases.authenticate,
            log_out: use_cases.manage_sessions,
            ban: use_cases.ban_member,
            harness,
        }
    }

    async fn log_in(&self, open_id: &str) -> LoggedIn {
        self.harness.log_in(&MemoryUser::person(open_id)).await.unwrap()
    }

    async fn refresh(&self, tokens: &TokenPair) -> Result<TokenPair, RefreshError> {
        self.refresh.run(tokens.refresh_token.expose()).await
    }

    async fn is_accepted(&self, tokens: &TokenPair) -> bool {
        self.authenticate.run(tokens.access_token.expose()).await.is_ok()
    }

    fn advance(&self, seconds: u64) {
        self.harness.clock.advance(Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn refresh_issues_a_new_pair_for_the_same_session() {
    let fixture = SessionHarness::new();
    let first = fixture.log_in("oAlice").await.tokens;
    let second = fixture.refresh(&first).await.unwrap();
    assert_ne!(second.refresh_token.expose(), first.refresh_token.expose());
    let caller = |tokens: &TokenPair| {
        fixture.harness.tokens.verify(tokens.access_token.expose()).unwrap().caller()
    };
    assert_eq!(caller(&second), caller(&first));
    assert!(fixture.is_accepted(&second).await && fixture.is_accepted(&first).await);
}

#[tokio::test]
async fn lost_refresh_response_is_repeated_within_grace() {
    let fixture = SessionHarness::new();
    let first = fixture.log_in("oAlice").await.tokens;
    let lost = fixture.refresh(&first).await.unwrap();
    fixture.advance(9);
    let again = fixture.refresh(&first).await.unwrap();
    assert_eq!(again.refresh_token.expose(), lost.refresh_token.expose());
    fixture.refresh(&again).await.unwrap();
}

#[tokio::test]
async fn refresh_token_reuse_ends_the_session_and_is_audited() {
    let fixture = SessionHarness::new();
    let stolen = fixture.log_in("oAlice").await;
    let other = fixture.log_in("oAlice").await;
    let second = fixture.refresh(&stolen.tokens).await.unwrap();
    fixture.advance(10);
    let replayed = fixture.refresh(&stolen.tokens).await;
    assert!(matches!(replayed, Err(RefreshError::Reused)), "{replayed:?}");
    assert!(!fixture.is_accepted(&second).await);
    assert!(matches!(fixture.refresh(&second).await, Err(RefreshError::Ended)));
    assert!(fixture.is_accepted(&other.tokens).await);
    fixture.refresh(&other.tokens).await.unwrap();
    let events: Vec<_> = fixture
        .harness
        .store
        .audit_without_logins()
        .into_iter()
        .map(|e| (e.kind, e.member))
        .collect();
    assert_eq!(events, [(AuditKind::RefreshTokenReused, Some(stolen.member))]);
}

/// Restores a session as it was before, as the restore of a backup does.
async fn restore(fixture: &SessionHarness, session: &Session) {
    let work = fixture.harness.store.begin().await.unwrap();
    work.sessions().remove(&[session.id]).await.unwrap();
    work.sessions().add(session).await.unwrap();
    work.commit().await.unwrap();
}

#[tokio::test]
async fn refresh_token_newer_than_the_store_ends_the_session() {
    let fixture = SessionHarness::new();
    let login = fixture.log_in("oAlice").await;
    let backup = fixture.harness.store.list_sessions(login.member).await.unwrap().remove(0);
    let newer = fixture.refresh(&login.tokens).await.unwrap();
    restore(&fixture, &backup).await;
    let outcome = fixture.refresh(&newer).await;
    assert!(matches!(outcome, Err(RefreshError::Ended)), "{outcome:?}");
    let stolen = fixture.refresh(&login.tokens).await;
    assert!(matches!(stolen, Err(RefreshError::Ended)), "a copy of an exchanged token: {stolen:?}");
    let event = fixture.harness.store.audit_without_logins().remove(0);
    assert_eq!(event.kind, AuditKind::RefreshTokenReused);
    assert_eq!(event.detail.as_deref(), Some("newer than the database"));
    assert_eq!(event.session, Some(backup.id));
}

/// Use case over the fakes, for an epoch.
fn end_all(fixture: &SessionHarness, epoch: u32) -> EndAllSessions {
    EndAllSessions {
        store: Arc::new(fixture.harness.store.clone()),
        events: fixture.harness.events.clone(),
        clock: fixture.harness.clock.clone(),
        epoch,
    }
}

#[tokio::test]
async fn end_of_all_sessions_is_audited_and_done_in_batches() {
    let fixture = SessionHarness::new();
    let alice = fixture.log_in("oAlice").await;
    let bob = fixture.log_in("oBob").await;
    let session = fixture.harness.store.list_sessions(alice.member).await.unwrap().remove(0);
    let work = fixture.harness.store.begin().await.unwrap();
    for number in 0..1_500 {
        let id = SessionId(uuid::Uuid::from_u128(number));
        work.sessions().add(&Session { id, ..session.clone() }).await.unwrap();
    }
    work.commit().await.unwrap();
    let reports = Mutex::new(vec![]);
    let report = |ended| reports.lock().unwrap().push(ended);
    assert_eq!(end_all(&fixture, 0).run(&report).await.unwrap(), 1_502);
    assert_eq!(*reports.lock().unwrap(), [1_000, 1_502, 1_502]);
    for tokens in [&alice.tokens, &bob.tokens] {
        assert!(!fixture.is_accepted(tokens).await);
        assert!(matches!(fixture.refresh(tokens).await, Err(RefreshError::Ended)));
    }
    let events = fixture.harness.store.audit_without_logins();
    let events: Vec<_> = events.iter().map(|e| (e.kind, e.detail.as_deref(), e.member)).collect();
    assert_eq!(events, [(AuditKind::SessionsEnded, Some("all members"), None)]);
    fixture.log_in("oAlice").await;
}

#[tokio::test]
async fn epoch_of_sessions_is_checked_and_never_lowered() {
    let fixture = SessionHarness::new();
    end_all(&fixture, 0).check_epoch().await.unwrap();
    let raised = end_all(&fixture, 2).check_epoch().await;
    assert!(matches!(raised, Err(EpochError::Outdated { stored: 0 })), "{raised:?}");
    end_all(&fixture, 2).run(&|_| ()).await.unwrap();
    end_all(&fixture, 2).check_epoch().await.unwrap();
    let login = fixture.log_in("oAlice").await;
    let lowered = end_all(&fixture, 1).check_epoch().await;
    assert!(matches!(lowered, Err(EpochError::NotRaised { stored: 2 })), "{lowered:?}");
    let lowered = end_all(&fixture, 1).run(&|_| ()).await;
    assert!(matches!(lowered, Err(EpochError::NotRaised { stored: 2 })), "{lowered:?}");
    assert!(fixture.is_accepted(&login.tokens).await, "nothing is ended in an outdated epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refreshes_have_one_successor() {
    let fixture = Arc::new(SessionHarness::new());
    for _ in 0..20 {
        let tokens = fixture.log_in("oAlice").await.tokens;
        let token = tokens.refresh_token.expose().to_owned();
        let refreshes: Vec<_> = (0..50)
            .map(|_| {
                let fixture = Arc::clone(&fixture);
                let token = token.clone();
                tokio::spawn(async move { fixture.refresh.run(&token).await })
            })
            .collect();
        let mut successors = std::collections::HashSet::new();
        for refresh in refreshes {
            let tokens = refresh.await.unwrap().unwrap();
            successors.insert(tokens.refresh_token.expose().to_owned());
        }
        assert_eq!(successors.len(), 1);
    }
}

#[tokio::test]
async fn malformed_refresh_token_is_rejected() {
    let fixture = SessionHarness::new();
    let tokens = fixture.log_in("oAlice").await.tokens;
    for token in ["", "refresh", tokens.access_token.expose()] {
        assert!(matches!(fixture.refresh.run(token).await, Err(RefreshError::Invalid)), "{token}");
    }
    let swapped = fixture.authenticate.run(tokens.refresh_token.expose()).await;
    assert!(
        matches!(swapped, Err(AuthError::Unauthenticated(AuthenticateError::Token(_)))),
        "nor the other way: {swapped:?}"
    );
}

#[tokio::test]
async fn idle_session_expires() {
    let fixture = SessionHarness::new();
    let tokens = fixture.log_in("oAlice").await.tokens;
    fixture.advance(SESSIONS.idle.as_secs());
    assert!(matches!(fixture.refresh(&tokens).await, Err(RefreshError::Ended)));
}

#[tokio::test]
async fn logout_ends_one_session_or_all() {
    let fixture = SessionHarness::new();
    let a = fixture.log_in("oAlice").await;
    let b = fixture.log_in("oAlice").await;
    let c = fixture.log_in("oAlice").await;
    fixture.log_out.log_out(&fixture.harness.caller(&a)).await.unwrap();
    assert!(!fixture.is_accepted(&a.tokens).await);
    assert!(matches!(fixture.refresh(&a.tokens).await, Err(RefreshError::Ended)));
    assert!(fixture.is_accepted(&b.tokens).await);
    fixture.log_out.log_out_everywhere(&fixture.harness.caller(&b)).await.unwrap();
    for gone in [&b, &c] {
        assert!(!fixture.is_accepted(&gone.tokens).await);
    }
}

#[tokio::test]
async fn members_list_and_end_only_their_own_sessions() {
    let fixture = SessionHarness::new();
    let first = fixture.log_in("oAlice").await;
    let second = fixture.log_in("oAlice").await;
    let bob = fixture.log_in("oBob").await;
    let alice = fixture.harness.caller(&first);
    let bobs = fixture.harness.caller(&bob).session;
    assert_eq!(fixture.log_out.list_sessions(&alice).await.unwrap().len(), 2);
    let refused = fixture.log_out.end_session(&alice, bobs).await;
    assert!(matches!(refused, Err(EndSessionError::NotFound)), "{refused:?}");
    assert!(fixture.is_accepted(&bob.tokens).await);
    fixture.log_out.end_session(&alice, fixture.harness.caller(&second).session).await.unwrap();
    assert!(!fixture.is_accepted(&second.tokens).await && fixture.is_accepted(&first.tokens).await);
    let gone = fixture.log_out.end_session(&alice, fixture.harness.caller(&second).session).await;
    assert!(matches!(gone, Err(EndSessionError::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn session_eviction_ends_the_least_recently_refreshed() {
    let fixture = SessionHarness::new();
    let mut sessions = Vec::new();
    for _ in 0..=SESSIONS.per_member {
        sessions.push(fixture.log_in("oAlice").await);
        fixture.advance(1);
    }
    assert!(!fixture.is_accepted(&sessions[0].tokens).await);
    for session in &sessions[1..] {
        assert!(fixture.is_accepted(&session.tokens).await);
    }
    assert_eq!(fixture.harness.store.sessions().len(), SESSIONS.per_member);
}

#[tokio::test]
async fn ban_ends_all_sessions_and_unban_restores_none() {
    let fixture = SessionHarness::new();
    let alice = fixture.log_in("oAlice").await;
    fixture.ban.set_status(&StatusChange::ban(alice.member, None)).await.unwrap();
    let refused = fixture.authenticate.run(alice.tokens.access_token.expose()).await;
    assert!(
        matches!(refused, Err(AuthError::Unauthenticated(AuthenticateError::SessionEnded))),
        "{refused:?}"
    );
    assert!(matches!(fixture.refresh(&alice.tokens).await, Err(RefreshError::Ended)));
    assert!(fixture.harness.log_in(&MemoryUser::person("oAlice")).await.is_err());
    fixture.ban.set_status(&StatusChange::unban(alice.member, None)).await.unwrap();
    assert!(!fixture.is_accepted(&alice.tokens).await);
    assert!(fixture.is_accepted(&fixture.log_in("oAlice").await.tokens).await);
    let kinds: Vec<_> =
        fixture.harness.store.audit_without_logins().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [AuditKind::Banned, AuditKind::LoginRefused, AuditKind::Unbanned]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_concurrent_with_logout_or_ban_yields_no_valid_token() {
    let fixture = Arc::new(SessionHarness::new());
    for round in 0..200 {
        let alice = fixture.log_in("oAlice").await;
        let caller = fixture.harness.caller(&alice);
        let racer = {
            let fixture = Arc::clone(&fixture);
            let token = alice.tokens.refresh_token.expose().to_owned();
            tokio::spawn(async move { fixture.refresh.run(&token).await })
        };
        if round % 2 == 0 {
            fixture.log_out.log_out(&caller).await.unwrap();
        } else {
            fixture.ban.set_status(&StatusChange::ban(alice.member, None)).await.unwrap();
        }
        if let Ok(tokens) = racer.await.unwrap() {
            assert!(!fixture.is_accepted(&tokens).await);
            assert!(fixture.refresh(&tokens).await.is_err());
        }
        if round % 2 == 1 {
            fixture.ban.set_status(&StatusChange::unban(alice.member, None)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn rate_limit_delays_but_never_masks_the_result() {
    let session = Quota::new(3, 60);
    let fixture = SessionHarness::with(Quotas { session, ..Quotas::default() });
    let alice = fixture.log_in("oAlice").await;
    fixture.log_out.log_out_everywhere(&fixture.harness.caller(&alice)).await.unwrap();
    for _ in 0..3 {
        assert!(matches!(fixture.refresh(&alice.tokens).await, Err(RefreshError::Ended)));
    }
    for _ in 0..100 {
        let refused = fixture.refresh(&alice.tokens).await;
        let retry_after = Duration::from_secs(1);
        assert!(
            matches!(refused, Err(RefreshError::RateLimited(RateLimited { retry_after: after })) if after == retry_after)
        );
    }
    fixture.advance(1);
    assert!(matches!(fixture.refresh(&alice.tokens).await, Err(RefreshError::Ended)));
}

#[tokio::test]
async fn rate_limits_are_counted_per_member_and_session() {
    let member = Quota::new(4, 1);
    let session = Quota::new(2, 1);
    let fixture = SessionHarness::with(Quotas { member, session, ..Quotas::default() });
    let first = fixture.log_in("oAlice").await;
    let second = fixture.log_in("oAlice").await;
    let bob = fixture.log_in("oBob").await;
    for _ in 0..2 {
        assert!(
            fixture.is_accepted(&first.tokens).await && fixture.is_accepted(&second.tokens).await
        );
        assert!(fixture.refresh(&first.tokens).await.is_ok());
    }
    assert!(!fixture.is_accepted(&second.tokens).await, "the quota of a member covers all devices");
    assert!(fixture.is_accepted(&bob.tokens).await);
    assert!(matches!(fixture.refresh(&first.tokens).await, Err(RefreshError::RateLimited(_))));
    assert!(fixture.refresh(&second.tokens).await.is_ok());
}
