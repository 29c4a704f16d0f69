//! Lasting fingerprints of the subjects of erased members.

use domain::model::identity::{Subject, SubjectKind};

use crate::crypto::sealer::{Sealer, SealingKey};
use crate::store::encryption::data_keys::DataKeys;

/// Computes the fingerprint of a new tombstone.
pub(crate) fn tombstone(keys: &DataKeys, subject: &Subject) -> Vec<u8> {
    keys.index.fingerprint(kind(subject), &parts(subject)).into()
}

/// Computes all fingerprints that a tombstone of the subject can have.
///
/// Earlier versions computed tombstones under the sealing key. They are found under every configured sealing
/// key, and under the keys that `menshen rekey` has kept.
pub(crate) fn possible_tombstones(
    keys: Option<&DataKeys>,
    master: &Sealer,
    subject: &Subject,
) -> Vec<Vec<u8>> {
    let lasting = keys.map(|keys| tombstone(keys, subject));
    let kept = keys.into_iter().flat_map(|keys| &keys.tombstones);
    let transient = master.keys().map(SealingKey::fingerprint_key).chain(kept);
    let transient = transient.map(|key| key.fingerprint(kind(subject), &parts(subject)).into());
    lasting.into_iter().chain(transient).collect()
}

fn kind(subject: &Subject) -> &'static str {
    match subject.kind {
        SubjectKind::OpenId => "banned open id",
        SubjectKind::UnionId => "banned union id",
    }
}

fn parts(subject: &Subject) -> [&[u8]; 2] {
    [subject.namespace.as_bytes(), subject.value.as_bytes()]
}
