//! Readiness of the store: a write that is committed and read back.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::ports::store::error::StoreError;
use domain::ports::store::{StoreHealth, UnitOfWork};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, SelectGetableTuple,
    Selector,
};
use tokio::sync::Mutex;

use crate::store::SeaStore;
use crate::store::entity::heartbeat::{Column, Entity, Model};
use crate::store::transaction::SeaUnitOfWork;

/// Time after a heartbeat in which readiness needs no other one.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Maximum age of the last heartbeat of a store that is ready. A single heartbeat may be refused under
/// load, and all instances of a service under load must not become unready for it.
const MAX_HEARTBEAT_AGE: Duration = Duration::from_secs(5);

/// Id of the only row.
const ROW: i16 = 1;

/// Time of the last write that was committed and read back.
#[derive(Default)]
pub(super) struct Heartbeat(Mutex<Option<Instant>>);

/// The database does not have a row that it has acknowledged.
#[derive(Debug, thiserror::Error)]
#[error("a committed heartbeat could not be read back")]
struct HeartbeatLost;

#[async_trait]
impl StoreHealth for SeaStore {
    async fn ready(&self) -> Result<(), StoreError> {
        // Concurrent checks wait for one heartbeat.
        let mut last = self.heartbeat.0.lock().await;
        if last.is_some_and(|last| last.elapsed() < HEARTBEAT_INTERVAL) {
            return Ok(());
        }
        let begun = Instant::now();
        match self.beat().await {
            Ok(()) => {
                *last = Some(begun);
                Ok(())
            }
            Err(error) if last.is_none_or(|last| last.elapsed() > MAX_HEARTBEAT_AGE) => Err(error),
            Err(_refused) => Ok(()),
        }
    }
}

impl SeaStore {
    /// Increments the heartbeat, commits, and reads it back on another connection.
    async fn beat(&self) -> Result<(), StoreError> {
        let unit = self.unit_of_work().await?;
        let written = increment(&unit).await?;
        Box::new(unit).commit().await?;
        let beats = self.reader.run(async |reader| beats().one(reader).await).await?;
        // Other instances increment it, too.
        if beats.is_none_or(|beats| beats < written) {
            return Err(StoreError::new(HeartbeatLost));
        }
        Ok(())
    }
}

/// Selects the value of the heartbeat.
fn beats() -> Selector<SelectGetableTuple<i64>> {
    Entity::find().select_only().column(Column::Beats).filter(Column::Id.eq(ROW)).into_tuple()
}

/// Increments the heartbeat, and returns its value.
async fn increment(unit: &SeaUnitOfWork) -> Result<i64, StoreError> {
    let update = Entity::update_many()
        .col_expr(Column::Beats, Expr::col(Column::Beats).add(1))
        .filter(Column::Id.eq(ROW));
    if unit.exec_update(update).await? == 0 {
        let first = Model { id: ROW, beats: 1 };
        unit.exec_insert_unique(first.into_active_model(), [Column::Id]).await?;
    }
    let value = unit.run(async |txn| beats().one(txn).await).await?;
    Ok(value.unwrap_or_default())
}
