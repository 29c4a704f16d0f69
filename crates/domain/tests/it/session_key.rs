//! Session keys: kept where an app wants them, sealed, and used without being shown.

use std::sync::Arc;
use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::model::login::LoggedIn;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{MemberId, MemberStatus};
use domain::model::provider::session_key::{SESSION_KEY_TTL, SealedSessionKey};
use domain::model::secret::SessionKey;
use domain::model::service_account::ServiceAccount;
use domain::model::session::claims::Caller;
use domain::ports::session_keys::SessionKeySeal;
use domain::ports::store::Store;
use domain::ports::store::session_keys::SessionKeyReader;
use domain::use_cases::member::bind_phone::{BindPhone, BindPhoneError, PhoneProofInput};
use domain::use_cases::provider::use_session_key::{UseSessionKey, UseSessionKeyError, UserRef};
use testkit::fake::provider::{MemoryCall, MemoryUser};
use testkit::fake::session_keys::MemoryKeySeal;

use crate::door::Door;

fn alice() -> MemoryUser {
    MemoryUser::person("oAlice")
}

/// Alice with another session key.
fn later() -> MemoryUser {
    MemoryUser { session_key: Some("another-key".into()), ..alice() }
}

fn phone() -> PhoneNumber {
    PhoneNumber::new(86, "13800138915").unwrap()
}

async fn kept(door: &Door) -> Option<SealedSessionKey> {
    door.store.find_session_key(&alice().login).await.unwrap()
}

fn bind_phone(door: &Door) -> Arc<BindPhone> {
    door.use_cases.bind_phone.clone()
}

fn use_session_key(door: &Door) -> Arc<UseSessionKey> {
    door.use_cases.use_session_key.clone()
}

fn named() -> UserRef {
    UserRef { app: None, open_id: "oAlice".into() }
}

fn service() -> ServiceAccount {
    ServiceAccount { name: "backend".into() }
}

async fn log_in(door: &Door) -> (LoggedIn, Caller) {
    let logged_in = door.log_in(&alice()).await.unwrap();
    let caller = door.caller(&logged_in);
    (logged_in, caller)
}

#[tokio::test]
async fn each_login_keeps_the_key_it_was_told_sealed() {
    let door = Door::new();
    log_in(&door).await;
    let first = kept(&door).await.unwrap();
    assert_eq!(first.obtained_at, door.clock.now());
    assert!(!String::from_utf8_lossy(&first.sealed).contains("session-key"));
    door.clock.advance(Duration::from_secs(1));
    door.log_in(&later()).await.unwrap();
    let second = kept(&door).await.unwrap();
    assert_eq!(second.obtained_at, door.clock.now());
    let opened = MemoryKeySeal.open(&alice().login, &second.sealed).unwrap();
    assert_eq!(opened.expose(), "another-key");
}

#[tokio::test]
async fn a_key_that_is_told_no_more_leaves_the_one_before() {
    let door = Door::new();
    log_in(&door).await;
    let before = kept(&door).await;
    door.log_in(&MemoryUser { session_key: None, ..alice() }).await.unwrap();
    assert_eq!(kept(&door).await, before);
}

#[tokio::test]
async fn an_app_that_does_not_ask_for_it_keeps_no_key() {
    let door = Door::keeping_no_keys();
    log_in(&door).await;
    assert_eq!(kept(&door).await, None);
    let refused = use_session_key(&door).check(&service(), &named()).await;
    assert!(matches!(refused, Err(UseSessionKeyError::NotKept)), "{refused:?}");
}

#[tokio::test]
async fn a_key_that_no_login_replaced_is_forgotten_in_the_end() {
    let door = Door::new();
    log_in(&door).await;
    let housekeeping = door.housekeeping();
    door.clock.advance(SESSION_KEY_TTL.checked_sub(Duration::from_millis(1)).unwrap());
    housekeeping.run().await.unwrap();
    assert!(kept(&door).await.is_some());
    door.clock.advance(Duration::from_millis(1));
    housekeeping.run().await.unwrap();
    assert_eq!(kept(&door).await, None);
}

#[tokio::test]
async fn a_changed_phone_number_goes_on_record_without_the_number() {
    let door = Door::new();
    let (logged_in, caller) = log_in(&door).await;
    let data = door.provider.encrypted_phone(&alice(), &phone());
    for (evidence, events) in [
        (PhoneProofInput::Code(door.provider.phone_code(&alice(), &phone())), 1),
        (PhoneProofInput::Encrypted(data), 1),
    ] {
        let member = bind_phone(&door).run(&caller, &evidence).await.unwrap();
        assert_eq!(member.phone, Some(phone()));
        assert_eq!(door.store.audit_besides_logins().len(), events, "the same number is no change");
    }
    let event = door.store.audit_besides_logins().remove(0);
    let told = (event.kind, event.member, event.session, event.merged_member);
    assert_eq!(told, (AuditKind::PhoneChanged, Some(logged_in.member), Some(caller.session), None));
    door.log_in_with_phone(&alice(), "13900139016").await.unwrap();
    let event = door.store.audit_besides_logins().remove(1);
    assert_eq!((event.kind, event.member), (AuditKind::PhoneChanged, Some(logged_in.member)));
}

#[tokio::test]
async fn a_number_is_bound_for_nobody_but_an_active_member_of_the_app() {
    let door = Door::new();
    let (_, caller) = log_in(&door).await;
    let code = || PhoneProofInput::Code(door.provider.phone_code(&alice(), &phone()));
    let nobody = Caller { member: MemberId(uuid::Uuid::nil()), ..caller.clone() };
    let app = domain::model::app::name::AppName::parse("gone").unwrap();
    for stranger in [nobody, Caller { app, ..caller.clone() }] {
        let refused = bind_phone(&door).run(&stranger, &code()).await;
        assert!(matches!(refused, Err(BindPhoneError::NotFound)), "{refused:?}");
    }
    assert_eq!(door.provider.calls(), [MemoryCall::Login], "no code was spent");
    let work = door.store.begin().await.unwrap();
    let mut member = door.store.members().remove(0);
    member.set_status(MemberStatus::Banned, None, member.created_at);
    work.members().update(&member).await.unwrap();
    work.commit().await.unwrap();
    let refused = bind_phone(&door).run(&caller, &code()).await;
    assert!(matches!(refused, Err(BindPhoneError::Banned(_))), "{refused:?}");
    assert_eq!(door.store.members().remove(0).phone, None);
}

#[tokio::test]
async fn a_key_that_does_not_open_counts_as_none_until_the_next_login() {
    let door = Door::new();
    log_in(&door).await;
    let other = SessionKey::new("key".into());
    let sealed = MemoryKeySeal.seal(&MemoryUser::person("oBob").login, &other);
    let damaged = SealedSessionKey { sealed, ..kept(&door).await.unwrap() };
    let work = door.store.begin().await.unwrap();
    work.session_keys().keep(&damaged).await.unwrap();
    work.commit().await.unwrap();
    let used = use_session_key(&door);
    let refused = used.check(&service(), &named()).await;
    assert!(matches!(refused, Err(UseSessionKeyError::NoKey)), "{refused:?}");
    log_in(&door).await;
    assert!(used.check(&service(), &named()).await.unwrap());
}

#[tokio::test]
async fn a_replaced_key_is_kept_in_place_of_the_one_before() {
    let door = Door::new();
    log_in(&door).await;
    let used = use_session_key(&door);
    let before = kept(&door).await.unwrap();
    door.clock.advance(Duration::from_secs(1));
    used.reset(&service(), &named()).await.unwrap();
    let after = kept(&door).await.unwrap();
    assert_ne!(before.sealed, after.sealed);
    assert_eq!(after.obtained_at, door.clock.now());
    assert!(used.check(&service(), &named()).await.unwrap());
    door.provider.rotate_key(&alice().login);
    assert!(!used.check(&service(), &named()).await.unwrap());
    let refused = used.reset(&service(), &named()).await;
    assert!(matches!(refused, Err(UseSessionKeyError::NoKey)), "{refused:?}");
    assert_eq!(kept(&door).await, Some(after));
}
