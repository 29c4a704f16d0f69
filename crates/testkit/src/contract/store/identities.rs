//! Identities: subjects belong to members and are compared byte by byte.

use std::collections::HashSet;

use domain::model::identity::{Subject, SubjectKind};
use domain::ports::store::error::AddError;

use super::{NOW, Shared, add_known_member, member, open_id, owner_of};

fn union_id(value: &str) -> Subject {
    Subject { namespace: "test:group".into(), kind: SubjectKind::UnionId, value: value.into() }
}

/// A look-up by any subject returns all subjects of its member and no others.
pub async fn member_is_found_by_subject_with_all_subjects(store: Shared) {
    let ours = [open_id("o1"), union_id("u1")];
    let member = add_known_member(&*store, &ours).await;
    add_known_member(&*store, &[open_id("o2"), union_id("u2")]).await;
    let late = Subject { namespace: "test:other-app".into(), ..open_id("o1") };
    let unit = store.begin().await.unwrap();
    unit.identities().add(member, &late, NOW).await.unwrap();
    unit.commit().await.unwrap();

    let all: HashSet<Subject> = ours.into_iter().chain([late]).collect();
    for subject in &all {
        let owner = owner_of(&*store, subject).await.unwrap();
        assert_eq!(owner.member.id, member);
        assert_eq!(owner.subjects.len(), all.len());
        assert_eq!(owner.subjects.into_iter().collect::<HashSet<_>>(), all);
    }
}

/// An unknown subject has no member.
pub async fn unknown_subject_has_no_member(store: Shared) {
    add_known_member(&*store, &[open_id("o1")]).await;
    assert_eq!(owner_of(&*store, &open_id("o2")).await, None);
}

/// Subjects that differ in case, spaces, accents, composition or length are different.
pub async fn subjects_are_compared_byte_by_byte(store: Shared) {
    let values = [
        "oABCdef",
        "oabcdef",
        "OABCDEF",
        "oABCdef ",
        "oABCdef  ",
        " oABCdef",
        "oABCde",
        "oABCdefg",
        "oABCd\u{e9}f",
        "oABCde\u{301}f",
        "oABC_ef",
        "oABC%",
        "",
        "ﬀ",
        "ff",
        "ß",
        "ss",
        "ı",
        "i",
    ];
    let mut subjects: Vec<Subject> = values.map(open_id).into();
    subjects.push(Subject { namespace: "TEST:APP".into(), ..open_id("oABCdef") });
    subjects.push(Subject { namespace: "test:app ".into(), ..open_id("oABCdef") });
    subjects.push(Subject { kind: SubjectKind::UnionId, ..open_id("oABCdef") });
    let mut owners = Vec::new();
    for subject in &subjects {
        owners.push(add_known_member(&*store, std::slice::from_ref(subject)).await);
    }
    for (subject, owner) in subjects.iter().zip(owners) {
        let found = owner_of(&*store, subject).await.unwrap();
        assert_eq!((found.member.id, &found.subjects[..]), (owner, std::slice::from_ref(subject)));
    }
}

/// Namespace and value of 128 bytes are stored and compared completely.
pub async fn longest_subject_is_not_truncated(store: Shared) {
    let long = |last: &str| Subject {
        namespace: "n".repeat(128),
        ..open_id(&format!("{}{last}", "v".repeat(127)))
    };
    let first = add_known_member(&*store, &[long("1")]).await;
    let second = add_known_member(&*store, &[long("2")]).await;
    assert_eq!(owner_of(&*store, &long("1")).await.unwrap().member.id, first);
    assert_eq!(owner_of(&*store, &long("2")).await.unwrap().member.id, second);
    assert_eq!(owner_of(&*store, &long("1")).await.unwrap().subjects, [long("1")]);
}

/// After `Taken`, the unit of work can continue and be committed.
pub async fn taken_subject_leaves_the_unit_of_work_usable(store: Shared) {
    let first = add_known_member(&*store, &[open_id("o1")]).await;
    let second = member();
    let unit = store.begin().await.unwrap();
    unit.members().add(&second).await.unwrap();
    for (member, subject) in [(second.id, open_id("o1")), (first, open_id("o1"))] {
        let added = unit.identities().add(member, &subject, NOW).await;
        assert!(matches!(added, Err(AddError::Taken)), "{added:?}");
    }
    unit.identities().add(second.id, &open_id("o2"), NOW).await.unwrap();
    let again = unit.identities().add(second.id, &open_id("o2"), NOW).await;
    assert!(matches!(again, Err(AddError::Taken)), "{again:?}");
    unit.commit().await.unwrap();
    assert_eq!(owner_of(&*store, &open_id("o1")).await.unwrap().member.id, first);
    assert_eq!(owner_of(&*store, &open_id("o2")).await.unwrap().member.id, second.id);
}

/// After `Taken`, the same unit of work finds the member, even if an earlier read found none.
pub async fn member_of_taken_subject_is_found_in_the_same_unit_of_work(store: Shared) {
    let first = add_known_member(&*store, &[open_id("o1")]).await;
    let second = member();
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.identities().find_by_subject(&open_id("o2")).await.unwrap(), None);
    unit.members().add(&second).await.unwrap();
    let added = unit.identities().add(second.id, &open_id("o1"), NOW).await;
    assert!(matches!(added, Err(AddError::Taken)), "{added:?}");
    let owner = unit.identities().find_by_subject(&open_id("o1")).await.unwrap();
    assert_eq!(owner.unwrap().member.id, first);
}

/// All subjects of one member move to another one, and no others.
pub async fn subjects_are_reassigned_to_another_member(store: Shared) {
    let from = add_known_member(&*store, &[open_id("o1"), union_id("u1")]).await;
    let to = add_known_member(&*store, &[open_id("o2")]).await;
    let bystander = add_known_member(&*store, &[open_id("o3")]).await;
    let unit = store.begin().await.unwrap();
    unit.identities().reassign(from, to).await.unwrap();
    let within = unit.identities().find_by_subject(&open_id("o1")).await.unwrap().unwrap();
    assert_eq!(within.member.id, to);
    unit.commit().await.unwrap();
    let owner = owner_of(&*store, &union_id("u1")).await.unwrap();
    assert_eq!((owner.member.id, owner.subjects.len()), (to, 3));
    assert_eq!(owner_of(&*store, &open_id("o3")).await.unwrap().member.id, bystander);
}
