//! Message pushes of the provider, and the withdrawals in them.

use std::sync::Arc;

use domain::model::app::name::AppName;
use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::avatar::Avatar;
use domain::model::member::withdrawn_data::WithdrawnData;
use domain::model::member::{Member, MemberId};
use domain::model::provider::withdrawal::Withdrawal;
use domain::ports::app::App;
use domain::ports::pushes::MockPushReader;
use domain::ports::pushes::{Push, PushRejected, PushSignature};
use domain::ports::store::Store;
use domain::ports::store::members::MemberReader;
use domain::ports::store::pushes::WithdrawalReader;
use domain::ports::store::sessions::SessionLister;
use domain::use_cases::app::registry::AppRegistry;
use domain::use_cases::login::LoginError;
use domain::use_cases::member::ban::StatusChange;
use domain::use_cases::ports::Ports;
use domain::use_cases::provider::receive_push::{ReceivePush, ReceivePushError};
use testkit::fake::provider::MemoryUser;
use testkit::fake::random::FixedRandom;

use crate::harness::LoginHarness;

fn main() -> AppName {
    AppName::parse("main").unwrap()
}

fn alice() -> Subject {
    Subject { namespace: "memory".into(), kind: SubjectKind::OpenId, value: "oAlice".into() }
}

/// Returns the use case with a reader for which every message withdraws Alice's phone number.
fn receive(harness: &LoginHarness) -> ReceivePush {
    let mut reader = MockPushReader::new();
    reader.expect_read().returning(|signature, body| match signature.signature.as_str() {
        "right" => {
            let dedup_key = vec![String::from_utf8(body.to_vec()).unwrap()];
            Ok(Push { dedup_key, withdrawal: Some((alice(), WithdrawnData::Phone)) })
        }
        _ => Err(PushRejected::Forged),
    });
    let app = harness.fakes.app(harness.provider.clone(), ConflictPolicy::default());
    let app = App { pushes: Some(Arc::new(reader)), ..app };
    let apps = Arc::new(AppRegistry::new(vec![app]));
    let ports = harness.fakes.ports(harness.provider.clone(), ConflictPolicy::default());
    ReceivePush::new(&Ports { apps, ..ports })
}

/// Returns a valid signature of `from_now` seconds from now.
fn signature(harness: &LoginHarness, from_now: i64, nonce: &str) -> PushSignature {
    PushSignature {
        signature: "right".into(),
        message_signature: None,
        timestamp: (harness.clock.now().unix_seconds() + from_now).to_string(),
        nonce: nonce.into(),
    }
}

async fn pending(harness: &LoginHarness) -> usize {
    harness.store.withdrawals(100).await.unwrap().len()
}

#[tokio::test]
async fn repeated_push_message_is_stored_once() {
    let harness = LoginHarness::new();
    let receive = receive(&harness);
    for nonce in ["n1", "n1", "n2"] {
        receive.run(&main(), &signature(&harness, 0, nonce), b"m1").await.unwrap();
    }
    assert_eq!(pending(&harness).await, 1);
    receive.run(&main(), &signature(&harness, 0, "n3"), b"m2").await.unwrap();
    assert_eq!(pending(&harness).await, 2);
}

#[tokio::test]
async fn push_signature_is_accepted_for_one_message() {
    let harness = LoginHarness::new();
    let receive = receive(&harness);
    receive.run(&main(), &signature(&harness, 0, "n1"), b"m1").await.unwrap();
    let replayed = receive.run(&main(), &signature(&harness, 0, "n1"), b"m2").await;
    assert!(matches!(replayed, Err(ReceivePushError::Replayed)), "{replayed:?}");
    assert_eq!(pending(&harness).await, 1);
    receive.run(&main(), &signature(&harness, 0, "n2"), b"m2").await.unwrap();
    assert_eq!(pending(&harness).await, 2, "the refused message stored nothing");
}

#[tokio::test]
async fn push_signature_outside_clock_skew_is_refused() {
    let harness = LoginHarness::new();
    let receive = receive(&harness);
    for (from_now, is_accepted) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let name = from_now.to_string();
        let signature = signature(&harness, from_now, &name);
        let outcome = receive.run(&main(), &signature, name.as_bytes()).await;
        assert_eq!(outcome.is_ok(), is_accepted, "{from_now} {outcome:?}");
    }
    for timestamp in ["", "now", "-1", "99999999999999999999", "1.8e9"] {
        let signature =
            PushSignature { timestamp: timestamp.into(), ..signature(&harness, 0, "n") };
        let outcome = receive.run(&main(), &signature, b"m").await;
        assert!(matches!(outcome, Err(ReceivePushError::Stale)), "{timestamp} {outcome:?}");
    }
}

#[tokio::test]
async fn forged_or_unaddressed_push_is_not_stored() {
    let harness = LoginHarness::new();
    let receive = receive(&harness);
    let forged = PushSignature { signature: "wrong".into(), ..signature(&harness, 0, "n1") };
    let outcome = receive.run(&main(), &forged, b"m1").await;
    assert!(
        matches!(outcome, Err(ReceivePushError::Rejected(PushRejected::Forged))),
        "{outcome:?}"
    );
    let other = AppName::parse("other").unwrap();
    let outcome = receive.run(&other, &signature(&harness, 0, "n1"), b"m1").await;
    assert!(matches!(outcome, Err(ReceivePushError::UnknownApp)), "{outcome:?}");
    assert_eq!(pending(&harness).await, 0);
}

/// Stores a withdrawal of Alice in the app `main` and processes it.
async fn withdraw(harness: &LoginHarness, data: WithdrawnData) -> usize {
    let subject = harness.store.identities().into_iter().map(|(_, subject)| subject);
    let mut subject = subject.filter(|subject| subject.value == "oAlice");
    let subject = subject.next().unwrap_or_else(alice);
    let now = harness.clock.now();
    let random = FixedRandom::seeded(6);
    let work = harness.store.begin().await.unwrap();
    let withdrawal = Withdrawal::new(main(), subject, data, now, &random);
    work.pushes().add(&withdrawal).await.unwrap();
    work.commit().await.unwrap();
    let processed = harness.use_cases.process_withdrawals.run().await.unwrap();
    assert_eq!(pending(harness).await, 0, "processed withdrawals are deleted");
    processed
}

/// Creates Bob and Alice, and Alice has a nickname, an avatar and a phone number.
async fn two_members() -> (LoginHarness, MemberId) {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    harness.log_in_as(&MemoryUser::person("oBob"), "Bob").await.unwrap();
    harness.log_in_as(&alice, "Ann").await.unwrap();
    let id = harness.log_in_with_phone(&alice, "13800138000").await.unwrap().member;
    let work = harness.store.begin().await.unwrap();
    let member = work.members().find(id).await.unwrap().unwrap();
    let avatar = Avatar::parse("https://a.example/1").ok();
    work.members().update(&Member { avatar, ..member }).await.unwrap();
    work.commit().await.unwrap();
    (harness, id)
}

async fn find(harness: &LoginHarness, id: MemberId) -> Option<Member> {
    MemberReader::find(&harness.store, id).await.unwrap()
}

#[tokio::test]
async fn withdrawal_removes_only_the_withdrawn_data() {
    for (withdrawn, name_stays, picture_stays, phone_stays) in [
        (WithdrawnData::Phone, true, true, false),
        (WithdrawnData::Nickname, false, true, true),
        (WithdrawnData::Avatar, true, false, true),
        (WithdrawnData::Profile, false, false, true),
    ] {
        let (harness, id) = two_members().await;
        let sessions = harness.store.sessions().len();
        assert_eq!(withdraw(&harness, withdrawn).await, 1);
        let member = find(&harness, id).await.unwrap();
        assert_eq!(member.nickname.as_str() == "Ann", name_stays, "{withdrawn:?}");
        assert_eq!(member.avatar.is_some(), picture_stays, "{withdrawn:?}");
        assert_eq!(member.phone.is_some(), phone_stays, "{withdrawn:?}");
        let version = member.version;
        withdraw(&harness, withdrawn).await;
        let again = find(&harness, id).await.unwrap();
        assert_eq!(again.phone.is_some(), phone_stays);
        assert!(again.version == version || !name_stays, "nothing is left to change");
        assert_eq!(harness.store.sessions().len(), sessions);
        assert!(harness.store.members().iter().any(|member| member.nickname.as_str() == "Bob"));
    }
}

#[tokio::test]
async fn closed_only_account_erases_the_member() {
    let (harness, id) = two_members().await;
    withdraw(&harness, WithdrawnData::Account).await;
    assert_eq!(find(&harness, id).await, None);
    assert_eq!(harness.store.identities().len(), 1, "the union id is gone too");
    assert!(harness.store.sessions().iter().all(|session| session.member != id));
    assert_eq!(harness.store.audit_without_logins().last().unwrap().kind, AuditKind::Erased);
    assert_eq!(
        withdraw(&harness, WithdrawnData::Account).await,
        1,
        "without a member it is done at once"
    );
}

#[tokio::test]
async fn closed_account_unlinks_one_of_several_apps() {
    let (harness, id) = two_members().await;
    let elsewhere = Subject { namespace: "another app".into(), ..alice() };
    let work = harness.store.begin().await.unwrap();
    work.identities().add(id, &elsewhere, harness.clock.now()).await.unwrap();
    let here = work.sessions().list_by_member(id).await.unwrap().remove(0);
    let there = domain::model::session::Session {
        id: domain::model::session::SessionId(uuid::Uuid::from_u128(9)),
        app: AppName::parse("second").unwrap(),
        ..here
    };
    work.sessions().add(&there).await.unwrap();
    work.commit().await.unwrap();

    withdraw(&harness, WithdrawnData::Account).await;
    assert!(find(&harness, id).await.is_some());
    let identities = harness.store.identities();
    let left = identities.iter().filter(|(owner, _)| *owner == id).map(|(_, subject)| subject);
    assert!(left.clone().any(|subject| *subject == elsewhere));
    assert!(
        !left.clone().any(|subject| subject.kind == SubjectKind::OpenId && *subject != elsewhere)
    );
    assert_eq!(harness.store.list_sessions(id).await.unwrap(), [there]);
}

#[tokio::test]
async fn ban_survives_a_closed_account() {
    let (harness, id) = two_members().await;
    harness.use_cases.ban_member.set_status(&StatusChange::ban(id, None)).await.unwrap();
    withdraw(&harness, WithdrawnData::Account).await;
    assert_eq!(find(&harness, id).await, None);
    let back = harness.log_in(&MemoryUser::person("oAlice")).await;
    assert!(matches!(back, Err(LoginError::Banned { .. })), "{back:?}");
}
