//! The store over SQL under the contract of stores, on SQLite.

mod erasure;
mod holdings;
mod sqlite;

use std::sync::Arc;

use adapters::store::{SeaStore, StoreConfig};
use tempfile::TempDir;
use testkit::contract::store::Backend;

/// A database of its own with the schema, in a folder that goes with the second value.
pub(crate) async fn fresh() -> (Arc<dyn Backend>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
    migration::up(&url).await.unwrap();
    let store = SeaStore::connect(&StoreConfig { url, max_connections: 4 }).await.unwrap();
    (Arc::new(store), folder)
}

testkit::store_contract!(fresh);
