//! What members learn and change of themselves, and what back ends learn of a code.

use std::sync::Arc;

use domain::model::member::nickname::Nickname;
use domain::model::member::{Gender, Member, MemberId, MemberStatus, ProfileChange};
use domain::model::service_account::ServiceAccount;
use domain::model::session::claims::Caller;
use domain::ports::store::Store;
use domain::use_cases::member::get_profile::{GetProfile, GetProfileError};
use domain::use_cases::member::update_profile::{UpdateProfile, UpdateProfileError};
use testkit::fake::provider::MemoryUser;
use testkit::memory::MemoryStore;

use crate::door::Door;

fn current(door: &Door) -> Arc<GetProfile> {
    door.use_cases.get_profile.clone()
}

fn update(door: &Door) -> Arc<UpdateProfile> {
    door.use_cases.update_profile.clone()
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
async fn a_caller_is_told_who_they_are() {
    let door = Door::new();
    let logged_in = door.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let member = current(&door).run(&door.caller(&logged_in)).await.unwrap();
    assert_eq!(member.id, logged_in.member);
}

#[tokio::test]
async fn a_banned_member_is_told_and_changes_nothing_though_the_token_is_good() {
    let door = Door::new();
    let logged_in = door.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let caller = door.caller(&logged_in);
    ban(&door.store).await;
    let told = current(&door).run(&caller).await;
    assert!(matches!(told, Err(GetProfileError::Banned(_))), "{told:?}");
    let changed = update(&door).run(&caller, renamed("Ann")).await;
    assert!(matches!(changed, Err(UpdateProfileError::Banned(_))), "{changed:?}");
}

#[tokio::test]
async fn the_token_of_a_member_who_is_no_more_opens_nothing() {
    let door = Door::new();
    let logged_in = door.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let nobody = MemberId(uuid::Uuid::nil());
    let caller = Caller { member: nobody, ..door.caller(&logged_in) };
    let told = current(&door).run(&caller).await;
    assert!(matches!(told, Err(GetProfileError::NotFound)), "{told:?}");
    let changed = update(&door).run(&caller, renamed("Ann")).await;
    assert!(matches!(changed, Err(UpdateProfileError::NotFound)), "{changed:?}");
}

#[tokio::test]
async fn a_profile_change_is_kept() {
    let door = Door::new();
    let logged_in = door.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let change = ProfileChange { gender: Some(Gender::Female), ..renamed("Ann") };
    let told = update(&door).run(&door.caller(&logged_in), change).await.unwrap();
    let kept = door.store.members().remove(0);
    assert_eq!((kept.nickname.as_str(), kept.gender), ("Ann", Gender::Female));
    assert_eq!(told.nickname, kept.nickname);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_time_do_not_undo_each_other() {
    let door = Arc::new(Door::new());
    let logged_in = door.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    let caller = door.caller(&logged_in);
    let gender = ProfileChange { gender: Some(Gender::Male), ..ProfileChange::default() };
    let changes = [renamed("Ann"), gender].map(|change| {
        let door = Arc::clone(&door);
        let caller = caller.clone();
        tokio::spawn(async move { update(&door).run(&caller, change).await })
    });
    for change in changes {
        change.await.unwrap().unwrap();
    }
    let kept = door.store.members().remove(0);
    assert_eq!((kept.nickname.as_str(), kept.gender), ("Ann", Gender::Male));
}

#[tokio::test]
async fn identifying_makes_no_member() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    let identified =
        door.use_cases.get_openid.run(None, &door.provider.login_code(&alice)).await.unwrap();
    assert_eq!(identified.open_id, "oAlice");
    assert_eq!(identified.union_id.as_deref(), Some("u1"));
    assert!(door.store.members().is_empty());
}

#[tokio::test]
async fn a_service_gets_the_session_key() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let service = ServiceAccount { name: "backend".into() };
    let code = door.provider.login_code(&alice);
    let session = door.use_cases.exchange_code.run(&service, Some("main"), &code).await.unwrap();
    assert_eq!(session.open_id, "oAlice");
    assert_eq!(session.session_key.map(|key| key.expose().to_owned()), alice.session_key);
}
