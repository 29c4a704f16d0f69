//! What is left of banned members who were erased: just enough to recognise them at the door.
//!
//! Of everyone else nothing is left: who comes back is new.

use crate::model::fingerprint::Fingerprint;
use crate::model::fingerprint::Fingerprints;
use crate::model::identity::{Subject, SubjectKind};

/// One tombstone for each of the subjects.
pub(crate) fn tombstones<'a>(
    subjects: impl IntoIterator<Item = &'a Subject>,
    fingerprints: &dyn Fingerprints,
) -> Vec<Fingerprint> {
    let tombstone = |subject: &Subject| {
        let kind = match subject.kind {
            SubjectKind::OpenId => "banned open id",
            SubjectKind::UnionId => "banned union id",
        };
        let Subject { namespace, value, .. } = subject;
        fingerprints.fingerprint(kind, &[namespace.as_bytes(), value.as_bytes()])
    };
    subjects.into_iter().map(tombstone).collect()
}
