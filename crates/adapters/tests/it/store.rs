//! SQL store under the store contract, on every database.

mod app_rekeying;
mod cancellation;
mod deadlocks;
mod disk_faults;
mod erasure;
mod group_commit;
mod personal_data;
mod phones;
mod rekeying;
mod retention;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use adapters::crypto::master_key::MasterKey;
use adapters::crypto::sealer::{Sealer, SealingKey};
use adapters::store::{SeaStore, StoreConfig};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use testkit::contract::store::{Backend, subscriptions};
use testkit::databases::{FreshDatabase, Kind};

fn sealing_key(seed: u8) -> SealingKey {
    let bytes: Vec<u8> = (seed..seed + 32).collect();
    SealingKey::new(&MasterKey::from_base64(&STANDARD.encode(bytes)).unwrap())
}

/// Queue timeout of stores in tests: the machine may be busy.
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn sealer(seed: u8) -> Sealer {
    Sealer::new(sealing_key(seed))
}

/// Store over a new, migrated database, which exists until the second value is dropped.
pub(crate) async fn fresh(kind: Kind) -> (Arc<dyn Backend>, FreshDatabase) {
    let database = FreshDatabase::new(kind).await;
    (open(&database, 4).await, database)
}

/// Migrates the database and opens a store over it.
pub(crate) async fn open(database: &FreshDatabase, max_connections: u32) -> Arc<SeaStore> {
    migration::up(database.url()).await.unwrap();
    let url = database.url().to_owned();
    let sealer = Arc::new(sealer(1));
    let config = StoreConfig { url, max_connections, queue_timeout: QUEUE_TIMEOUT, sealer };
    let store = SeaStore::connect(&config).await.unwrap();
    Arc::new(store.with_subscriptions(subscriptions()))
}

mod on_sqlite {
    use super::*;

    testkit::store_contract!(|| fresh(Kind::Sqlite));

    mod faults {
        use super::*;

        testkit::store_fault_contract!(|| fresh(Kind::Sqlite));
    }
}

mod on_postgresql {
    use super::*;

    testkit::store_contract!(|| fresh(Kind::Postgresql));

    mod faults {
        use super::*;

        testkit::store_fault_contract!(|| fresh(Kind::Postgresql));
    }
}

mod on_mariadb {
    use super::*;

    testkit::store_contract!(|| fresh(Kind::Mariadb));

    mod faults {
        use super::*;

        testkit::store_fault_contract!(|| fresh(Kind::Mariadb));
    }
}
