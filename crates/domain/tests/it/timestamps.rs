//! One time per operation: rows, audit events and domain events of one change have the same time.

use std::sync::Arc;

use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::model::event::EventKind;
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::use_cases::member::ban::StatusChange;
use domain::use_cases::session::refresh::RefreshError;
use testkit::fake::clock::TickingClock;
use testkit::fake::provider::MemoryUser;

use crate::harness::{Fakes, LoginHarness};

fn harness() -> (LoginHarness, Arc<TickingClock>) {
    let clock = Arc::new(TickingClock::default());
    let ports_clock = clock.clone();
    let harness = LoginHarness::over(Fakes::new(), ConflictPolicy::default(), |ports| {
        ports.clock = ports_clock;
    });
    (harness, clock)
}

#[tokio::test]
async fn login_has_one_time() {
    let (harness, clock) = harness();
    let alice = MemoryUser::person("oAlice");
    harness.log_in_with_phone(&alice, "13800138000").await.unwrap();
    assert_eq!(clock.take_reads(), 1);
    let now = harness.store.members()[0].created_at;
    let session = &harness.store.sessions()[0];
    assert_eq!((session.created_at, session.refreshed_at), (now, now));
    assert_eq!(harness.store.redemptions()[0].redeemed_at, now);
    let audit = &harness.store.audit()[0];
    assert_eq!((audit.kind, audit.at), (AuditKind::Registered, now));
    let event = &harness.store.outbox()[0].event;
    assert_eq!((event.kind, event.at), (EventKind::Registered, now));
}

#[tokio::test]
async fn ban_has_one_time() {
    let (harness, clock) = harness();
    let member = harness.log_in(&MemoryUser::person("oAlice")).await.unwrap().member;
    clock.take_reads();
    harness.use_cases.ban_member.set_status(&StatusChange::ban(member, None)).await.unwrap();
    assert_eq!(clock.take_reads(), 1);
    let now = harness.store.members()[0].updated_at;
    let audit = harness.store.audit().pop().unwrap();
    assert_eq!((audit.kind, audit.at), (AuditKind::Banned, now));
    let event = harness.store.outbox().pop().unwrap().event;
    assert_eq!((event.kind, event.at), (EventKind::Banned, now));
}

#[tokio::test]
async fn refresh_has_one_time() {
    let (harness, clock) = harness();
    let first = harness.log_in(&MemoryUser::person("oAlice")).await.unwrap().tokens;
    clock.take_reads();
    let refresh = &harness.use_cases.refresh;
    let second = refresh.run(first.refresh_token.expose()).await.unwrap();
    assert_eq!(clock.take_reads(), 1);
    let now = harness.store.sessions()[0].refreshed_at;
    let claims = harness.tokens.claims(second.access_token.expose()).unwrap();
    assert_eq!(claims.issued_at, now);
    // The clock is past the grace period after these reads.
    for _ in 0..10 {
        clock.now();
    }
    clock.take_reads();
    let reused = refresh.run(first.refresh_token.expose()).await;
    assert!(matches!(reused, Err(RefreshError::Reused)), "{reused:?}");
    assert_eq!(clock.take_reads(), 1);
    let audit = harness.store.audit().pop().unwrap();
    assert_eq!((audit.kind, audit.at), (AuditKind::RefreshTokenReused, clock.last()));
}
