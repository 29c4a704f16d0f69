//! Sessions.

use std::time::Duration;

use domain::model::app::name::AppName;
use domain::model::session::Session;
use domain::model::timestamp::Timestamp;
use tokio::task::JoinSet;

use super::{NOW, Shared, make_known, open_id, session_of};

/// Every field is read back unchanged.
pub async fn a_session_is_read_as_it_was_written(store: Shared) {
    let member = make_known(&*store, &[open_id("o1")]).await;
    let plain = session_of(member);
    let strange = Session {
        app: AppName::parse(&"a-_9".repeat(8)).unwrap(),
        generation: u32::MAX,
        created_at: Timestamp::from_unix_millis(-1),
        expires_at: NOW.plus(Duration::MAX),
        ..session_of(member)
    };
    for session in [plain, strange] {
        let unit = store.begin().await.unwrap();
        unit.sessions().add(&session).await.unwrap();
        unit.commit().await.unwrap();
        let unit = store.begin().await.unwrap();
        let both = unit.sessions().find_with_member(session.id).await.unwrap().unwrap();
        assert_eq!((&both.0, both.1.id), (&session, session.member));
        assert_eq!(unit.sessions().find(session.id).await.unwrap(), Some(session));
    }
}

/// An id that was never given out finds no session.
pub async fn an_unknown_session_is_none(store: Shared) {
    let member = make_known(&*store, &[open_id("o1")]).await;
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.sessions().find(session_of(member).id).await.unwrap(), None);
    assert_eq!(unit.sessions().find_with_member(session_of(member).id).await.unwrap(), None);
}

/// A refreshed session replaces the one of the generation before, and no other.
pub async fn a_session_advances_from_the_generation_before_only(store: Shared) {
    let member = make_known(&*store, &[open_id("o1")]).await;
    let first = session_of(member);
    let second = Session { generation: first.generation + 1, refreshed_at: NOW, ..first.clone() };
    let third = Session { generation: first.generation + 2, ..second.clone() };
    let unit = store.begin().await.unwrap();
    assert!(!unit.sessions().advance(&second).await.unwrap(), "it is not there yet");
    unit.sessions().add(&first).await.unwrap();
    assert!(!unit.sessions().advance(&third).await.unwrap(), "one was left out");
    assert!(unit.sessions().advance(&second).await.unwrap());
    assert!(!unit.sessions().advance(&second).await.unwrap(), "it was advanced before");
    assert_eq!(unit.sessions().find(first.id).await.unwrap(), Some(second.clone()));
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.sessions().find(first.id).await.unwrap(), Some(second));
}

/// Of concurrent refreshes of one session one succeeds.
pub async fn concurrent_advances_of_one_session_are_one(store: Shared) {
    let member = make_known(&*store, &[open_id("o1")]).await;
    let first = session_of(member);
    let unit = store.begin().await.unwrap();
    unit.sessions().add(&first).await.unwrap();
    unit.commit().await.unwrap();
    let mut racers = JoinSet::new();
    for _ in 0..50 {
        let store = store.clone();
        let next = Session { generation: 1, ..first.clone() };
        racers.spawn(async move {
            let unit = store.begin().await.unwrap();
            let advanced = unit.sessions().advance(&next).await.unwrap();
            if advanced {
                unit.commit().await.unwrap();
            }
            advanced
        });
    }
    let advanced = racers.join_all().await.into_iter().filter(|advanced| *advanced).count();
    assert_eq!(advanced, 1);
}

/// Sessions end one by one or all of one member; those of others stay.
pub async fn sessions_end_one_by_one_or_all_of_a_member(store: Shared) {
    let alice = make_known(&*store, &[open_id("o1")]).await;
    let bob = make_known(&*store, &[open_id("o2")]).await;
    let a = session_of(alice);
    let b = session_of(alice);
    let c = session_of(alice);
    let other = session_of(bob);
    let unit = store.begin().await.unwrap();
    for session in [&a, &b, &c, &other] {
        unit.sessions().add(session).await.unwrap();
    }
    assert_eq!(unit.sessions().list_by_member(alice).await.unwrap().len(), 3);
    unit.sessions().remove(&[]).await.unwrap();
    unit.sessions().remove(&[a.id, a.id]).await.unwrap();
    assert_eq!(unit.sessions().find(a.id).await.unwrap(), None);
    assert_eq!(unit.sessions().list_by_member(alice).await.unwrap().len(), 2);
    unit.sessions().remove_all(alice).await.unwrap();
    assert_eq!(unit.sessions().list_by_member(alice).await.unwrap(), []);
    assert_eq!(unit.sessions().list_by_member(bob).await.unwrap(), [other]);
}

/// A session that ended is not advanced any more.
pub async fn a_session_that_ended_does_not_advance(store: Shared) {
    let member = make_known(&*store, &[open_id("o1")]).await;
    let session = session_of(member);
    let unit = store.begin().await.unwrap();
    unit.sessions().add(&session).await.unwrap();
    unit.sessions().remove_all(member).await.unwrap();
    let next = Session { generation: session.generation + 1, ..session.clone() };
    assert!(!unit.sessions().advance(&next).await.unwrap());
    assert_eq!(unit.sessions().find(session.id).await.unwrap(), None);
}

/// The directory finds a session with its member, as last committed.
pub async fn a_session_is_found_with_its_member_once_it_is_committed(store: Shared) {
    let member = make_known(&*store, &[open_id("o1")]).await;
    let session = session_of(member);
    let unit = store.begin().await.unwrap();
    unit.sessions().add(&session).await.unwrap();
    assert!(store.find_session(session.id).await.unwrap().is_none());
    unit.commit().await.unwrap();
    let (found, owner) = store.find_session(session.id).await.unwrap().unwrap();
    assert_eq!((&found, owner.id), (&session, member));
    assert_eq!(store.list_sessions(member).await.unwrap(), std::slice::from_ref(&session));
    let unit = store.begin().await.unwrap();
    unit.sessions().remove(&[session.id]).await.unwrap();
    unit.commit().await.unwrap();
    assert!(store.find_session(session.id).await.unwrap().is_none());
}
