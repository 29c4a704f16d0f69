//! Session keys: one per user, deleted with the user's identity.

use std::time::Duration;

use domain::model::identity::Subject;
use domain::model::provider::session_key::SealedSessionKey;

use super::{NOW, Shared, add_known_member, add_members, member, open_id, run_concurrently};

fn key(user: &Subject, fill: u8) -> SealedSessionKey {
    SealedSessionKey { user: user.clone(), sealed: vec![fill; 56], obtained_at: NOW }
}

/// Stores a key and commits.
async fn upsert(store: &Shared, key: &SealedSessionKey) {
    let unit = store.begin().await.unwrap();
    unit.session_keys().upsert(key).await.unwrap();
    unit.commit().await.unwrap();
}

/// A session key is found after its commit, unchanged and for its own user only.
pub async fn session_key_round_trip_keeps_every_byte(store: Shared) {
    let user = open_id("o1");
    let other = open_id("O1");
    add_known_member(&*store, &[user.clone(), other.clone()]).await;
    let key = SealedSessionKey { sealed: (0..=255).collect(), ..key(&user, 0) };
    let unit = store.begin().await.unwrap();
    unit.session_keys().upsert(&key).await.unwrap();
    assert_eq!(store.find_session_key(&user).await.unwrap(), None, "not committed yet");
    unit.commit().await.unwrap();
    assert_eq!(store.find_session_key(&user).await.unwrap(), Some(key));
    assert_eq!(store.find_session_key(&other).await.unwrap(), None);
}

/// A later key replaces the previous one.
pub async fn later_session_key_replaces_the_previous_one(store: Shared) {
    let user = open_id("o1");
    add_known_member(&*store, std::slice::from_ref(&user)).await;
    upsert(&store, &key(&user, 1)).await;
    let obtained_at = NOW.plus(Duration::from_millis(1));
    let later = SealedSessionKey { obtained_at, ..key(&user, 2) };
    upsert(&store, &later).await;
    assert_eq!(store.find_session_key(&user).await.unwrap(), Some(later));
}

/// After concurrent upserts of a user one of the keys is stored.
pub async fn concurrent_session_key_upserts_leave_one_key(store: Shared) {
    let user = open_id("o1");
    add_known_member(&*store, std::slice::from_ref(&user)).await;
    let upserts = (0..20).map(|fill| {
        let store = store.clone();
        let key = key(&user, fill);
        async move { upsert(&store, &key).await }
    });
    run_concurrently(upserts).await;
    let found = store.find_session_key(&user).await.unwrap().unwrap();
    assert!((0..20).any(|fill| found == key(&user, fill)));
}

/// Only keys of known users are stored.
pub async fn session_key_of_unknown_user_is_refused(store: Shared) {
    let unit = store.begin().await.unwrap();
    assert!(unit.session_keys().upsert(&key(&open_id("o1"), 1)).await.is_err());
}

/// A session key stays when its identity moves to another member.
pub async fn session_key_moves_with_its_identity(store: Shared) {
    let user = open_id("o1");
    let other = member();
    let from = add_known_member(&*store, std::slice::from_ref(&user)).await;
    add_members(&*store, &[&other]).await;
    upsert(&store, &key(&user, 1)).await;
    let unit = store.begin().await.unwrap();
    unit.identities().reassign(from, other.id).await.unwrap();
    let member = unit.members().find(from).await.unwrap().unwrap();
    unit.members().remove(&member).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(store.find_session_key(&user).await.unwrap(), Some(key(&user, 1)));
}

/// Removal of a member deletes the member's session keys and no others.
pub async fn session_key_is_deleted_with_its_member(store: Shared) {
    let user = open_id("o1");
    let other = open_id("o2");
    let gone = add_known_member(&*store, std::slice::from_ref(&user)).await;
    add_known_member(&*store, std::slice::from_ref(&other)).await;
    upsert(&store, &key(&user, 1)).await;
    upsert(&store, &key(&other, 2)).await;
    let unit = store.begin().await.unwrap();
    let member = unit.members().find(gone).await.unwrap().unwrap();
    unit.members().remove(&member).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(store.find_session_key(&user).await.unwrap(), None);
    assert_eq!(store.find_session_key(&other).await.unwrap(), Some(key(&other, 2)));
}

/// All subjects of a member are listed, and no others.
pub async fn identities_are_listed_by_member(store: Shared) {
    let mut subjects = [open_id("o1"), open_id("o2")];
    let known = add_known_member(&*store, &subjects).await;
    add_known_member(&*store, &[open_id("o3")]).await;
    let mut listed = store.list_identities(known).await.unwrap();
    for subjects in [&mut subjects[..], &mut listed] {
        subjects.sort_by(|one, other| one.value.cmp(&other.value));
    }
    assert_eq!(listed, subjects);
    assert_eq!(store.list_identities(member().id).await.unwrap(), []);
}
