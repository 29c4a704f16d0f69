//! What the provider pushes: what is believed, and what becomes of whom it is about.

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
use domain::use_cases::ports::Ports;
use domain::use_cases::provider::receive_push::{ReceivePush, ReceivePushError};
use testkit::fake::provider::MemoryUser;
use testkit::fake::random::FixedRandom;

use crate::door::Door;

fn main() -> AppName {
    AppName::parse("main").unwrap()
}

fn alice() -> Subject {
    Subject { namespace: "memory".into(), kind: SubjectKind::OpenId, value: "oAlice".into() }
}

/// Receives messages that each say that alice takes back her phone number.
fn receive(door: &Door) -> ReceivePush {
    let mut reader = MockPushReader::new();
    reader.expect_read().returning(|signature, body| match signature.signature.as_str() {
        "right" => {
            let identity = vec![String::from_utf8(body.to_vec()).unwrap()];
            Ok(Push { identity, withdrawn: Some((alice(), WithdrawnData::Phone)) })
        }
        _ => Err(PushRejected::Forged),
    });
    let app = door.fakes.app(door.provider.clone(), ConflictPolicy::default());
    let app = App { pushes: Some(Arc::new(reader)), ..app };
    let apps = Arc::new(AppRegistry::new(vec![app]));
    let ports = door.fakes.ports(door.provider.clone(), ConflictPolicy::default());
    ReceivePush::new(&Ports { apps, ..ports })
}

/// A good signature, made so many seconds from now.
fn signature(door: &Door, from_now: i64, nonce: &str) -> PushSignature {
    PushSignature {
        signature: "right".into(),
        message_signature: None,
        timestamp: (door.clock.now().unix_seconds() + from_now).to_string(),
        nonce: nonce.into(),
    }
}

async fn pending(door: &Door) -> usize {
    door.store.withdrawals(100).await.unwrap().len()
}

#[tokio::test]
async fn a_message_that_comes_again_is_kept_once() {
    let door = Door::new();
    let receive = receive(&door);
    for nonce in ["n1", "n1", "n2"] {
        receive.run(&main(), &signature(&door, 0, nonce), b"m1").await.unwrap();
    }
    assert_eq!(pending(&door).await, 1);
    receive.run(&main(), &signature(&door, 0, "n3"), b"m2").await.unwrap();
    assert_eq!(pending(&door).await, 2);
}

#[tokio::test]
async fn a_signature_is_good_for_one_message() {
    let door = Door::new();
    let receive = receive(&door);
    receive.run(&main(), &signature(&door, 0, "n1"), b"m1").await.unwrap();
    let replayed = receive.run(&main(), &signature(&door, 0, "n1"), b"m2").await;
    assert!(matches!(replayed, Err(ReceivePushError::Replayed)), "{replayed:?}");
    assert_eq!(pending(&door).await, 1);
    receive.run(&main(), &signature(&door, 0, "n2"), b"m2").await.unwrap();
    assert_eq!(pending(&door).await, 2, "the refused try left nothing");
}

#[tokio::test]
async fn a_signature_of_another_time_is_refused() {
    let door = Door::new();
    let receive = receive(&door);
    for (from_now, good) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let name = from_now.to_string();
        let signature = signature(&door, from_now, &name);
        let taken = receive.run(&main(), &signature, name.as_bytes()).await;
        assert_eq!(taken.is_ok(), good, "{from_now} {taken:?}");
    }
    for timestamp in ["", "now", "-1", "99999999999999999999", "1.8e9"] {
        let signature = PushSignature { timestamp: timestamp.into(), ..signature(&door, 0, "n") };
        let taken = receive.run(&main(), &signature, b"m").await;
        assert!(matches!(taken, Err(ReceivePushError::Stale)), "{timestamp} {taken:?}");
    }
}

#[tokio::test]
async fn what_is_forged_or_for_nobody_is_not_kept() {
    let door = Door::new();
    let receive = receive(&door);
    let forged = PushSignature { signature: "wrong".into(), ..signature(&door, 0, "n1") };
    let taken = receive.run(&main(), &forged, b"m1").await;
    assert!(matches!(taken, Err(ReceivePushError::Rejected(PushRejected::Forged))), "{taken:?}");
    let other = AppName::parse("other").unwrap();
    let taken = receive.run(&other, &signature(&door, 0, "n1"), b"m1").await;
    assert!(matches!(taken, Err(ReceivePushError::UnknownApp)), "{taken:?}");
    assert_eq!(pending(&door).await, 0);
}

/// Has the provider tell that alice takes something back in the app `main`, and obeys.
async fn withdraw(door: &Door, withdrawn: WithdrawnData) -> usize {
    let subject = door.store.identities().into_iter().map(|(_, subject)| subject);
    let mut subject = subject.filter(|subject| subject.value == "oAlice");
    let subject = subject.next().unwrap_or_else(alice);
    let now = door.clock.now();
    let random = FixedRandom::seeded(6);
    let work = door.store.begin().await.unwrap();
    let withdrawal = Withdrawal::new(main(), subject, withdrawn, now, &random);
    work.pushes().add(&withdrawal).await.unwrap();
    work.commit().await.unwrap();
    let obeyed = door.use_cases.process_withdrawals.run().await.unwrap();
    assert_eq!(pending(door).await, 0, "what is obeyed is gone");
    obeyed
}

/// Alice with a name, a picture and a phone number, and bob.
async fn two_members() -> (Door, MemberId) {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice").with_union_id("u1");
    door.log_in_as(&MemoryUser::person("oBob"), "Bob").await.unwrap();
    door.log_in_as(&alice, "Ann").await.unwrap();
    let id = door.log_in_with_phone(&alice, "13800138000").await.unwrap().member;
    let work = door.store.begin().await.unwrap();
    let member = work.members().find(id).await.unwrap().unwrap();
    let avatar = Avatar::parse("https://a.example/1").ok();
    work.members().update(&Member { avatar, ..member }).await.unwrap();
    work.commit().await.unwrap();
    (door, id)
}

async fn find(door: &Door, id: MemberId) -> Option<Member> {
    MemberReader::find(&door.store, id).await.unwrap()
}

#[tokio::test]
async fn what_is_withdrawn_goes_and_nothing_else() {
    for (withdrawn, name_stays, picture_stays, phone_stays) in [
        (WithdrawnData::Phone, true, true, false),
        (WithdrawnData::Nickname, false, true, true),
        (WithdrawnData::Avatar, true, false, true),
        (WithdrawnData::Profile, false, false, true),
    ] {
        let (door, id) = two_members().await;
        let sessions = door.store.sessions().len();
        assert_eq!(withdraw(&door, withdrawn).await, 1);
        let member = find(&door, id).await.unwrap();
        assert_eq!(member.nickname.as_str() == "Ann", name_stays, "{withdrawn:?}");
        assert_eq!(member.avatar.is_some(), picture_stays, "{withdrawn:?}");
        assert_eq!(member.phone.is_some(), phone_stays, "{withdrawn:?}");
        let version = member.version;
        withdraw(&door, withdrawn).await;
        let again = find(&door, id).await.unwrap();
        assert_eq!(again.phone.is_some(), phone_stays);
        assert!(again.version == version || !name_stays, "nothing is left to change");
        assert_eq!(door.store.sessions().len(), sessions);
        assert!(door.store.members().iter().any(|member| member.nickname.as_str() == "Bob"));
    }
}

#[tokio::test]
async fn a_closed_account_that_was_the_only_one_erases_its_member() {
    let (door, id) = two_members().await;
    withdraw(&door, WithdrawnData::Account).await;
    assert_eq!(find(&door, id).await, None);
    assert_eq!(door.store.identities().len(), 1, "the union id is gone too");
    assert!(door.store.sessions().iter().all(|session| session.member != id));
    assert_eq!(door.store.audit_besides_logins().last().unwrap().kind, AuditKind::Erased);
    assert_eq!(withdraw(&door, WithdrawnData::Account).await, 1, "of nobody, it is done at once");
}

#[tokio::test]
async fn a_closed_account_ends_one_app_for_a_member_who_uses_another() {
    let (door, id) = two_members().await;
    let elsewhere = Subject { namespace: "another app".into(), ..alice() };
    let work = door.store.begin().await.unwrap();
    work.identities().add(id, &elsewhere, door.clock.now()).await.unwrap();
    let here = work.sessions().list_by_member(id).await.unwrap().remove(0);
    let there = domain::model::session::Session {
        id: domain::model::session::SessionId(uuid::Uuid::from_u128(9)),
        app: AppName::parse("second").unwrap(),
        ..here
    };
    work.sessions().add(&there).await.unwrap();
    work.commit().await.unwrap();

    withdraw(&door, WithdrawnData::Account).await;
    assert!(find(&door, id).await.is_some());
    let identities = door.store.identities();
    let left = identities.iter().filter(|(owner, _)| *owner == id).map(|(_, subject)| subject);
    assert!(left.clone().any(|subject| *subject == elsewhere));
    assert!(
        !left.clone().any(|subject| subject.kind == SubjectKind::OpenId && *subject != elsewhere)
    );
    assert_eq!(door.store.list_sessions(id).await.unwrap(), [there]);
}

#[tokio::test]
async fn a_ban_outlives_a_closed_account() {
    let (door, id) = two_members().await;
    door.use_cases.ban_member.ban(id, None, None).await.unwrap();
    withdraw(&door, WithdrawnData::Account).await;
    assert_eq!(find(&door, id).await, None);
    let back = door.log_in(&MemoryUser::person("oAlice")).await;
    assert!(matches!(back, Err(LoginError::Banned { .. })), "{back:?}");
}
