//! Erasure of members, and logins after it.

use std::sync::Arc;
use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::model::member::MemberId;
use domain::use_cases::login::LoginError;
use domain::use_cases::member::ban::{BanMember, StatusChange};
use domain::use_cases::member::erase::{EraseMember, EraseMemberError};
use testkit::fake::provider::MemoryUser;

use crate::harness::LoginHarness;

fn erase(harness: &LoginHarness) -> Arc<EraseMember> {
    harness.use_cases.erase_member.clone()
}

fn banning(harness: &LoginHarness) -> Arc<BanMember> {
    harness.use_cases.ban_member.clone()
}

async fn ban(harness: &LoginHarness, member: MemberId) {
    banning(harness).set_status(&StatusChange::ban(member, None)).await.unwrap();
}

#[tokio::test]
async fn erasure_leaves_audit_events_only() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let hers = harness.log_in_with_phone(&alice, "13800138000").await.unwrap();
    let his = harness.log_in(&MemoryUser::person("oBob")).await.unwrap();
    erase(&harness).run(hers.member, None).await.unwrap();
    assert_eq!(harness.store.members().into_iter().map(|m| m.id).collect::<Vec<_>>(), [his.member]);
    assert!(harness.store.identities().iter().all(|(member, _)| *member == his.member));
    assert!(harness.store.sessions().iter().all(|session| session.member == his.member));
    assert_eq!(harness.store.tombstones(), 0, "she was not banned");
    let events = harness.store.audit_without_logins();
    let event = events.last().unwrap();
    assert_eq!((event.kind, event.member), (AuditKind::Erased, Some(hers.member)));
    let again = erase(&harness).run(hers.member, None).await;
    assert!(matches!(again, Err(EraseMemberError::NotFound)), "{again:?}");
}

#[tokio::test]
async fn login_after_erasure_creates_a_new_member() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let first = harness.log_in_with_phone(&alice, "13800138000").await.unwrap();
    erase(&harness).run(first.member, None).await.unwrap();
    harness.clock.advance(Duration::from_secs(1));
    let second = harness.log_in_with_phone(&alice, "13800138000").await.unwrap();
    assert!(second.is_new);
    assert_ne!(second.member, first.member);
}

#[tokio::test]
async fn ban_survives_erasure_for_every_subject() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let first = harness.log_in(&alice).await.unwrap();
    ban(&harness, first.member).await;
    erase(&harness).run(first.member, None).await.unwrap();
    assert!(harness.store.members().is_empty());
    assert_eq!(harness.store.tombstones(), 2);
    for back in [
        MemoryUser::person("oAlice").with_union_id("u1"),
        MemoryUser::person("oAlice"),
        MemoryUser::person("oElsewhere").with_union_id("u1"),
    ] {
        let refused = harness.log_in(&back).await;
        assert!(matches!(refused, Err(LoginError::Banned { .. })), "{refused:?}");
    }
    assert!(harness.log_in(&MemoryUser::person("oalice")).await.unwrap().is_new, "someone else");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_erasure_and_ban_refuse_later_logins() {
    for _ in 0..20 {
        let harness = Arc::new(LoginHarness::new());
        let alice = MemoryUser::person("oAlice");
        let member = harness.log_in(&alice).await.unwrap().member;
        let ban = banning(&harness);
        let erase = erase(&harness);
        let change = StatusChange::ban(member, None);
        let (banned, erased) = tokio::join!(ban.set_status(&change), erase.run(member, None));
        erased.unwrap();
        let back = harness.log_in(&alice).await;
        assert_eq!(back.is_err(), banned.is_ok(), "{banned:?} {back:?}");
    }
}
