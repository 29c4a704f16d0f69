//! How sessions are prolonged, and what ends them for good.

use std::sync::Arc;
use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::login::LoggedIn;
use domain::model::rate_limit::{Quota, RateLimited};
use domain::model::session::token_pair::TokenPair;
use domain::ports::tokens::TokenVerifier;
use domain::use_cases::member::ban::BanMember;
use domain::use_cases::rate_limits::Quotas;
use domain::use_cases::session::authenticate::{AuthError, Authenticate, AuthenticateError};
use domain::use_cases::session::log_out::{EndSessionError, ManageSessions};
use domain::use_cases::session::refresh::{Refresh, RefreshError};
use testkit::fake::provider::MemoryUser;
use testkit::fake::rate_limiter::MemoryRateLimiter;

use crate::door::{Door, Fakes, SESSIONS};

/// The use cases around a session, over the fakes of a door.
struct House {
    door: Door,
    refresh: Arc<Refresh>,
    authenticate: Arc<Authenticate>,
    log_out: Arc<ManageSessions>,
    ban: Arc<BanMember>,
}

impl House {
    fn new() -> Self {
        Self::with(Quotas::default())
    }

    fn with(quotas: Quotas) -> Self {
        let fakes = Fakes::new();
        let limits = MemoryRateLimiter::limits(quotas, fakes.clock.clone());
        let door = Door::over(fakes, ConflictPolicy::default(), |ports| ports.rate_limits = limits);
        let use_cases = door.use_cases.clone();
        Self {
            refresh: use_cases.refresh,
            authenticate: use_cases.authenticate,
            log_out: use_cases.manage_sessions,
            ban: use_cases.ban_member,
            door,
        }
    }

    async fn log_in(&self, open_id: &str) -> LoggedIn {
        self.door.log_in(&MemoryUser::person(open_id)).await.unwrap()
    }

    async fn refresh(&self, tokens: &TokenPair) -> Result<TokenPair, RefreshError> {
        self.refresh.run(tokens.refresh_token.expose()).await
    }

    async fn lets_in(&self, tokens: &TokenPair) -> bool {
        self.authenticate.run(tokens.access_token.expose()).await.is_ok()
    }

    fn later(&self, seconds: u64) {
        self.door.clock.advance(Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_for_the_same_session() {
    let house = House::new();
    let first = house.log_in("oAlice").await.tokens;
    let second = house.refresh(&first).await.unwrap();
    assert_ne!(second.refresh_token.expose(), first.refresh_token.expose());
    let caller = |tokens: &TokenPair| {
        house.door.tokens.verify(tokens.access_token.expose()).unwrap().caller()
    };
    assert_eq!(caller(&second), caller(&first));
    assert!(house.lets_in(&second).await && house.lets_in(&first).await);
}

#[tokio::test]
async fn a_lost_reply_costs_nothing_within_the_grace() {
    let house = House::new();
    let first = house.log_in("oAlice").await.tokens;
    let lost = house.refresh(&first).await.unwrap();
    house.later(9);
    let again = house.refresh(&first).await.unwrap();
    assert_eq!(again.refresh_token.expose(), lost.refresh_token.expose());
    house.refresh(&again).await.unwrap();
}

#[tokio::test]
async fn a_replay_ends_that_session_leaves_an_event_and_touches_no_other() {
    let house = House::new();
    let stolen = house.log_in("oAlice").await;
    let other = house.log_in("oAlice").await;
    let second = house.refresh(&stolen.tokens).await.unwrap();
    house.later(10);
    let replayed = house.refresh(&stolen.tokens).await;
    assert!(matches!(replayed, Err(RefreshError::Reused)), "{replayed:?}");
    assert!(!house.lets_in(&second).await);
    assert!(matches!(house.refresh(&second).await, Err(RefreshError::Ended)));
    assert!(house.lets_in(&other.tokens).await);
    house.refresh(&other.tokens).await.unwrap();
    let events: Vec<_> =
        house.door.store.audit_besides_logins().into_iter().map(|e| (e.kind, e.member)).collect();
    assert_eq!(events, [(AuditKind::RefreshTokenReused, Some(stolen.member))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_refreshes_at_once_have_one_successor() {
    let house = Arc::new(House::new());
    for _ in 0..20 {
        let tokens = house.log_in("oAlice").await.tokens;
        let token = tokens.refresh_token.expose().to_owned();
        let refreshes: Vec<_> = (0..50)
            .map(|_| {
                let house = Arc::clone(&house);
                let token = token.clone();
                tokio::spawn(async move { house.refresh.run(&token).await })
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
async fn what_is_no_refresh_token_refreshes_nothing() {
    let house = House::new();
    let tokens = house.log_in("oAlice").await.tokens;
    for token in ["", "refresh", tokens.access_token.expose()] {
        assert!(matches!(house.refresh.run(token).await, Err(RefreshError::Invalid)), "{token}");
    }
    let swapped = house.authenticate.run(tokens.refresh_token.expose()).await;
    assert!(
        matches!(swapped, Err(AuthError::Unauthenticated(AuthenticateError::Token(_)))),
        "nor the other way: {swapped:?}"
    );
}

#[tokio::test]
async fn a_session_that_is_not_refreshed_ends() {
    let house = House::new();
    let tokens = house.log_in("oAlice").await.tokens;
    house.later(SESSIONS.idle.as_secs());
    assert!(matches!(house.refresh(&tokens).await, Err(RefreshError::Ended)));
}

#[tokio::test]
async fn a_logout_ends_this_session_and_a_logout_everywhere_all_of_them() {
    let house = House::new();
    let a = house.log_in("oAlice").await;
    let b = house.log_in("oAlice").await;
    let c = house.log_in("oAlice").await;
    house.log_out.log_out(&house.door.caller(&a)).await.unwrap();
    assert!(!house.lets_in(&a.tokens).await);
    assert!(matches!(house.refresh(&a.tokens).await, Err(RefreshError::Ended)));
    assert!(house.lets_in(&b.tokens).await);
    house.log_out.log_out_everywhere(&house.door.caller(&b)).await.unwrap();
    for gone in [&b, &c] {
        assert!(!house.lets_in(&gone.tokens).await);
    }
}

#[tokio::test]
async fn a_member_sees_and_ends_their_own_sessions_only() {
    let house = House::new();
    let here = house.log_in("oAlice").await;
    let there = house.log_in("oAlice").await;
    let bob = house.log_in("oBob").await;
    let alice = house.door.caller(&here);
    let bobs = house.door.caller(&bob).session;
    assert_eq!(house.log_out.list_sessions(&alice).await.unwrap().len(), 2);
    let stranger = house.log_out.end_session(&alice, bobs).await;
    assert!(matches!(stranger, Err(EndSessionError::NotFound)), "{stranger:?}");
    assert!(house.lets_in(&bob.tokens).await);
    house.log_out.end_session(&alice, house.door.caller(&there).session).await.unwrap();
    assert!(!house.lets_in(&there.tokens).await && house.lets_in(&here.tokens).await);
    let gone = house.log_out.end_session(&alice, house.door.caller(&there).session).await;
    assert!(matches!(gone, Err(EndSessionError::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn one_session_too_many_ends_the_one_refreshed_longest_ago() {
    let house = House::new();
    let mut sessions = Vec::new();
    for _ in 0..=SESSIONS.per_member {
        sessions.push(house.log_in("oAlice").await);
        house.later(1);
    }
    assert!(!house.lets_in(&sessions[0].tokens).await);
    for session in &sessions[1..] {
        assert!(house.lets_in(&session.tokens).await);
    }
    assert_eq!(house.door.store.sessions().len(), SESSIONS.per_member);
}

#[tokio::test]
async fn a_ban_ends_every_session_and_an_unban_brings_none_back() {
    let house = House::new();
    let alice = house.log_in("oAlice").await;
    house.ban.ban(alice.member, None, None).await.unwrap();
    let refused = house.authenticate.run(alice.tokens.access_token.expose()).await;
    assert!(
        matches!(refused, Err(AuthError::Unauthenticated(AuthenticateError::SessionEnded))),
        "{refused:?}"
    );
    assert!(matches!(house.refresh(&alice.tokens).await, Err(RefreshError::Ended)));
    assert!(house.door.log_in(&MemoryUser::person("oAlice")).await.is_err());
    house.ban.unban(alice.member, None, None).await.unwrap();
    assert!(!house.lets_in(&alice.tokens).await);
    assert!(house.lets_in(&house.log_in("oAlice").await.tokens).await);
    let kinds: Vec<_> =
        house.door.store.audit_besides_logins().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [AuditKind::Banned, AuditKind::LoginRefused, AuditKind::Unbanned]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_races_a_logout_or_a_ban_gives_nothing_that_works_afterwards() {
    let house = Arc::new(House::new());
    for round in 0..200 {
        let alice = house.log_in("oAlice").await;
        let caller = house.door.caller(&alice);
        let racer = {
            let house = Arc::clone(&house);
            let token = alice.tokens.refresh_token.expose().to_owned();
            tokio::spawn(async move { house.refresh.run(&token).await })
        };
        if round % 2 == 0 {
            house.log_out.log_out(&caller).await.unwrap();
        } else {
            house.ban.ban(alice.member, None, None).await.unwrap();
        }
        if let Ok(tokens) = racer.await.unwrap() {
            assert!(!house.lets_in(&tokens).await);
            assert!(house.refresh(&tokens).await.is_err());
        }
        if round % 2 == 1 {
            house.ban.unban(alice.member, None, None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_limit_puts_the_truth_off_and_never_hides_it() {
    let session = Quota::new(3, 60);
    let house = House::with(Quotas { session, ..Quotas::default() });
    let alice = house.log_in("oAlice").await;
    house.log_out.log_out_everywhere(&house.door.caller(&alice)).await.unwrap();
    for _ in 0..3 {
        assert!(matches!(house.refresh(&alice.tokens).await, Err(RefreshError::Ended)));
    }
    for _ in 0..100 {
        let refused = house.refresh(&alice.tokens).await;
        let retry_after = Duration::from_secs(1);
        assert!(
            matches!(refused, Err(RefreshError::RateLimited(RateLimited { retry_after: told })) if told == retry_after)
        );
    }
    house.later(1);
    assert!(matches!(house.refresh(&alice.tokens).await, Err(RefreshError::Ended)));
}

#[tokio::test]
async fn members_and_sessions_are_counted_each_by_itself() {
    let member = Quota::new(4, 1);
    let session = Quota::new(2, 1);
    let house = House::with(Quotas { member, session, ..Quotas::default() });
    let here = house.log_in("oAlice").await;
    let there = house.log_in("oAlice").await;
    let bob = house.log_in("oBob").await;
    for _ in 0..2 {
        assert!(house.lets_in(&here.tokens).await && house.lets_in(&there.tokens).await);
        assert!(house.refresh(&here.tokens).await.is_ok());
    }
    assert!(!house.lets_in(&there.tokens).await, "one member, on whatever device");
    assert!(house.lets_in(&bob.tokens).await);
    assert!(matches!(house.refresh(&here.tokens).await, Err(RefreshError::RateLimited(_))));
    assert!(house.refresh(&there.tokens).await.is_ok());
}
