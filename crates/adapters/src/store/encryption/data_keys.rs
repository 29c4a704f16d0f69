//! Data keys: random keys that encrypt column values, stored in the database under the sealing key.
//!
//! A change of the sealing key reseals the data keys only. Blind indexes remain valid.

use std::sync::{Arc, PoisonError, RwLock};

use domain::ports::store::error::StoreError;
use sea_orm::{EntityTrait, QueryOrder, Select};
use secrecy::zeroize::Zeroizing;

use crate::crypto::master_key::MasterKey;
use crate::crypto::sealer::{OpenError, SealContext, Sealer, SealingKey};
use crate::store::entity::data_key::{Column, Entity, Model};

/// Purpose of a data key.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Sealing of values. The key with the highest number seals, the others only open.
    Seal,
    /// Blind index. There is only one such key: with another one, values would no longer be found.
    Index,
}

/// Opened data keys.
pub(crate) struct DataKeys {
    rows: Vec<Model>,
    /// Seals and opens values.
    pub(crate) seal: Sealer,
    /// Computes the entries of blind indexes.
    pub(crate) index: Sealer,
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
        let seal = self.sealer(&rows, Purpose::Seal)?;
        let index = self.sealer(&rows, Purpose::Index)?;
        Ok(seal.zip(index).map(|(seal, index)| DataKeys { rows, seal, index }))
    }

    /// Sealer with the latest key of a purpose that opens with the older keys too.
    fn sealer(&self, rows: &[Model], purpose: Purpose) -> Result<Option<Sealer>, StoreError> {
        let mut keys = rows.iter().filter(|row| row.purpose == purpose.name()).rev();
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
    let row = Model { purpose: purpose.name().to_owned(), number, sealed: vec![] };
    let key = MasterKey::generate().map_err(StoreError::new)?;
    Ok(Model { sealed: master.seal(seal_context(&row_key(&row)), key.bytes()), ..row })
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
