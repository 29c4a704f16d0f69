//! Tombstones: fingerprints of banned members that were erased, kept to refuse their next login.
//!
//! Members that were not banned leave no tombstone; their next login registers a new member.

use crate::model::fingerprint::Fingerprint;
use crate::model::fingerprint::Fingerprints;
use crate::model::identity::{Subject, SubjectKind};

/// Returns one tombstone per subject.
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
