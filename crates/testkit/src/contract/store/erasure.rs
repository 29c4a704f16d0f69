//! Export and erasure of a member's data.

use domain::model::audit::AuditKind;
use domain::model::fingerprint::Fingerprint;
use domain::model::fingerprint::Fingerprints;
use domain::model::member::avatar::Avatar;
use domain::model::member::personal_data::{ExportedTable, ExportedValue};
use domain::model::member::{Member, MemberId};

use super::{Backend, NOW, Shared, make_known, member, open_id, owner_of, phone, session_of};
use crate::fake::fingerprints::MemoryFingerprints;

fn fingerprint(of: &str) -> Fingerprint {
    MemoryFingerprints.fingerprint("test", &[of.as_bytes()])
}

/// A member with a row in every table, and the texts that its export must contain.
async fn well_known(store: &dyn Backend, nth: u32) -> (MemberId, Vec<String>) {
    let open_id = open_id(&format!("o{nth}"));
    let id = make_known(store, std::slice::from_ref(&open_id)).await;
    let avatar = format!("https://a.example/{nth}");
    let member = Member {
        phone: Some(phone(nth)),
        avatar: Avatar::parse(&avatar).ok(),
        remark: Some(format!("remark {nth}")),
        ..store.find(id).await.unwrap().unwrap()
    };
    let session = session_of(id);
    let event = super::audit::event(u64::from(nth), AuditKind::Unbanned).with_member(id);
    let unit = store.begin().await.unwrap();
    unit.members().update(&member).await.unwrap();
    unit.sessions().add(&session).await.unwrap();
    unit.audit().record(&event).await.unwrap();
    unit.commit().await.unwrap();
    let session = session.id.0.to_string();
    let event = event.id.to_string();
    let phone = phone(nth).e164();
    let remark = format!("remark {nth}");
    (id, vec![id.0.to_string(), open_id.value, avatar, remark, session, event, phone])
}

fn texts(held: Vec<ExportedTable>) -> Vec<String> {
    let values = held.into_iter().flat_map(|holding| holding.rows).flatten();
    let texts = values.filter_map(|(_, held)| match held {
        ExportedValue::Text(text) => Some(text),
        ExportedValue::Null | ExportedValue::Integer(_) => None,
    });
    texts.collect()
}

/// An export contains all data of the member and none of another member.
pub async fn a_member_is_told_all_that_is_held_of_them_and_of_nobody_else(store: Shared) {
    let (alice, hers) = well_known(&*store, 1).await;
    let (_, his) = well_known(&*store, 2).await;
    let exported = texts(store.export_member(alice).await.unwrap());
    for (text, is_hers) in hers.iter().map(|t| (t, true)).chain(his.iter().map(|t| (t, false))) {
        assert_eq!(exported.contains(text), is_hers, "{text}");
    }
    let unknown = store.export_member(member().id).await.unwrap();
    assert!(unknown.iter().all(|holding| holding.rows.is_empty()));
}

/// Subjects and numbers of an erased member can be used again.
pub async fn a_removed_member_leaves_their_subjects_and_phone_number_free(store: Shared) {
    let first = make_known(&*store, &[open_id("o1")]).await;
    let first = store.find(first).await.unwrap().unwrap();
    let first = Member { phone: Some(phone(1)), ..first };
    let unit = store.begin().await.unwrap();
    unit.members().update(&first).await.unwrap();
    unit.members().remove(&Member { version: 1, ..first }).await.unwrap();
    let second = Member { phone: Some(phone(1)), ..member() };
    unit.members().add(&second).await.unwrap();
    unit.identities().add(second.id, &open_id("o1"), NOW).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(owner_of(&*store, &open_id("o1")).await.unwrap().member.id, second.id);
}

/// Single subjects of a member can be removed.
pub async fn a_subject_that_is_removed_is_nobodys(store: Shared) {
    let [a, b, c] = ["o1", "o2", "O1"].map(open_id);
    let alice = make_known(&*store, &[a.clone(), b.clone(), c.clone()]).await;
    let unit = store.begin().await.unwrap();
    unit.identities().remove(&[]).await.unwrap();
    unit.identities().remove(&[a.clone(), b.clone(), open_id("o3")]).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(owner_of(&*store, &a).await, None);
    assert_eq!(owner_of(&*store, &c).await.unwrap().subjects, [c]);
    assert!(store.find(alice).await.unwrap().is_some());
}

/// Adding one again is no error, and of several asked for one is enough.
pub async fn tombstones_are_kept_once_and_found_again(store: Shared) {
    let [a, b, c] = ["a", "b", "c"].map(fingerprint);
    let unit = store.begin().await.unwrap();
    unit.tombstones().add(&[], NOW).await.unwrap();
    unit.tombstones().add(&[a, b], NOW).await.unwrap();
    unit.tombstones().add(&[b, a], NOW).await.unwrap();
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    for (asked, found) in
        [(&[a][..], true), (&[c, b], true), (&[c], false), (&[], false), (&[a, b, c], true)]
    {
        assert_eq!(unit.tombstones().exists_any(asked).await.unwrap(), found);
    }
}
