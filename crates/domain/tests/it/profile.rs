//! Profiles of members, and exchange of login codes.

use std::sync::Arc;

use domain::model::member::nickname::Nickname;
use domain::model::member::{Gender, Member, MemberId, MemberStatus, ProfileChange};
use domain::model::service_account::ServiceAccount;
use domain::model::session::claims::Caller;
use domain::ports::store::Store;
use domain::use_cases::member::access_error::MemberAccessError;
use domain::use_cases::member::get_profile::GetProfile;
use domain::use_cases::member::update_profile::UpdateProfile;
use testkit::fake::provider::MemoryUser;
use testkit::memory::MemoryStore;

use crate::harness::LoginHarness;

fn current(harness: &LoginHarness) -> Arc<GetProfile> {
    harness.use_cases.get_profile.clone()
}

fn update(harness: &LoginHarness) -> Arc<UpdateProfile> {
    harness.use_cases.update_profile.clone()
}

fn renamed(name: &str) -> ProfileChange {
    ProfileChange { nickname: Some(Nickname::parse(name).unwrap()), ..ProfileChange::default() }
}

async fn ban(store: &MemoryStore) {
    let work = store.begin().await.unwrap();
    let mut member: Member = store.members().remove(0);
    member.set_status(MemberStatus::Banned, None, member.created_at);
    work.members().update(&member).await.unwrap();
    work.commit().await.unwrap();
}

#[tokio::test]
async fn profile_returns_the_caller() {
    let harness = LoginHarness::new();
    let logged_in = harness.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let member = current(&harness).run(&harness.caller(&logged_in)).await.unwrap();
    assert_eq!(member.id, logged_in.member);
}

#[tokio::test]
async fn banned_member_cannot_read_or_change_the_profile() {
    let harness = LoginHarness::new();
    let logged_in = harness.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let caller = harness.caller(&logged_in);
    ban(&harness.store).await;
    let outcome = current(&harness).run(&caller).await;
    assert!(matches!(outcome, Err(MemberAccessError::Banned(_))), "{outcome:?}");
    let changed = update(&harness).run(&caller, renamed("Ann")).await;
    assert!(matches!(changed, Err(MemberAccessError::Banned(_))), "{changed:?}");
}

#[tokio::test]
async fn token_of_an_erased_member_is_rejected() {
    let harness = LoginHarness::new();
    let logged_in = harness.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let unknown = MemberId(uuid::Uuid::nil());
    let caller = Caller { member: unknown, ..harness.caller(&logged_in) };
    let outcome = current(&harness).run(&caller).await;
    assert!(matches!(outcome, Err(MemberAccessError::NotFound)), "{outcome:?}");
    let changed = update(&harness).run(&caller, renamed("Ann")).await;
    assert!(matches!(changed, Err(MemberAccessError::NotFound)), "{changed:?}");
}

#[tokio::test]
async fn profile_change_is_stored() {
    let harness = LoginHarness::new();
    let logged_in = harness.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let change = ProfileChange { gender: Some(Gender::Female), ..renamed("Ann") };
    let outcome = update(&harness).run(&harness.caller(&logged_in), change).await.unwrap();
    let kept = harness.store.members().remove(0);
    assert_eq!((kept.nickname.as_str(), kept.gender), ("Ann", Gender::Female));
    assert_eq!(outcome.nickname, kept.nickname);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_profile_changes_are_both_stored() {
    let harness = Arc::new(LoginHarness::new());
    let logged_in = harness.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let caller = harness.caller(&logged_in);
    let gender = ProfileChange { gender: Some(Gender::Male), ..ProfileChange::default() };
    let changes = [renamed("Ann"), gender].map(|change| {
        let harness = Arc::clone(&harness);
        let caller = caller.clone();
        tokio::spawn(async move { update(&harness).run(&caller, change).await })
    });
    for change in changes {
        change.await.unwrap().unwrap();
    }
    let kept = harness.store.members().remove(0);
    assert_eq!((kept.nickname.as_str(), kept.gender), ("Ann", Gender::Male));
}

#[tokio::test]
async fn get_openid_creates_no_member() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let identified =
        harness.use_cases.get_openid.run(None, &harness.provider.login_code(&alice)).await.unwrap();
    assert_eq!(identified.open_id, "oAlice");
    assert_eq!(identified.union_id.as_deref(), Some("u1"));
    assert!(harness.store.members().is_empty());
}

#[tokio::test]
async fn exchange_code_returns_the_session_key() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let service = ServiceAccount { name: "backend".into() };
    let code = harness.provider.login_code(&alice);
    let session = harness.use_cases.exchange_code.run(&service, Some("main"), &code).await.unwrap();
    assert_eq!(session.open_id, "oAlice");
    assert_eq!(session.session_key.map(|key| key.expose().to_owned()), alice.session_key);
}
