//! Sessions.

use std::time::Duration;

use domain::model::app::name::AppName;
use domain::model::session::Session;
use domain::model::timestamp::Timestamp;
use tokio::task::JoinSet;

use super::{NOW, Shared, add_known_member, open_id, session_of};

/// Every field is read back unchanged.
pub async fn session_round_trip_keeps_every_field(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let plain = session_of(member);
    let extreme = Session {
        app: AppName::parse(&"a-_9".repeat(8)).unwrap(),
        generation: u32::MAX,
        created_at: Timestamp::from_unix_millis(-1),
        expires_at: NOW.plus(Duration::MAX),
        ..session_of(member)
    };
    for session in [plain, extreme] {
        let unit = store.begin().await.unwrap();
        unit.sessions().add(&session).await.unwrap();
        unit.commit().await.unwrap();
        let unit = store.begin().await.unwrap();
        let both = unit.sessions().find_with_member(session.id).await.unwrap().unwrap();
        assert_eq!((&both.0, both.1.id), (&session, session.member));
        assert_eq!(unit.sessions().find(session.id).await.unwrap(), Some(session));
    }
}

/// An unknown id finds no session.
pub async fn unknown_session_is_none(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.sessions().find(session_of(member).id).await.unwrap(), None);
    assert_eq!(unit.sessions().find_with_member(session_of(member).id).await.unwrap(), None);
}

/// A refreshed session replaces the session of the previous generation only.
pub async fn session_advances_by_one_generation_only(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let first = session_of(member);
    let second = Session { generation: first.generation + 1, refreshed_at: NOW, ..first.clone() };
    let third = Session { generation: first.generation + 2, ..second.clone() };
    let unit = store.begin().await.unwrap();
    assert!(!unit.sessions().advance(&second).await.unwrap(), "the session does not exist yet");
    unit.sessions().add(&first).await.unwrap();
    assert!(!unit.sessions().advance(&third).await.unwrap(), "a generation was skipped");
    assert!(unit.sessions().advance(&second).await.unwrap());
    assert!(!unit.sessions().advance(&second).await.unwrap(), "the session was advanced before");
    assert_eq!(unit.sessions().find(first.id).await.unwrap(), Some(second.clone()));
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.sessions().find(first.id).await.unwrap(), Some(second));
}

/// Of concurrent refreshes of one session one succeeds.
pub async fn concurrent_advances_of_a_session_succeed_once(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
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

/// Sessions are removed singly or all of one member; sessions of other members stay.
pub async fn sessions_are_removed_singly_or_by_member(store: Shared) {
    let alice = add_known_member(&*store, &[open_id("o1")]).await;
    let bob = add_known_member(&*store, &[open_id("o2")]).await;
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

/// All sessions opened until a time are removed in batches; later ones stay.
pub async fn sessions_opened_until_a_time_are_removed_in_batches(store: Shared) {
    let alice = add_known_member(&*store, &[open_id("o1")]).await;
    let bob = add_known_member(&*store, &[open_id("o2")]).await;
    let then = NOW.plus(Duration::from_mins(1));
    let opened = |member, created_at| Session { created_at, ..session_of(member) };
    let later = opened(alice, then.plus(Duration::from_millis(1)));
    let unit = store.begin().await.unwrap();
    unit.sessions().add(&later).await.unwrap();
    for member in [alice, bob, alice] {
        unit.sessions().add(&opened(member, NOW)).await.unwrap();
    }
    unit.sessions().add(&opened(bob, then)).await.unwrap();
    for removed in [3, 1, 0] {
        assert_eq!(unit.sessions().remove_opened_until(then, 3).await.unwrap(), removed);
    }
    unit.commit().await.unwrap();
    assert_eq!(store.list_sessions(alice).await.unwrap(), [later]);
    assert_eq!(store.list_sessions(bob).await.unwrap(), []);
}

/// The epoch of sessions is 0 at first, and is never lowered.
pub async fn epoch_of_sessions_rises_only(store: Shared) {
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.sessions().epoch().await.unwrap(), 0);
    for (started, expected) in [(2, 2), (1, 2), (2, 2), (u32::MAX, u32::MAX), (0, u32::MAX)] {
        unit.sessions().start_epoch(started).await.unwrap();
        assert_eq!(unit.sessions().epoch().await.unwrap(), expected);
    }
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.sessions().epoch().await.unwrap(), u32::MAX);
}

/// A removed session cannot be advanced.
pub async fn ended_session_does_not_advance(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let session = session_of(member);
    let unit = store.begin().await.unwrap();
    unit.sessions().add(&session).await.unwrap();
    unit.sessions().remove_all(member).await.unwrap();
    let next = Session { generation: session.generation + 1, ..session.clone() };
    assert!(!unit.sessions().advance(&next).await.unwrap());
    assert_eq!(unit.sessions().find(session.id).await.unwrap(), None);
}

/// The reader finds a session with its member, as last committed.
pub async fn committed_session_is_found_with_its_member(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
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
