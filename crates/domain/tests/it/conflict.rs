//! One person who is two members: what becomes of them, and that nobody is silent about it.

use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::model::identity::conflict_policy::{ConflictPolicy, ConflictResolution};
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::{Member, MemberId, MemberStatus};
use domain::ports::store::Store;
use domain::use_cases::login::LoginError;
use testkit::fake::provider::MemoryUser;

use crate::door::Door;

/// Alice was a member before her union id was told, and is another one by that.
struct Alice {
    door: Door,
    elder: MemberId,
    younger: MemberId,
}

fn late() -> MemoryUser {
    MemoryUser::person("oLate")
}

fn other() -> MemoryUser {
    MemoryUser::person("oOther").with_union_id("u1")
}

impl Alice {
    async fn with(on_conflict: ConflictPolicy) -> Self {
        let door = Door::with(on_conflict);
        let elder = door.log_in(&late()).await.unwrap().member;
        door.clock.advance(Duration::from_secs(1));
        let younger = door.log_in(&other()).await.unwrap().member;
        door.clock.advance(Duration::from_secs(1));
        Self { door, elder, younger }
    }

    /// The login that tells that both are one.
    async fn reveal(&self) -> Result<LoggedIn, LoginError> {
        self.choose(None).await
    }

    async fn choose(
        &self,
        on_conflict: Option<ConflictResolution>,
    ) -> Result<LoggedIn, LoginError> {
        let request = self.door.request(&late().with_union_id("u1"));
        self.door.login.run(LoginRequest { on_conflict, ..request }).await
    }

    async fn change(&self, id: MemberId, change: impl FnOnce(&mut Member)) {
        let work = self.door.store.begin().await.unwrap();
        let mut member = work.members().find(id).await.unwrap().unwrap();
        change(&mut member);
        work.members().update(&member).await.unwrap();
        work.commit().await.unwrap();
    }

    fn member(&self, id: MemberId) -> Member {
        self.door.store.members().into_iter().find(|member| member.id == id).unwrap()
    }
}

#[tokio::test]
async fn two_members_become_the_elder_and_everyone_is_told() {
    let alice = Alice::with(ConflictPolicy::Merge).await;
    let merged = alice.reveal().await.unwrap();
    assert_eq!((merged.member, merged.merged), (alice.elder, vec![alice.younger]));
    let store = &alice.door.store;
    assert_eq!(store.members().len(), 1);
    assert!(store.identities().iter().all(|(owner, _)| *owner == alice.elder));
    assert_eq!(store.identities().len(), 3);
    assert!(store.sessions().iter().all(|session| session.member == alice.elder));
    let event = &store.audit_besides_logins()[0];
    let told = (event.kind, event.member, event.merged_member);
    assert_eq!(told, (AuditKind::Merged, Some(alice.elder), Some(alice.younger)));
    // Whichever way she comes in from now on, and only once is it told.
    for user in [late(), other(), late().with_union_id("u1")] {
        let logged_in = alice.door.log_in(&user).await.unwrap();
        assert_eq!((logged_in.member, logged_in.merged), (alice.elder, vec![]));
    }
}

#[tokio::test]
async fn the_elder_survives_from_whichever_side_it_is_revealed() {
    let door = Door::new();
    let elder = door.log_in(&other()).await.unwrap().member;
    door.clock.advance(Duration::from_secs(1));
    let younger = door.log_in(&late()).await.unwrap().member;
    let merged = door.log_in(&late().with_union_id("u1")).await.unwrap();
    assert_eq!((merged.member, merged.merged), (elder, vec![younger]));
}

#[tokio::test]
async fn what_only_the_younger_has_is_kept() {
    let alice = Alice::with(ConflictPolicy::Merge).await;
    alice.door.log_in_with_phone(&other(), "13800138915").await.unwrap();
    alice.change(alice.elder, |member| member.remark = Some("pays late".into())).await;
    alice.change(alice.younger, |member| member.remark = Some("likes tea".into())).await;
    let name = alice.member(alice.elder).nickname;
    alice.reveal().await.unwrap();
    let member = alice.member(alice.elder);
    assert_eq!(member.phone.unwrap().national(), "13800138915");
    assert_eq!(member.remark.unwrap(), "pays late\nlikes tea");
    assert_eq!(member.nickname, name);
}

#[tokio::test]
async fn of_two_phone_numbers_none_is_lost_without_being_asked_for() {
    for (choice, left) in [(ConflictResolution::Merge, 1), (ConflictResolution::Separate, 2)] {
        let alice = Alice::with(ConflictPolicy::Merge).await;
        alice.door.log_in_with_phone(&late(), "13800138915").await.unwrap();
        alice.door.log_in_with_phone(&other(), "13900139000").await.unwrap();
        let asked = alice.reveal().await.unwrap_err();
        assert!(matches!(asked, LoginError::MergeRequired), "{asked:?}");
        assert_eq!(alice.door.store.members().len(), 2);
        let logged_in = alice.choose(Some(choice)).await.unwrap();
        assert_eq!((logged_in.member, alice.door.store.members().len()), (alice.elder, left));
        let phone = alice.member(alice.elder).phone.unwrap();
        assert_eq!(phone.national(), "13800138915");
    }
}

#[tokio::test]
async fn an_app_that_asks_does_nothing_until_it_is_told() {
    let alice = Alice::with(ConflictPolicy::Ask).await;
    let before = alice.door.store.sessions().len();
    let asked = alice.reveal().await.unwrap_err();
    assert!(matches!(asked, LoginError::MergeRequired), "{asked:?}");
    assert_eq!(alice.door.store.sessions().len(), before);
    alice.door.log_in(&late()).await.expect("she is not locked out");
    assert_eq!(alice.choose(Some(ConflictResolution::Separate)).await.unwrap().member, alice.elder);
    assert_eq!(alice.door.store.members().len(), 2);
    let merged = alice.choose(Some(ConflictResolution::Merge)).await.unwrap();
    assert_eq!(merged.merged, [alice.younger]);
}

#[tokio::test]
async fn an_app_that_refuses_merges_nobody_and_locks_nobody_out() {
    let alice = Alice::with(ConflictPolicy::Refuse).await;
    for choice in [None, Some(ConflictResolution::Merge)] {
        let logged_in = alice.choose(choice).await.unwrap();
        assert_eq!((logged_in.member, logged_in.merged), (alice.elder, vec![]));
    }
    assert_eq!(alice.door.log_in(&other()).await.unwrap().member, alice.younger);
    assert_eq!(alice.door.store.identities().len(), 3, "the union id stays where it was");
    assert!(alice.door.store.audit_besides_logins().is_empty());
}

#[tokio::test]
async fn nobody_escapes_a_ban_by_becoming_someone_else() {
    for policy in [ConflictPolicy::Merge, ConflictPolicy::Ask] {
        let alice = Alice::with(policy).await;
        let now = alice.door.store.members()[0].created_at;
        alice
            .change(alice.younger, |member| member.set_status(MemberStatus::Banned, None, now))
            .await;
        let refused = alice.reveal().await.unwrap_err();
        assert!(matches!(refused, LoginError::Banned { .. }), "{refused:?}");
        assert_eq!(alice.door.store.members().len(), 2);
    }
}

#[tokio::test]
async fn two_who_have_different_union_ids_elsewhere_are_not_one_person() {
    let alice = Alice::with(ConflictPolicy::Merge).await;
    let work = alice.door.store.begin().await.unwrap();
    for (member, value) in [(alice.elder, "v1"), (alice.younger, "v2")] {
        let mut subject = other().aliases.remove(0);
        (subject.namespace, subject.value) = ("elsewhere".into(), value.into());
        work.identities().add(member, &subject, alice.door.clock.now()).await.unwrap();
    }
    work.commit().await.unwrap();
    let refused = alice.reveal().await.unwrap_err();
    assert!(matches!(refused, LoginError::UnionIdChanged(_)), "{refused:?}");
    assert_eq!(alice.door.store.members().len(), 2);
}

#[tokio::test]
async fn a_union_id_that_changes_is_refused_and_goes_on_record() {
    let door = Door::new();
    let member = door.log_in(&other()).await.unwrap().member;
    let changed = MemoryUser::person("oOther").with_union_id("u2");
    let refused = door.log_in(&changed).await.unwrap_err();
    assert!(matches!(refused, LoginError::UnionIdChanged(_)), "{refused:?}");
    let event = &door.store.audit_besides_logins()[0];
    assert_eq!((event.kind, event.member), (AuditKind::UnionIdChanged, Some(member)));
    door.log_in(&other()).await.expect("who they were before they still are");
}
