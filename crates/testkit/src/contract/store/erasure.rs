//! Export and erasure of a member's data.

use domain::model::audit::AuditKind;
use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::avatar::Avatar;
use domain::model::member::personal_data::{ExportedTable, ExportedValue};
use domain::model::member::{Member, MemberId};

use super::{Backend, NOW, Shared, add_known_member, member, open_id, owner_of, phone, session_of};

/// A member with a row in every table, and the texts that its export must contain.
async fn member_with_data(store: &dyn Backend, nth: u32) -> (MemberId, Vec<String>) {
    let open_id = open_id(&format!("o{nth}"));
    let id = add_known_member(store, std::slice::from_ref(&open_id)).await;
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

fn texts(export: Vec<ExportedTable>) -> Vec<String> {
    let values = export.into_iter().flat_map(|table| table.rows).flatten();
    let texts = values.filter_map(|(_, value)| match value {
        ExportedValue::Text(text) => Some(text),
        ExportedValue::Null | ExportedValue::Integer(_) => None,
    });
    texts.collect()
}

/// An export contains all data of the member and none of another member.
pub async fn personal_data_export_is_complete_and_of_one_member(store: Shared) {
    let (alice, alice_texts) = member_with_data(&*store, 1).await;
    let (_, other_texts) = member_with_data(&*store, 2).await;
    let exported = texts(store.export_member(alice).await.unwrap());
    for text in alice_texts {
        assert!(exported.contains(&text), "{text}");
    }
    for text in other_texts {
        assert!(!exported.contains(&text), "{text}");
    }
    let unknown = store.export_member(member().id).await.unwrap();
    assert!(unknown.iter().all(|table| table.rows.is_empty()));
}

/// Subjects and phone numbers of a removed member can be used again.
pub async fn subjects_and_phone_of_a_removed_member_can_be_reused(store: Shared) {
    let first = add_known_member(&*store, &[open_id("o1")]).await;
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
pub async fn removed_subject_has_no_member(store: Shared) {
    let [a, b, c] = ["o1", "o2", "O1"].map(open_id);
    let alice = add_known_member(&*store, &[a.clone(), b.clone(), c.clone()]).await;
    let unit = store.begin().await.unwrap();
    unit.identities().remove(&[]).await.unwrap();
    unit.identities().remove(&[a.clone(), b.clone(), open_id("o3")]).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(owner_of(&*store, &a).await, None);
    assert_eq!(owner_of(&*store, &c).await.unwrap().subjects, [c]);
    assert!(store.find(alice).await.unwrap().is_some());
}

/// A repeated addition is no error. A query for several tombstones finds any of them.
pub async fn tombstones_are_added_once_and_found(store: Shared) {
    let a = open_id("a");
    let b = Subject { kind: SubjectKind::UnionId, ..open_id("b") };
    let c = open_id("c");
    let same_value = [Subject { kind: SubjectKind::UnionId, ..a.clone() }, open_id("A")];
    let unit = store.begin().await.unwrap();
    unit.tombstones().add(&[], NOW).await.unwrap();
    unit.tombstones().add(&[a.clone(), b.clone()], NOW).await.unwrap();
    unit.tombstones().add(&[b.clone(), a.clone()], NOW).await.unwrap();
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    for (subjects, exists) in [
        (&[a.clone()][..], true),
        (&[c.clone(), b.clone()], true),
        (std::slice::from_ref(&c), false),
        (&same_value, false),
        (&[], false),
        (&[a, b, c.clone()], true),
    ] {
        assert_eq!(unit.tombstones().exists_any(subjects).await.unwrap(), exists, "{subjects:?}");
    }
}
