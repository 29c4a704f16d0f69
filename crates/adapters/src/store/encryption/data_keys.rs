//! Data keys: random keys that encrypt column values, stored in the database under the sealing key.
//!
//! A change of the sealing key reseals the data keys only. Blind indexes remain valid.

use std::sync::{Arc, PoisonError, RwLock};

use domain::ports::store::error::StoreError;
use sea_orm::{EntityTrait, QueryOrder, Select};
use secrecy::zeroize::Zeroizing;

use crate::crypto::fingerprint_key::FingerprintKey;
use crate::crypto::master_key::MasterKey;
use crate::crypto::sealer::{OpenError, SealContext, Sealer, SealingKey};
use crate::store::entity::data_key::{Column, Entity, Model};

/// Purpose of a data key.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Sealing of values. The key with the highest number seals, the others only open.
    Seal,
    /// Lasting fingerprints. There is only one such key: with another one, values would no longer be found.
    Index,
    /// Fingerprint key of a former sealing key, for the tombstones of earlier versions.
    Tombstone,
}

/// Computes lasting fingerprints: blind indexes and tombstones. A change of the sealing key does not change
/// them.
///
/// They have a type of their own, so that no value is stored for years under a key that is meant to be
/// changed, as the [`TransientFingerprints`](domain::model::fingerprint::TransientFingerprints) of the
/// sealing key are.
pub(crate) struct LastingFingerprints(SealingKey);

/// Opened data keys.
pub(crate) struct DataKeys {
    rows: Vec<Model>,
    /// Seals and opens values.
    pub(crate) seal: Sealer,
    /// Computes the entries of blind indexes, and tombstones.
    pub(crate) index: LastingFingerprints,
    /// Fingerprint keys of former sealing keys.
    pub(crate) tombstones: Vec<FingerprintKey>,
}

impl LastingFingerprints {
    /// Computes the fingerprint of the value that consists of `parts`.
    pub(crate) fn fingerprint(&self, kind: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        self.0.fingerprint_key().fingerprint(kind, parts)
    }
}

/// Cache of the data keys, with the sealer that opens them.
pub(crate) struct DataKeyring {
    master: Arc<Sealer>,
    cached: RwLock<Option<Arc<DataKeys>>>,
}

/// A data key cannot be opened: the sealing key is a different one, or the row was changed.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot open data key {purpose} {number}: `sealing.key` must be the key that it was sealed with"
)]
struct DataKeyError {
    purpose: String,
    number: i64,
    source: OpenError,
}

impl Purpose {
    /// Name in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Index => "index",
            Self::Tombstone => "tombstone",
        }
    }
}

impl DataKeyring {
    pub(crate) fn new(master: Arc<Sealer>) -> Self {
        Self { master, cached: RwLock::new(None) }
    }

    /// Sealer of the data keys.
    pub(crate) fn master(&self) -> &Sealer {
        &self.master
    }

    /// Returns the keys that were opened last.
    pub(crate) fn cached(&self) -> Option<Arc<DataKeys>> {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens and caches the keys in these rows, which must be all rows in the order of [`all`]. Returns
    /// `None` if there are no keys yet.
    pub(crate) fn open(&self, rows: Vec<Model>) -> Result<Option<Arc<DataKeys>>, StoreError> {
        if let Some(cached) = self.cached().filter(|cached| cached.rows == rows) {
            return Ok(Some(cached));
        }
        let opened = self.open_uncached(rows)?.map(Arc::new);
        self.cached.write().unwrap_or_else(PoisonError::into_inner).clone_from(&opened);
        Ok(opened)
    }

    fn open_uncached(&self, rows: Vec<Model>) -> Result<Option<DataKeys>, StoreError> {
        let Some(seal) = self.sealer(&rows)? else { return Ok(None) };
        let Some(index) = of_purpose(&rows, Purpose::Index).next_back() else { return Ok(None) };
        let index = LastingFingerprints(self.open_key(index)?);
        let tombstones =
            of_purpose(&rows, Purpose::Tombstone).map(|row| self.open_tombstone_key(row));
        let tombstones = tombstones.collect::<Result<_, _>>()?;
        Ok(Some(DataKeys { rows, seal, index, tombstones }))
    }

    /// Sealer with the latest data key that opens with the older ones too.
    fn sealer(&self, rows: &[Model]) -> Result<Option<Sealer>, StoreError> {
        let mut keys = of_purpose(rows, Purpose::Seal).rev();
        let Some(latest) = keys.next() else { return Ok(None) };
        let mut sealer = Sealer::new(self.open_key(latest)?);
        for former in keys {
            sealer = sealer.with_former_key(self.open_key(former)?);
        }
        Ok(Some(sealer))
    }

    fn open_key(&self, row: &Model) -> Result<SealingKey, StoreError> {
        Ok(SealingKey::new(&MasterKey::from_bytes(unseal(&self.master, row)?)))
    }

    fn open_tombstone_key(&self, row: &Model) -> Result<FingerprintKey, StoreError> {
        let key = FingerprintKey::from_bytes(&unseal(&self.master, row)?);
        key.ok_or_else(|| StoreError::new("a data key for tombstones has an invalid length"))
    }
}

/// Rows of a purpose, the latest last.
fn of_purpose(rows: &[Model], purpose: Purpose) -> impl DoubleEndedIterator<Item = &Model> {
    rows.iter().filter(move |row| row.purpose == purpose.name())
}

fn unseal(master: &Sealer, row: &Model) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    master.open(seal_context(&row_key(row)), &row.sealed).map_err(|source| {
        let purpose = row.purpose.clone();
        StoreError::new(DataKeyError { purpose, number: row.number, source })
    })
}

/// Seals the key of a row with the current sealing key. Returns `None` if it already is.
pub(crate) fn reseal(master: &Sealer, row: &Model) -> Result<Option<Vec<u8>>, StoreError> {
    if master.is_current(&row.sealed) {
        return Ok(None);
    }
    Ok(Some(master.seal(seal_context(&row_key(row)), &unseal(master, row)?)))
}

/// Generates a new key.
pub(crate) fn generate(
    master: &Sealer,
    purpose: Purpose,
    number: i64,
) -> Result<Model, StoreError> {
    let key = MasterKey::generate().map_err(StoreError::new)?;
    Ok(sealed_row(master, purpose, number, key.bytes()))
}

/// Returns the fingerprint key of a sealing key as a data key. Its number identifies the sealing key.
pub(crate) fn tombstone_key(master: &Sealer, key: &SealingKey) -> Model {
    sealed_row(master, Purpose::Tombstone, key.number(), key.fingerprint_key().bytes())
}

fn sealed_row(master: &Sealer, purpose: Purpose, number: i64, key: &[u8]) -> Model {
    let row = Model { purpose: purpose.name().to_owned(), number, sealed: vec![] };
    Model { sealed: master.seal(seal_context(&row_key(&row)), key), ..row }
}

fn row_key(row: &Model) -> Vec<u8> {
    [row.purpose.as_bytes(), b"\0", &row.number.to_be_bytes()].concat()
}

fn seal_context(row: &[u8]) -> SealContext<'_> {
    SealContext { table: "data_key", column: "sealed", row }
}

/// Selects all rows, the latest key of each purpose last.
pub(crate) fn all() -> Select<Entity> {
    Entity::find().order_by_asc(Column::Purpose).order_by_asc(Column::Number)
}

#[cfg(test)]
mod tests {
    use domain::model::identity::{Subject, SubjectKind};

    use super::*;
    use crate::store::encryption::tombstones::{possible_tombstones, tombstone};

    const OLD: &str = "q0Zx1uQY5kW7c2bJt8nRrV4mE9sLh3dFgPpAoTiUyNk=";
    const NEW: &str = "eHPzEzmkUPDEdOn8wGGaSr1HWdfNGKNhRGOeGRJkKIk=";

    fn key(text: &str) -> SealingKey {
        SealingKey::new(&MasterKey::from_base64(text).unwrap())
    }

    fn subject() -> Subject {
        Subject { namespace: "wx1".into(), kind: SubjectKind::OpenId, value: "o1".into() }
    }

    /// Opens the rows under `master`, after they were resealed with its current key.
    fn reopened(master: Sealer, rows: &[Model]) -> (Arc<DataKeys>, Vec<Model>) {
        let resealed = rows.iter().map(|row| {
            let sealed = reseal(&master, row).unwrap();
            sealed.map_or_else(|| row.clone(), |sealed| Model { sealed, ..row.clone() })
        });
        let rows: Vec<Model> = resealed.collect();
        let keyring = DataKeyring::new(Arc::new(master));
        (keyring.open(rows.clone()).unwrap().unwrap(), rows)
    }

    /// Returns the data keys of a fresh database, under the old sealing key.
    fn fresh() -> Vec<Model> {
        let master = Sealer::new(key(OLD));
        vec![
            generate(&master, Purpose::Index, 1).unwrap(),
            generate(&master, Purpose::Seal, 1).unwrap(),
        ]
    }

    #[test]
    fn lasting_fingerprint_survives_a_change_of_the_sealing_key() {
        let (before, rows) = reopened(Sealer::new(key(OLD)), &fresh());
        let expected = tombstone(&before, &subject());
        let both = Sealer::new(key(NEW)).with_former_key(key(OLD));
        let (rotated, rows) = reopened(both, &rows);
        assert_eq!(tombstone(&rotated, &subject()), expected, "under (new, former)");
        let new = Sealer::new(key(NEW));
        let (dropped, _) = reopened(Sealer::new(key(NEW)), &rows);
        assert_eq!(tombstone(&dropped, &subject()), expected, "without the former key");
        assert!(possible_tombstones(Some(&dropped), &new, &subject()).contains(&expected));
    }

    #[test]
    fn tombstone_under_a_former_sealing_key_is_found_while_the_key_is_known() {
        let parts: [&[u8]; 2] = [b"wx1", b"o1"];
        let earlier = Sealer::new(key(OLD)).fingerprint("banned open id", &parts).to_vec();
        let finds = |keys: Option<&DataKeys>, master: &Sealer| {
            possible_tombstones(keys, master, &subject()).contains(&earlier)
        };
        let both = Sealer::new(key(NEW)).with_former_key(key(OLD));
        let new = Sealer::new(key(NEW));
        assert!(finds(None, &both), "the former key is configured");
        assert!(!finds(None, &new), "the former key is unknown");
        let mut rows = fresh();
        rows.extend(both.keys().map(|key| tombstone_key(&both, key)));
        let (_, rows) = reopened(both, &rows);
        let (kept, _) = reopened(Sealer::new(key(NEW)), &rows);
        assert!(finds(Some(&kept), &new), "the fingerprint key of the former key was kept");
    }
}
