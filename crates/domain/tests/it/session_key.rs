//! Session keys: stored sealed if the app is configured so, and used without being disclosed.

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
use domain::use_cases::member::access_error::MemberAccessError;
use domain::use_cases::member::bind_phone::{BindPhone, BindPhoneError, PhoneProofInput};
use domain::use_cases::provider::use_session_key::{UseSessionKey, UseSessionKeyError, UserRef};
use testkit::fake::provider::{MemoryCall, MemoryUser};
use testkit::fake::session_keys::MemoryKeySeal;

use crate::harness::LoginHarness;

fn alice() -> MemoryUser {
    MemoryUser::person("oAlice")
}

/// Returns Alice with another session key.
fn alice_with_another_key() -> MemoryUser {
    MemoryUser { session_key: Some("another-key".into()), ..alice() }
}

fn phone() -> PhoneNumber {
    PhoneNumber::new(86, "13800138915").unwrap()
}

async fn stored_key(harness: &LoginHarness) -> Option<SealedSessionKey> {
    harness.store.find_session_key(&alice().login).await.unwrap()
}

fn bind_phone(harness: &LoginHarness) -> Arc<BindPhone> {
    harness.use_cases.bind_phone.clone()
}

fn use_session_key(harness: &LoginHarness) -> Arc<UseSessionKey> {
    harness.use_cases.use_session_key.clone()
}

fn user_ref() -> UserRef {
    UserRef { app: None, open_id: "oAlice".into() }
}

fn service() -> ServiceAccount {
    ServiceAccount { name: "backend".into() }
}

async fn log_in(harness: &LoginHarness) -> (LoggedIn, Caller) {
    let logged_in = harness.log_in(&alice()).await.unwrap();
    let caller = harness.caller(&logged_in);
    (logged_in, caller)
}

#[tokio::test]
async fn login_stores_the_session_key_sealed() {
    let harness = LoginHarness::new();
    log_in(&harness).await;
    let first = stored_key(&harness).await.unwrap();
    assert_eq!(first.obtained_at, harness.clock.now());
    assert!(!String::from_utf8_lossy(&first.sealed).contains("session-key"));
    harness.clock.advance(Duration::from_secs(1));
    harness.log_in(&alice_with_another_key()).await.unwrap();
    let second = stored_key(&harness).await.unwrap();
    assert_eq!(second.obtained_at, harness.clock.now());
    let opened = MemoryKeySeal.open(&alice().login, &second.sealed).unwrap();
    assert_eq!(opened.expose(), "another-key");
}

#[tokio::test]
async fn login_without_session_key_keeps_the_previous_one() {
    let harness = LoginHarness::new();
    log_in(&harness).await;
    let before = stored_key(&harness).await;
    harness.log_in(&MemoryUser { session_key: None, ..alice() }).await.unwrap();
    assert_eq!(stored_key(&harness).await, before);
}

#[tokio::test]
async fn session_keys_are_stored_only_where_the_app_asks() {
    let harness = LoginHarness::without_session_keys();
    log_in(&harness).await;
    assert_eq!(stored_key(&harness).await, None);
    let refused = use_session_key(&harness).check(&service(), &user_ref()).await;
    assert!(matches!(refused, Err(UseSessionKeyError::NotKept)), "{refused:?}");
}

#[tokio::test]
async fn unreplaced_session_key_expires() {
    let harness = LoginHarness::new();
    log_in(&harness).await;
    let cleanup = harness.cleanup();
    harness.clock.advance(SESSION_KEY_TTL.checked_sub(Duration::from_millis(1)).unwrap());
    cleanup.run().await.unwrap();
    assert!(stored_key(&harness).await.is_some());
    harness.clock.advance(Duration::from_millis(1));
    cleanup.run().await.unwrap();
    assert_eq!(stored_key(&harness).await, None);
}

#[tokio::test]
async fn phone_change_is_audited_without_the_number() {
    let harness = LoginHarness::new();
    let (logged_in, caller) = log_in(&harness).await;
    let data = harness.provider.encrypted_phone(&alice(), &phone());
    for (evidence, events) in [
        (PhoneProofInput::Code(harness.provider.phone_code(&alice(), &phone())), 1),
        (PhoneProofInput::Encrypted(data), 1),
    ] {
        let member = bind_phone(&harness).run(&caller, &evidence).await.unwrap();
        assert_eq!(member.phone, Some(phone()));
        assert_eq!(
            harness.store.audit_without_logins().len(),
            events,
            "the same number is no change"
        );
    }
    let event = harness.store.audit_without_logins().remove(0);
    let audited = (event.kind, event.member, event.session, event.merged_member);
    assert_eq!(
        audited,
        (AuditKind::PhoneChanged, Some(logged_in.member), Some(caller.session), None)
    );
    harness.log_in_with_phone(&alice(), "13900139016").await.unwrap();
    let event = harness.store.audit_without_logins().remove(1);
    assert_eq!((event.kind, event.member), (AuditKind::PhoneChanged, Some(logged_in.member)));
}

#[tokio::test]
async fn phone_is_bound_only_for_active_members_of_the_app() {
    let harness = LoginHarness::new();
    let (_, caller) = log_in(&harness).await;
    let code = || PhoneProofInput::Code(harness.provider.phone_code(&alice(), &phone()));
    let unknown = Caller { member: MemberId(uuid::Uuid::nil()), ..caller.clone() };
    let app = domain::model::app::name::AppName::parse("gone").unwrap();
    for other in [unknown, Caller { app, ..caller.clone() }] {
        let refused = bind_phone(&harness).run(&other, &code()).await;
        assert!(
            matches!(refused, Err(BindPhoneError::Access(MemberAccessError::NotFound))),
            "{refused:?}"
        );
    }
    assert_eq!(harness.provider.calls(), [MemoryCall::Login], "no code was spent");
    let work = harness.store.begin().await.unwrap();
    let mut member = harness.store.members().remove(0);
    member.set_status(MemberStatus::Banned, None, member.created_at);
    work.members().update(&member).await.unwrap();
    work.commit().await.unwrap();
    let refused = bind_phone(&harness).run(&caller, &code()).await;
    assert!(
        matches!(refused, Err(BindPhoneError::Access(MemberAccessError::Banned(_)))),
        "{refused:?}"
    );
    assert_eq!(harness.store.members().remove(0).phone, None);
}

#[tokio::test]
async fn undecryptable_session_key_counts_as_missing() {
    let harness = LoginHarness::new();
    log_in(&harness).await;
    let other = SessionKey::new("key".into());
    let sealed = MemoryKeySeal.seal(&MemoryUser::person("oBob").login, &other);
    let damaged = SealedSessionKey { sealed, ..stored_key(&harness).await.unwrap() };
    let work = harness.store.begin().await.unwrap();
    work.session_keys().upsert(&damaged).await.unwrap();
    work.commit().await.unwrap();
    let used = use_session_key(&harness);
    let refused = used.check(&service(), &user_ref()).await;
    assert!(matches!(refused, Err(UseSessionKeyError::NoKey)), "{refused:?}");
    log_in(&harness).await;
    assert!(used.check(&service(), &user_ref()).await.unwrap());
}

#[tokio::test]
async fn rotated_session_key_replaces_the_stored_one() {
    let harness = LoginHarness::new();
    log_in(&harness).await;
    let used = use_session_key(&harness);
    let before = stored_key(&harness).await.unwrap();
    harness.clock.advance(Duration::from_secs(1));
    used.reset(&service(), &user_ref()).await.unwrap();
    let after = stored_key(&harness).await.unwrap();
    assert_ne!(before.sealed, after.sealed);
    assert_eq!(after.obtained_at, harness.clock.now());
    assert!(used.check(&service(), &user_ref()).await.unwrap());
    harness.provider.rotate_key(&alice().login);
    assert!(!used.check(&service(), &user_ref()).await.unwrap());
    let refused = used.reset(&service(), &user_ref()).await;
    assert!(matches!(refused, Err(UseSessionKeyError::NoKey)), "{refused:?}");
    assert_eq!(stored_key(&harness).await, Some(after));
}
