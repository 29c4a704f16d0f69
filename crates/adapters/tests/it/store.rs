//! The store over SQL under the contract of stores, on SQLite.

mod erasure;
mod holdings;
mod phones;
mod sqlite;

use std::sync::Arc;

use adapters::master_key::MasterKey;
use adapters::sealing::{Sealer, SealingKey};
use adapters::store::{SeaStore, StoreConfig};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use testkit::contract::store::Backend;

fn sealing_key(seed: u8) -> SealingKey {
    let bytes: Vec<u8> = (seed..seed + 32).collect();
    SealingKey::new(&MasterKey::from_base64(&STANDARD.encode(bytes)).unwrap())
}

fn sealer(seed: u8) -> Sealer {
    Sealer::new(sealing_key(seed))
}

/// A database of its own with the schema, in a folder that goes with the second value.
pub(crate) async fn fresh() -> (Arc<dyn Backend>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
    migration::up(&url).await.unwrap();
    let config = StoreConfig { url, max_connections: 4, sealer: Arc::new(sealer(1)) };
    let store = SeaStore::connect(&config).await.unwrap();
    (Arc::new(store), folder)
}

testkit::store_contract!(fresh);
