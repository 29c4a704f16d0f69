//! Units of work: atomicity and isolation.

use super::{Shared, add_members, log_in, make_known, member, open_id, owner_of, session_of};

/// A commit keeps everything of the unit of work.
pub async fn what_was_committed_is_there(store: Shared) {
    let member = member();
    let subject = open_id("o1");
    let session = session_of(member.id);
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    unit.identities().add(member.id, &subject, member.created_at).await.unwrap();
    unit.sessions().add(&session).await.unwrap();
    unit.commit().await.unwrap();

    assert_eq!(owner_of(&*store, &subject).await.unwrap().member.id, member.id);
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.members().find(member.id).await.unwrap(), Some(member));
    assert_eq!(unit.sessions().find(session.id).await.unwrap(), Some(session));
}

/// Readers return committed data only.
pub async fn nobody_else_sees_what_is_not_committed(store: Shared) {
    let member = member();
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    assert_eq!(store.find(member.id).await.unwrap(), None);
    unit.commit().await.unwrap();
    assert_eq!(store.find(member.id).await.unwrap(), Some(member));
}

/// A unit of work that is dropped has changed nothing.
pub async fn what_was_dropped_was_never_there(store: Shared) {
    let kept = make_known(&*store, &[open_id("kept")]).await;
    let member = member();
    let subject = open_id("dropped");
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    unit.identities().add(member.id, &subject, member.created_at).await.unwrap();
    unit.identities().add(kept, &open_id("alias"), member.created_at).await.unwrap();
    drop(unit);

    assert_eq!(store.find(member.id).await.unwrap(), None);
    assert_eq!(owner_of(&*store, &subject).await, None);
    assert_eq!(owner_of(&*store, &open_id("kept")).await.unwrap().subjects, [open_id("kept")]);
}

/// A unit of work reads its own writes.
pub async fn a_unit_of_work_sees_its_own_changes(store: Shared) {
    let mut member = member();
    let subject = open_id("o1");
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    unit.identities().add(member.id, &subject, member.created_at).await.unwrap();
    let owner = unit.identities().find_by_subject(&subject).await.unwrap().unwrap();
    assert_eq!((&owner.member, owner.subjects), (&member, vec![subject]));
    member.remark = Some("seen".into());
    unit.members().update(&member).await.unwrap();
    assert_eq!(unit.members().find(member.id).await.unwrap().unwrap().remark, member.remark);
}

/// Dropped units of work in any state release their connections and locks.
pub async fn many_dropped_units_of_work_leave_the_store_usable(store: Shared) {
    for _ in 0..100 {
        let member = member();
        drop(store.begin().await.unwrap());
        let unit = store.begin().await.unwrap();
        unit.members().add(&member).await.unwrap();
    }
    let member = member();
    add_members(&*store, &[&member]).await;
    assert_eq!(store.find(member.id).await.unwrap(), Some(member));
}

/// A store that works says so, also while a unit of work is under way.
pub async fn a_store_says_that_it_is_ready(store: Shared) {
    store.ready().await.unwrap();
    let unit = store.begin().await.unwrap();
    store.ready().await.unwrap();
    drop(unit);
    log_in(&*store, &open_id("o1")).await.unwrap();
}
