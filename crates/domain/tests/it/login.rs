//! Logins: members, identities and sessions.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::model::identity::{AccountKind, SubjectKind};
use domain::model::member::MemberStatus;
use domain::ports::provider::ProviderFailure;
use domain::ports::store::Store;
use domain::ports::tokens::{TokenRejected, TokenVerifier};
use domain::use_cases::login::LoginError;
use testkit::fake::provider::{MemoryCall, MemoryUser};

use crate::harness::LoginHarness;

#[tokio::test]
async fn first_login_creates_and_second_login_finds_the_member() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let first = harness.log_in_with_phone(&alice, "13800138915").await.unwrap();
    assert!(first.is_new);
    assert_eq!(first.nickname.as_str(), "好柿开花8915");
    let second = harness.log_in(&alice).await.unwrap();
    assert_eq!((second.member, second.is_new), (first.member, false));
    assert_eq!(harness.store.members().len(), 1);
    assert_eq!(harness.store.sessions().len(), 2, "each login is a session of its own");
}

#[tokio::test]
async fn openids_are_case_sensitive() {
    let harness = LoginHarness::new();
    let upper = harness.log_in(&MemoryUser::person("oABC")).await.unwrap();
    let lower = harness.log_in(&MemoryUser::person("oabc")).await.unwrap();
    assert_ne!(upper.member, lower.member);
}

#[tokio::test]
async fn login_code_is_single_use() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let first = harness.request(&alice);
    let mut second = harness.request(&alice);
    second.code = domain::model::secret::LoginCode::parse(first.code.expose()).unwrap();
    harness.login.run(first).await.unwrap();
    let error = harness.login.run(second).await.unwrap_err();
    assert!(matches!(error, LoginError::Verify(_)), "{error:?}");
}

#[tokio::test]
async fn access_token_names_member_session_and_expiry() {
    let harness = LoginHarness::new();
    let logged_in = harness.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let caller = harness.caller(&logged_in);
    assert_eq!((caller.member, caller.app.as_str()), (logged_in.member, "main"));
    assert_eq!(harness.store.sessions()[0].id, caller.session);
    harness.clock.advance(logged_in.tokens.expires_in + Duration::from_millis(1));
    let rejected = harness.tokens.verify(logged_in.tokens.access_token.expose());
    assert_eq!(rejected.unwrap_err(), TokenRejected::Expired);
}

#[tokio::test]
async fn login_with_another_phone_updates_the_phone_and_keeps_the_nickname() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    harness.log_in_with_phone(&alice, "13800138915").await.unwrap();
    let later = harness.log_in_with_phone(&alice, "13900139000").await.unwrap();
    assert_eq!(later.nickname.as_str(), "好柿开花8915");
    let member = harness.store.members().remove(0);
    assert_eq!(member.phone.unwrap().national(), "13900139000");
}

#[tokio::test]
async fn nickname_is_used_at_the_first_login_only() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    assert_eq!(harness.log_in_as(&alice, "Ann").await.unwrap().nickname.as_str(), "Ann");
    assert_eq!(harness.log_in_as(&alice, "Bea").await.unwrap().nickname.as_str(), "Ann");
}

#[tokio::test]
async fn shared_union_id_links_two_openids_to_one_member() {
    let harness = LoginHarness::new();
    let here = harness.log_in(&MemoryUser::person("oHere").with_union_id("u1")).await.unwrap();
    let there = harness.log_in(&MemoryUser::person("oThere").with_union_id("u1")).await.unwrap();
    assert_eq!((there.member, there.is_new), (here.member, false));
    assert_eq!(harness.store.identities().len(), 3);
}

#[tokio::test]
async fn late_union_id_is_attached_to_the_member() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let before = harness.log_in(&alice).await.unwrap();
    let after = harness.log_in(&alice.with_union_id("u1")).await.unwrap();
    assert_eq!(after.member, before.member);
    let kinds: HashSet<_> = harness.store.identities().into_iter().map(|(_, s)| s.kind).collect();
    assert_eq!(kinds, HashSet::from([SubjectKind::OpenId, SubjectKind::UnionId]));
}

#[tokio::test]
async fn phone_of_another_member_is_never_taken_over() {
    let harness = LoginHarness::new();
    let bob = MemoryUser::person("oBob");
    harness.log_in_with_phone(&MemoryUser::person("oAlice"), "13800138915").await.unwrap();
    let error = harness.log_in_with_phone(&bob, "13800138915").await.unwrap_err();
    assert!(matches!(error, LoginError::PhoneTaken { .. }), "{error:?}");
    assert_eq!(harness.store.members().len(), 1, "no member was created");

    harness.log_in(&bob).await.unwrap();
    let error = harness.log_in_with_phone(&bob, "13800138915").await.unwrap_err();
    assert!(matches!(error, LoginError::PhoneTaken { .. }), "known or not: {error:?}");
}

#[tokio::test]
async fn ban_holds_in_other_apps_of_the_open_platform() {
    let harness = LoginHarness::new();
    harness.log_in(&MemoryUser::person("oHere").with_union_id("u1")).await.unwrap();
    let work = harness.store.begin().await.unwrap();
    let mut member = harness.store.members().remove(0);
    member.set_status(MemberStatus::Banned, None, member.created_at);
    work.members().update(&member).await.unwrap();
    work.commit().await.unwrap();
    let error =
        harness.log_in(&MemoryUser::person("oThere").with_union_id("u1")).await.unwrap_err();
    assert!(matches!(error, LoginError::Banned { .. }), "{error:?}");
}

#[tokio::test]
async fn guest_account_creates_no_member() {
    let harness = LoginHarness::new();
    let visitor = MemoryUser { account_kind: AccountKind::Guest, ..MemoryUser::person("oGuest") };
    assert!(matches!(harness.log_in(&visitor).await, Err(LoginError::GuestAccount)));
    assert!(harness.store.members().is_empty());
}

#[tokio::test]
async fn failed_login_does_not_redeem_the_phone_code() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    harness.provider.fail_next(ProviderFailure::CodeInvalid);
    harness.log_in_with_phone(&alice, "13800138915").await.unwrap_err();
    assert_eq!(harness.provider.calls(), [MemoryCall::Login]);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousand_concurrent_first_logins_yield_one_member() {
    let harness = Arc::new(LoginHarness::new());
    let alice = MemoryUser::person("oAlice");
    let logins: Vec<_> = (0..1_000)
        .map(|_| {
            let harness = Arc::clone(&harness);
            let alice = alice.clone();
            tokio::spawn(async move { harness.log_in_with_phone(&alice, "13800138915").await })
        })
        .collect();
    let mut new = 0;
    for login in logins {
        new += u32::from(login.await.unwrap().unwrap().is_new);
    }
    assert_eq!((new, harness.store.members().len(), harness.store.identities().len()), (1, 1, 1));
}
