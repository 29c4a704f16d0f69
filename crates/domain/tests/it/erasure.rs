//! What becomes of members who are erased, and who they are when they come back.

use std::sync::Arc;
use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::model::member::MemberId;
use domain::use_cases::login::LoginError;
use domain::use_cases::member::ban::BanMember;
use domain::use_cases::member::erase::{EraseMember, EraseMemberError};
use testkit::fake::provider::MemoryUser;

use crate::door::Door;

fn erase(door: &Door) -> Arc<EraseMember> {
    door.use_cases.erase_member.clone()
}

fn banning(door: &Door) -> Arc<BanMember> {
    door.use_cases.ban_member.clone()
}

async fn ban(door: &Door, member: MemberId) {
    banning(door).ban(member, None, None).await.unwrap();
}

#[tokio::test]
async fn of_an_erased_member_only_events_are_left() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let hers = door.log_in_with_phone(&alice, "13800138000").await.unwrap();
    let his = door.log_in(&MemoryUser::person("oBob")).await.unwrap();
    erase(&door).run(hers.member, None).await.unwrap();
    assert_eq!(door.store.members().into_iter().map(|m| m.id).collect::<Vec<_>>(), [his.member]);
    assert!(door.store.identities().iter().all(|(member, _)| *member == his.member));
    assert!(door.store.sessions().iter().all(|session| session.member == his.member));
    assert_eq!(door.store.tombstones(), 0, "she was not banned");
    let events = door.store.audit_besides_logins();
    let event = events.last().unwrap();
    assert_eq!((event.kind, event.member), (AuditKind::Erased, Some(hers.member)));
    let again = erase(&door).run(hers.member, None).await;
    assert!(matches!(again, Err(EraseMemberError::NotFound)), "{again:?}");
}

#[tokio::test]
async fn who_comes_back_after_an_erasure_is_new() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let first = door.log_in_with_phone(&alice, "13800138000").await.unwrap();
    erase(&door).run(first.member, None).await.unwrap();
    door.clock.advance(Duration::from_secs(1));
    let second = door.log_in_with_phone(&alice, "13800138000").await.unwrap();
    assert!(second.is_new);
    assert_ne!(second.member, first.member);
}

#[tokio::test]
async fn a_ban_outlives_an_erasure_under_every_subject() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let first = door.log_in(&alice).await.unwrap();
    ban(&door, first.member).await;
    erase(&door).run(first.member, None).await.unwrap();
    assert!(door.store.members().is_empty());
    assert_eq!(door.store.tombstones(), 2);
    for back in [
        MemoryUser::person("oAlice").with_union_id("u1"),
        MemoryUser::person("oAlice"),
        MemoryUser::person("oElsewhere").with_union_id("u1"),
    ] {
        let refused = door.log_in(&back).await;
        assert!(matches!(refused, Err(LoginError::Banned { .. })), "{refused:?}");
    }
    assert!(door.log_in(&MemoryUser::person("oalice")).await.unwrap().is_new, "someone else");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_and_a_ban_at_the_same_time_leave_no_way_back() {
    for _ in 0..20 {
        let door = Arc::new(Door::new());
        let alice = MemoryUser::person("oAlice");
        let member = door.log_in(&alice).await.unwrap().member;
        let ban = banning(&door);
        let erase = erase(&door);
        let (banned, erased) = tokio::join!(ban.ban(member, None, None), erase.run(member, None));
        erased.unwrap();
        let back = door.log_in(&alice).await;
        assert_eq!(back.is_err(), banned.is_ok(), "{banned:?} {back:?}");
    }
}
