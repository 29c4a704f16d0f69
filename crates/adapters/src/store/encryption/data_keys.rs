//! Data keys: random keys for the database's values, kept beside them under the sealing key, so that
//! whoever changes that one need not change what recognises values.

use std::sync::{Arc, PoisonError, RwLock};

use domain::ports::store::error::StoreError;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryOrder};
use secrecy::zeroize::Zeroizing;

use crate::crypto::master_key::MasterKey;
use crate::crypto::sealer::{OpenError, Place, Sealer, SealingKey};
use crate::store::entity::data_key::{Column, Entity, Model};
use crate::store::insert_if_absent::insert_unless_taken;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

/// What a data key is for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// To seal values. The one of the highest number does; the others still open.
    Seal,
    /// To recognise values. There is one, for good: with another, values would no longer be found.
    Index,
}

/// The data keys, opened.
pub(crate) struct DataKeys {
    rows: Vec<Model>,
    /// Seals values, and opens them.
    pub(crate) seal: Sealer,
    /// Recognises values.
    pub(crate) index: Sealer,
}

/// The data keys as they were last read, and the key under which they lie.
pub(crate) struct DataKeyring {
    master: Arc<Sealer>,
    opened: RwLock<Option<Arc<DataKeys>>>,
}

/// A data key does not open: the sealing key is another one, or somebody changed the row.
#[derive(Debug, thiserror::Error)]
#[error("data key {purpose} {number} does not open: is `sealing.key` the one it was sealed with?")]
struct Unopened {
    purpose: String,
    number: i64,
    source: OpenError,
}

impl Purpose {
    /// As it stands in a row.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Index => "index",
        }
    }
}

impl DataKeyring {
    pub(crate) fn new(master: Arc<Sealer>) -> Self {
        Self { master, opened: RwLock::new(None) }
    }

    /// What the data keys lie under.
    pub(crate) fn master(&self) -> &Sealer {
        &self.master
    }

    /// The keys as they were last read.
    pub(crate) fn last_read(&self) -> Option<Arc<DataKeys>> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys in these rows, which are all there are and in order; none before the first was made.
    pub(crate) fn read(&self, rows: Vec<Model>) -> Result<Option<Arc<DataKeys>>, StoreError> {
        if let Some(known) = self.last_read().filter(|known| known.rows == rows) {
            return Ok(Some(known));
        }
        let opened = self.open(rows)?.map(Arc::new);
        self.opened.write().unwrap_or_else(PoisonError::into_inner).clone_from(&opened);
        Ok(opened)
    }

    fn open(&self, rows: Vec<Model>) -> Result<Option<DataKeys>, StoreError> {
        let sealer = |purpose: Purpose| {
            let mut keys = rows.iter().filter(|row| row.purpose == purpose.name()).rev();
            let Some(newest) = keys.next() else { return Ok(None) };
            let sealer = Sealer::new(self.open_one(newest)?);
            let with =
                |sealer: Sealer, row| Ok::<_, StoreError>(sealer.also_opening(self.open_one(row)?));
            keys.try_fold(sealer, with).map(Some)
        };
        let both = sealer(Purpose::Seal)?.zip(sealer(Purpose::Index)?);
        Ok(both.map(|(seal, index)| DataKeys { rows, seal, index }))
    }

    fn open_one(&self, row: &Model) -> Result<SealingKey, StoreError> {
        Ok(SealingKey::new(&MasterKey::from_bytes(unseal(&self.master, row)?)))
    }
}

/// What a row holds.
fn unseal(master: &Sealer, row: &Model) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    master.open(place(&row_key(row)), &row.sealed).map_err(|source| {
        let (purpose, number) = (row.purpose.clone(), row.number);
        StoreError::new(Unopened { purpose, number, source })
    })
}

/// What a row holds, sealed anew if a former key sealed it.
pub(crate) fn reseal(master: &Sealer, row: &Model) -> Result<Option<Vec<u8>>, StoreError> {
    if master.is_current(&row.sealed) {
        return Ok(None);
    }
    Ok(Some(master.seal(place(&row_key(row)), &unseal(master, row)?)))
}

/// A new key as a row.
fn generate(master: &Sealer, purpose: Purpose, number: i64) -> Result<Model, StoreError> {
    let row = Model { purpose: purpose.name().to_owned(), number, sealed: vec![] };
    let key = MasterKey::generate().map_err(StoreError::new)?;
    Ok(Model { sealed: master.seal(place(&row_key(&row)), key.bytes()), ..row })
}

fn row_key(row: &Model) -> Vec<u8> {
    [row.purpose.as_bytes(), b"\0", &row.number.to_be_bytes()].concat()
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "data_key", column: "sealed", row }
}

/// All there are, the newest of each purpose last.
pub(crate) async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    let all = Entity::find().order_by_asc(Column::Purpose).order_by_asc(Column::Number);
    all.all(connection).await
}

impl SeaUnitOfWork {
    /// All rows, as this unit of work sees them.
    pub(crate) async fn data_key_rows(&self) -> Result<Vec<Model>, StoreError> {
        let open = self.open();
        to_the_end(async move { all(&open.txn).await }).await
    }

    /// The keys to write with, never older ones; the first are made where there are none.
    pub(crate) async fn data_keys(&self) -> Result<Arc<DataKeys>, StoreError> {
        if let Some(keys) = self.keyring().read(self.data_key_rows().await?)? {
            return Ok(keys);
        }
        for purpose in [Purpose::Seal, Purpose::Index] {
            self.add_data_key(purpose, 1).await?;
        }
        let keys = self.keyring().read(self.data_key_rows().await?)?;
        keys.ok_or_else(|| StoreError::new("the data keys that were just made are not there"))
    }

    /// Adds a new key, unless there is one of this number by now.
    pub(crate) async fn add_data_key(
        &self,
        purpose: Purpose,
        number: i64,
    ) -> Result<bool, StoreError> {
        let row = generate(self.keyring().master(), purpose, number)?.into_active_model();
        let (open, key) = (self.open(), [Column::Purpose, Column::Number]);
        to_the_end(async move { insert_unless_taken(&open.txn, row, &key).await }).await
    }
}
