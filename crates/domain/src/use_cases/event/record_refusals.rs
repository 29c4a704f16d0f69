//! Recording of counted refusals in the audit log.

use std::sync::Arc;

use crate::model::audit::AuditEvent;
use crate::model::audit::refusals::{RefusalCounts, RefusalGroup};
use crate::model::clock::Clock;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Maximum number of events in one unit of work.
const BATCH: usize = 500;

/// Writes counted refusals to the audit log. Each instance runs it about every minute, and when it stops.
/// A crash loses the refusals that were not written yet.
pub struct RecordRefusals {
    store: Arc<dyn Store>,
    counts: Arc<RefusalCounts>,
    events: EventFactory,
    clock: Arc<dyn Clock>,
}

impl RecordRefusals {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            store: ports.store.clone(),
            counts: ports.refusals.clone(),
            events: EventFactory::new(ports),
            clock: ports.clock.clone(),
        }
    }

    /// Writes the refusals of all minutes that have ended.
    pub async fn run(&self) -> Result<(), StoreError> {
        self.record(self.counts.take_completed(self.clock.now()).into_iter().collect()).await
    }

    /// Writes all refusals.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.record(self.counts.take_all().into_iter().collect()).await
    }

    /// Writes groups in batches. After a failure, the groups that were not written are counted again.
    async fn record(&self, groups: Vec<(RefusalGroup, u32)>) -> Result<(), StoreError> {
        let mut batches = groups.chunks(BATCH);
        while let Some(batch) = batches.next() {
            let events: Vec<_> =
                batch.iter().map(|(group, count)| self.event(group, *count)).collect();
            if let Err(error) = retry_on_contention(|| self.try_record(&events)).await {
                for (group, count) in batch.iter().chain(batches.flatten()) {
                    self.counts.add(group.clone(), *count);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    async fn try_record(&self, events: &[AuditEvent]) -> Result<(), StoreError> {
        let work = self.store.begin().await?;
        for event in events {
            work.audit().record(event).await?;
        }
        work.commit().await
    }

    fn event(&self, group: &RefusalGroup, count: u32) -> AuditEvent {
        let event = self.events.audit_event(group.kind, group.minute).with_detail(group.reason);
        AuditEvent { app: group.app.clone(), count, request: None, ..event }
    }
}
