//! Session keys: one a user, for as long as the user is known.

use std::time::Duration;

use domain::model::identity::Subject;
use domain::model::provider::session_key::SealedSessionKey;

use super::{NOW, Shared, add_members, all_at_once, make_known, member, open_id};

fn key(user: &Subject, fill: u8) -> SealedSessionKey {
    SealedSessionKey { user: user.clone(), sealed: vec![fill; 56], obtained_at: NOW }
}

/// Keeps a key and commits.
async fn keep(store: &Shared, key: &SealedSessionKey) {
    let unit = store.begin().await.unwrap();
    unit.session_keys().keep(key).await.unwrap();
    unit.commit().await.unwrap();
}

/// A session key is found after its commit, byte by byte, for its own user only.
pub async fn a_session_key_is_found_as_it_was_kept(store: Shared) {
    let user = open_id("o1");
    let other = open_id("O1");
    make_known(&*store, &[user.clone(), other.clone()]).await;
    let key = SealedSessionKey { sealed: (0..=255).collect(), ..key(&user, 0) };
    let unit = store.begin().await.unwrap();
    unit.session_keys().keep(&key).await.unwrap();
    assert_eq!(store.find_session_key(&user).await.unwrap(), None, "not committed yet");
    unit.commit().await.unwrap();
    assert_eq!(store.find_session_key(&user).await.unwrap(), Some(key));
    assert_eq!(store.find_session_key(&other).await.unwrap(), None);
}

/// A later key takes the place of the one before.
pub async fn a_later_session_key_replaces_the_one_before(store: Shared) {
    let user = open_id("o1");
    make_known(&*store, std::slice::from_ref(&user)).await;
    keep(&store, &key(&user, 1)).await;
    let obtained_at = NOW.plus(Duration::from_millis(1));
    let later = SealedSessionKey { obtained_at, ..key(&user, 2) };
    keep(&store, &later).await;
    assert_eq!(store.find_session_key(&user).await.unwrap(), Some(later));
}

/// However many logins of a user end at once, one of their keys is kept.
pub async fn concurrent_session_keys_of_one_user_are_one(store: Shared) {
    let user = open_id("o1");
    make_known(&*store, std::slice::from_ref(&user)).await;
    let kept = (0..20).map(|fill| {
        let store = store.clone();
        let key = key(&user, fill);
        async move { keep(&store, &key).await }
    });
    all_at_once(kept).await;
    let found = store.find_session_key(&user).await.unwrap().unwrap();
    assert!((0..20).any(|fill| found == key(&user, fill)));
}

/// Only keys of known users are stored.
pub async fn a_session_key_of_nobody_is_not_kept(store: Shared) {
    let unit = store.begin().await.unwrap();
    assert!(unit.session_keys().keep(&key(&open_id("o1"), 1)).await.is_err());
}

/// A session key stays when its identity moves to another member.
pub async fn a_session_key_stays_with_its_identity(store: Shared) {
    let user = open_id("o1");
    let other = member();
    let from = make_known(&*store, std::slice::from_ref(&user)).await;
    add_members(&*store, &[&other]).await;
    keep(&store, &key(&user, 1)).await;
    let unit = store.begin().await.unwrap();
    unit.identities().reassign(from, other.id).await.unwrap();
    let member = unit.members().find(from).await.unwrap().unwrap();
    unit.members().remove(&member).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(store.find_session_key(&user).await.unwrap(), Some(key(&user, 1)));
}

/// Removal of a member deletes the member's session keys and no others.
pub async fn a_session_key_goes_with_its_member(store: Shared) {
    let user = open_id("o1");
    let other = open_id("o2");
    let gone = make_known(&*store, std::slice::from_ref(&user)).await;
    make_known(&*store, std::slice::from_ref(&other)).await;
    keep(&store, &key(&user, 1)).await;
    keep(&store, &key(&other, 2)).await;
    let unit = store.begin().await.unwrap();
    let member = unit.members().find(gone).await.unwrap().unwrap();
    unit.members().remove(&member).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(store.find_session_key(&user).await.unwrap(), None);
    assert_eq!(store.find_session_key(&other).await.unwrap(), Some(key(&other, 2)));
}

/// Keys that are too old are forgotten, and no others.
pub async fn old_session_keys_are_forgotten(store: Shared) {
    let user = open_id("o1");
    let other = open_id("o2");
    make_known(&*store, &[user.clone(), other.clone()]).await;
    let obtained_at = NOW.plus(Duration::from_millis(1));
    let young = SealedSessionKey { obtained_at, ..key(&other, 2) };
    keep(&store, &key(&user, 1)).await;
    keep(&store, &young).await;
    let unit = store.begin().await.unwrap();
    unit.session_keys().delete_obtained_before(NOW).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(store.find_session_key(&user).await.unwrap(), None);
    assert_eq!(store.find_session_key(&other).await.unwrap(), Some(young));
}

/// All subjects of a member are listed, and no others.
pub async fn a_member_is_known_under_their_own_subjects(store: Shared) {
    let mut subjects = [open_id("o1"), open_id("o2")];
    let known = make_known(&*store, &subjects).await;
    make_known(&*store, &[open_id("o3")]).await;
    let mut listed = store.list_identities(known).await.unwrap();
    for subjects in [&mut subjects[..], &mut listed] {
        subjects.sort_by(|one, other| one.value.cmp(&other.value));
    }
    assert_eq!(listed, subjects);
    assert_eq!(store.list_identities(member().id).await.unwrap(), []);
}
