//! Who comes in, as whom, and what is kept of it.

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

use crate::door::Door;

#[tokio::test]
async fn a_first_login_makes_the_member_and_a_second_one_finds_them() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let first = door.log_in_with_phone(&alice, "13800138915").await.unwrap();
    assert!(first.is_new);
    assert_eq!(first.nickname.as_str(), "好柿开花8915");
    let second = door.log_in(&alice).await.unwrap();
    assert_eq!((second.member, second.is_new), (first.member, false));
    assert_eq!(door.store.members().len(), 1);
    assert_eq!(door.store.sessions().len(), 2, "each login is a session of its own");
}

#[tokio::test]
async fn openids_that_differ_in_case_are_different_people() {
    let door = Door::new();
    let upper = door.log_in(&MemoryUser::person("oABC")).await.unwrap();
    let lower = door.log_in(&MemoryUser::person("oabc")).await.unwrap();
    assert_ne!(upper.member, lower.member);
}

#[tokio::test]
async fn a_login_code_works_once() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let first = door.request(&alice);
    let mut second = door.request(&alice);
    second.code = domain::model::secret::LoginCode::parse(first.code.expose()).unwrap();
    door.login.run(first).await.unwrap();
    let error = door.login.run(second).await.unwrap_err();
    assert!(matches!(error, LoginError::Verify(_)), "{error:?}");
}

#[tokio::test]
async fn the_token_says_who_and_for_how_long() {
    let door = Door::new();
    let logged_in = door.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let caller = door.caller(&logged_in);
    assert_eq!((caller.member, caller.app.as_str()), (logged_in.member, "main"));
    assert_eq!(door.store.sessions()[0].id, caller.session);
    door.clock.advance(logged_in.tokens.expires_in + Duration::from_millis(1));
    let rejected = door.tokens.verify(logged_in.tokens.access_token.expose());
    assert_eq!(rejected.unwrap_err(), TokenRejected::Expired);
}

#[tokio::test]
async fn another_phone_number_replaces_the_old_one_and_the_nickname_stays() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    door.log_in_with_phone(&alice, "13800138915").await.unwrap();
    let later = door.log_in_with_phone(&alice, "13900139000").await.unwrap();
    assert_eq!(later.nickname.as_str(), "好柿开花8915");
    let member = door.store.members().remove(0);
    assert_eq!(member.phone.unwrap().national(), "13900139000");
}

#[tokio::test]
async fn a_nickname_counts_at_the_first_login_only() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    assert_eq!(door.log_in_as(&alice, "Ann").await.unwrap().nickname.as_str(), "Ann");
    assert_eq!(door.log_in_as(&alice, "Bea").await.unwrap().nickname.as_str(), "Ann");
}

#[tokio::test]
async fn a_union_id_joins_two_openids_in_one_member() {
    let door = Door::new();
    let here = door.log_in(&MemoryUser::person("oHere").with_union_id("u1")).await.unwrap();
    let there = door.log_in(&MemoryUser::person("oThere").with_union_id("u1")).await.unwrap();
    assert_eq!((there.member, there.is_new), (here.member, false));
    assert_eq!(door.store.identities().len(), 3);
}

#[tokio::test]
async fn a_union_id_that_comes_late_is_attached() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let before = door.log_in(&alice).await.unwrap();
    let after = door.log_in(&alice.with_union_id("u1")).await.unwrap();
    assert_eq!(after.member, before.member);
    let kinds: HashSet<_> = door.store.identities().into_iter().map(|(_, s)| s.kind).collect();
    assert_eq!(kinds, HashSet::from([SubjectKind::OpenId, SubjectKind::UnionId]));
}

#[tokio::test]
async fn a_phone_number_of_another_member_is_never_taken_over() {
    let door = Door::new();
    let bob = MemoryUser::person("oBob");
    door.log_in_with_phone(&MemoryUser::person("oAlice"), "13800138915").await.unwrap();
    let error = door.log_in_with_phone(&bob, "13800138915").await.unwrap_err();
    assert!(matches!(error, LoginError::PhoneTaken { .. }), "{error:?}");
    assert_eq!(door.store.members().len(), 1, "nobody was made");

    door.log_in(&bob).await.unwrap();
    let error = door.log_in_with_phone(&bob, "13800138915").await.unwrap_err();
    assert!(matches!(error, LoginError::PhoneTaken { .. }), "known or not: {error:?}");
}

#[tokio::test]
async fn a_ban_holds_through_another_app_of_the_same_owner() {
    let door = Door::new();
    door.log_in(&MemoryUser::person("oHere").with_union_id("u1")).await.unwrap();
    let work = door.store.begin().await.unwrap();
    let mut member = door.store.members().remove(0);
    member.set_status(MemberStatus::Banned, None, member.created_at);
    work.members().update(&member).await.unwrap();
    work.commit().await.unwrap();
    let error = door.log_in(&MemoryUser::person("oThere").with_union_id("u1")).await.unwrap_err();
    assert!(matches!(error, LoginError::Banned { .. }), "{error:?}");
}

#[tokio::test]
async fn a_visitor_is_not_kept() {
    let door = Door::new();
    let visitor = MemoryUser { standing: AccountKind::Guest, ..MemoryUser::person("oGuest") };
    assert!(matches!(door.log_in(&visitor).await, Err(LoginError::GuestAccount)));
    assert!(door.store.members().is_empty());
}

#[tokio::test]
async fn a_bad_login_never_spends_a_phone_code() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    door.provider.fail_next(ProviderFailure::CodeInvalid);
    door.log_in_with_phone(&alice, "13800138915").await.unwrap_err();
    assert_eq!(door.provider.calls(), [MemoryCall::Login]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_first_logins_of_one_openid_are_one_member() {
    let door = Arc::new(Door::new());
    let alice = MemoryUser::person("oAlice");
    let logins: Vec<_> = (0..1_000)
        .map(|_| {
            let door = Arc::clone(&door);
            let alice = alice.clone();
            tokio::spawn(async move { door.log_in_with_phone(&alice, "13800138915").await })
        })
        .collect();
    let mut new = 0;
    for login in logins {
        new += u32::from(login.await.unwrap().unwrap().is_new);
    }
    assert_eq!((new, door.store.members().len(), door.store.identities().len()), (1, 1, 1));
}
