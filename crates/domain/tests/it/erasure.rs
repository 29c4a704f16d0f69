//! What becomes of members who are erased, and who they are when they come back.

use std::sync::Arc;
use std::time::Duration;

use domain::audit::AuditKind;
use domain::ban::Ban;
use domain::erase_member::{EraseMember, EraseMemberError};
use domain::login::LoginError;
use domain::member::MemberId;
use testkit::fingerprints::MemoryFingerprints;
use testkit::provider::MemoryUser;
use testkit::random::FixedRandom;

use crate::door::Door;

fn erase(door: &Door) -> EraseMember {
    EraseMember {
        store: Arc::new(door.store.clone()),
        fingerprints: Arc::new(MemoryFingerprints),
        clock: door.clock.clone(),
        random: Arc::new(FixedRandom::seeded(3)),
    }
}

async fn ban(door: &Door, member: MemberId) {
    let (clock, random) = (door.clock.clone(), Arc::new(FixedRandom::seeded(4)));
    Ban { store: Arc::new(door.store.clone()), clock, random }.ban(member).await.unwrap();
}

#[tokio::test]
async fn of_an_erased_member_only_events_are_left() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let hers = door.log_in_with_phone(&alice, "13800138000").await.unwrap();
    let his = door.log_in(&MemoryUser::person("oBob")).await.unwrap();
    erase(&door).run(hers.member).await.unwrap();
    assert_eq!(door.store.members().into_iter().map(|m| m.id).collect::<Vec<_>>(), [his.member]);
    assert!(door.store.identities().iter().all(|(member, _)| *member == his.member));
    assert!(door.store.sessions().iter().all(|session| session.member == his.member));
    assert_eq!(door.store.tombstones(), 0, "she was not banned");
    let events = door.store.audit();
    let event = events.last().unwrap();
    assert_eq!((event.kind, event.member), (AuditKind::Erased, hers.member));
    let again = erase(&door).run(hers.member).await;
    assert!(matches!(again, Err(EraseMemberError::Gone)), "{again:?}");
}

#[tokio::test]
async fn who_comes_back_after_an_erasure_is_new() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let first = door.log_in_with_phone(&alice, "13800138000").await.unwrap();
    erase(&door).run(first.member).await.unwrap();
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
    erase(&door).run(first.member).await.unwrap();
    assert!(door.store.members().is_empty());
    assert_eq!(door.store.tombstones(), 2);
    for back in [
        MemoryUser::person("oAlice").with_union_id("u1"),
        MemoryUser::person("oAlice"),
        MemoryUser::person("oElsewhere").with_union_id("u1"),
    ] {
        let refused = door.log_in(&back).await;
        assert!(matches!(refused, Err(LoginError::Banned(_))), "{refused:?}");
    }
    assert!(door.log_in(&MemoryUser::person("oalice")).await.unwrap().is_new, "someone else");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_and_a_ban_at_the_same_time_leave_no_way_back() {
    for _ in 0..20 {
        let door = Arc::new(Door::new());
        let alice = MemoryUser::person("oAlice");
        let member = door.log_in(&alice).await.unwrap().member;
        let (clock, random) = (door.clock.clone(), Arc::new(FixedRandom::seeded(4)));
        let ban = Ban { store: Arc::new(door.store.clone()), clock, random };
        let erase = erase(&door);
        let (banned, erased) = tokio::join!(ban.ban(member), erase.run(member));
        erased.unwrap();
        let back = door.log_in(&alice).await;
        assert_eq!(back.is_err(), banned.is_ok(), "{banned:?} {back:?}");
    }
}
