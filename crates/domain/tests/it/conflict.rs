//! Conflicts of two members with one union id: merge, ask, refuse, and the audit of each.

use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::model::identity::conflict_policy::{ConflictPolicy, ConflictResolution};
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::{Member, MemberId, MemberStatus};
use domain::ports::store::Store;
use domain::use_cases::login::LoginError;
use domain::use_cases::member::ban::StatusChange;
use testkit::fake::provider::MemoryUser;

use crate::harness::LoginHarness;

/// Two members of one person, Alice: the provider reveals her union id only later.
struct ConflictHarness {
    harness: LoginHarness,
    elder: MemberId,
    younger: MemberId,
}

fn late() -> MemoryUser {
    MemoryUser::person("oLate")
}

fn other() -> MemoryUser {
    MemoryUser::person("oOther").with_union_id("u1")
}

impl ConflictHarness {
    async fn with(on_conflict: ConflictPolicy) -> Self {
        let harness = LoginHarness::with(on_conflict);
        let elder = harness.log_in(&late()).await.unwrap().member;
        harness.clock.advance(Duration::from_secs(1));
        let younger = harness.log_in(&other()).await.unwrap().member;
        harness.clock.advance(Duration::from_secs(1));
        Self { harness, elder, younger }
    }

    /// Logs in with the union id that reveals the conflict.
    async fn reveal(&self) -> Result<LoggedIn, LoginError> {
        self.choose(None).await
    }

    async fn choose(
        &self,
        on_conflict: Option<ConflictResolution>,
    ) -> Result<LoggedIn, LoginError> {
        let request = self.harness.request(&late().with_union_id("u1"));
        self.harness.login.run(LoginRequest { on_conflict, ..request }).await
    }

    async fn change(&self, id: MemberId, change: impl FnOnce(&mut Member)) {
        let work = self.harness.store.begin().await.unwrap();
        let mut member = work.members().find(id).await.unwrap().unwrap();
        change(&mut member);
        work.members().update(&member).await.unwrap();
        work.commit().await.unwrap();
    }

    fn member(&self, id: MemberId) -> Member {
        self.harness.store.members().into_iter().find(|member| member.id == id).unwrap()
    }
}

#[tokio::test]
async fn merge_keeps_the_older_member_and_is_audited() {
    let alice = ConflictHarness::with(ConflictPolicy::Merge).await;
    let merged = alice.reveal().await.unwrap();
    assert_eq!((merged.member, merged.merged), (alice.elder, vec![alice.younger]));
    let store = &alice.harness.store;
    assert_eq!(store.members().len(), 1);
    assert!(store.identities().iter().all(|(owner, _)| *owner == alice.elder));
    assert_eq!(store.identities().len(), 3);
    assert!(store.sessions().iter().all(|session| session.member == alice.elder));
    let event = &store.audit_without_logins()[0];
    let audited = (event.kind, event.member, event.merged_member);
    assert_eq!(audited, (AuditKind::Merged, Some(alice.elder), Some(alice.younger)));
    // Later logins through either app do not merge again.
    for user in [late(), other(), late().with_union_id("u1")] {
        let logged_in = alice.harness.log_in(&user).await.unwrap();
        assert_eq!((logged_in.member, logged_in.merged), (alice.elder, vec![]));
    }
}

#[tokio::test]
async fn merge_keeps_the_older_member() {
    let harness = LoginHarness::new();
    let elder = harness.log_in(&other()).await.unwrap().member;
    harness.clock.advance(Duration::from_secs(1));
    let younger = harness.log_in(&late()).await.unwrap().member;
    let merged = harness.log_in(&late().with_union_id("u1")).await.unwrap();
    assert_eq!((merged.member, merged.merged), (elder, vec![younger]));
}

#[tokio::test]
async fn merge_keeps_data_that_only_the_newer_member_has() {
    let alice = ConflictHarness::with(ConflictPolicy::Merge).await;
    alice.harness.log_in_with_phone(&other(), "13800138915").await.unwrap();
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
async fn merge_policy_asks_when_a_phone_would_be_lost() {
    for (choice, left) in [(ConflictResolution::Merge, 1), (ConflictResolution::Separate, 2)] {
        let alice = ConflictHarness::with(ConflictPolicy::Merge).await;
        alice.harness.log_in_with_phone(&late(), "13800138915").await.unwrap();
        alice.harness.log_in_with_phone(&other(), "13900139000").await.unwrap();
        let asked = alice.reveal().await.unwrap_err();
        assert!(matches!(asked, LoginError::MergeRequired), "{asked:?}");
        assert_eq!(alice.harness.store.members().len(), 2);
        let logged_in = alice.choose(Some(choice)).await.unwrap();
        assert_eq!((logged_in.member, alice.harness.store.members().len()), (alice.elder, left));
        let phone = alice.member(alice.elder).phone.unwrap();
        assert_eq!(phone.national(), "13800138915");
    }
}

#[tokio::test]
async fn ask_policy_waits_for_the_resolution() {
    let alice = ConflictHarness::with(ConflictPolicy::Ask).await;
    let before = alice.harness.store.sessions().len();
    let asked = alice.reveal().await.unwrap_err();
    assert!(matches!(asked, LoginError::MergeRequired), "{asked:?}");
    assert_eq!(alice.harness.store.sessions().len(), before);
    alice.harness.log_in(&late()).await.expect("she is not locked out");
    assert_eq!(alice.choose(Some(ConflictResolution::Separate)).await.unwrap().member, alice.elder);
    assert_eq!(alice.harness.store.members().len(), 2);
    let merged = alice.choose(Some(ConflictResolution::Merge)).await.unwrap();
    assert_eq!(merged.merged, [alice.younger]);
}

#[tokio::test]
async fn refuse_policy_neither_merges_nor_rejects_logins() {
    let alice = ConflictHarness::with(ConflictPolicy::Refuse).await;
    for choice in [None, Some(ConflictResolution::Merge)] {
        let logged_in = alice.choose(choice).await.unwrap();
        assert_eq!((logged_in.member, logged_in.merged), (alice.elder, vec![]));
    }
    assert_eq!(alice.harness.log_in(&other()).await.unwrap().member, alice.younger);
    assert_eq!(alice.harness.store.identities().len(), 3, "the union id stays where it was");
    assert!(alice.harness.store.audit_without_logins().is_empty());
}

#[tokio::test]
async fn ban_survives_merge() {
    for policy in [ConflictPolicy::Merge, ConflictPolicy::Ask] {
        let alice = ConflictHarness::with(policy).await;
        let now = alice.harness.store.members()[0].created_at;
        alice
            .change(alice.younger, |member| member.set_status(MemberStatus::Banned, None, now))
            .await;
        let refused = alice.reveal().await.unwrap_err();
        assert!(matches!(refused, LoginError::Banned { .. }), "{refused:?}");
        assert_eq!(alice.harness.store.members().len(), 2);
    }
}

/// A ban of one member applies to the other one, whom the provider reports as the same person, although the
/// two stay separate.
#[tokio::test]
async fn ban_applies_to_separate_members_of_one_person() {
    for (policy, choice) in
        [(ConflictPolicy::Ask, Some(ConflictResolution::Separate)), (ConflictPolicy::Refuse, None)]
    {
        let alice = ConflictHarness::with(policy).await;
        let now = alice.harness.clock.now();
        alice
            .change(alice.younger, |member| member.set_status(MemberStatus::Banned, None, now))
            .await;
        let refused = alice.choose(choice).await.unwrap_err();
        let banned = LoginError::Banned { member: Some(alice.younger) };
        assert_eq!(format!("{refused:?}"), format!("{banned:?}"));
    }
}

/// A ban outlives the erasure of the member also for a known member to whom the provider assigns one of the
/// subjects later.
#[tokio::test]
async fn tombstone_of_a_union_id_applies_to_a_known_member() {
    let alice = ConflictHarness::with(ConflictPolicy::Merge).await;
    let use_cases = &alice.harness.use_cases;
    let ban = StatusChange::ban(alice.younger, None);
    use_cases.ban_member.set_status(&ban).await.unwrap();
    use_cases.erase_member.run(alice.younger, None).await.unwrap();
    let refused = alice.reveal().await.unwrap_err();
    assert!(matches!(refused, LoginError::Banned { member: None }), "{refused:?}");
}

#[tokio::test]
async fn different_union_ids_are_never_merged() {
    let alice = ConflictHarness::with(ConflictPolicy::Merge).await;
    let work = alice.harness.store.begin().await.unwrap();
    for (member, value) in [(alice.elder, "v1"), (alice.younger, "v2")] {
        let mut subject = other().aliases.remove(0);
        (subject.namespace, subject.value) = ("elsewhere".into(), value.into());
        work.identities().add(member, &subject, alice.harness.clock.now()).await.unwrap();
    }
    work.commit().await.unwrap();
    let refused = alice.reveal().await.unwrap_err();
    assert!(matches!(refused, LoginError::UnionIdChanged(_)), "{refused:?}");
    assert_eq!(alice.harness.store.members().len(), 2);
}

#[tokio::test]
async fn changed_union_id_is_refused_and_audited() {
    let harness = LoginHarness::new();
    let member = harness.log_in(&other()).await.unwrap().member;
    let changed = MemoryUser::person("oOther").with_union_id("u2");
    let refused = harness.log_in(&changed).await.unwrap_err();
    assert!(matches!(refused, LoginError::UnionIdChanged(_)), "{refused:?}");
    let event = &harness.store.audit_without_logins()[0];
    assert_eq!((event.kind, event.member), (AuditKind::UnionIdChanged, Some(member)));
    harness.log_in(&other()).await.expect("who they were before they still are");
}
