//! The unit of work: one transaction that is every repository.

use std::sync::Arc;

use async_trait::async_trait;
use domain::model::event::delivery::Subscriptions;
use domain::ports::store::UnitOfWork;
use domain::ports::store::admins::AdminRepository;
use domain::ports::store::apps::AppRepository;
use domain::ports::store::audit::AuditLog;
use domain::ports::store::error::StoreError;
use domain::ports::store::identities::IdentityRepository;
use domain::ports::store::members::{MemberRepository, TombstoneRepository};
use domain::ports::store::outbox::Outbox;
use domain::ports::store::pushes::PushRepository;
use domain::ports::store::redemptions::RedemptionRepository;
use domain::ports::store::session_keys::SessionKeyRepository;
use domain::ports::store::sessions::SessionRepository;
use domain::ports::store::signing_keys::SigningKeyRepository;
use sea_orm::DatabaseConnection;
use tracing::{Span, field, info_span};

use crate::store::encryption::data_keys::DataKeyring;
use crate::store::metrics::{SessionMeters, Tally};
use crate::store::transaction::change_notifications::Told;
use crate::store::transaction::scheduler::{Open, Turns};
use crate::store::transaction::uncancellable::to_the_end;

/// A transaction under way; dropped, it is rolled back.
pub(crate) struct SeaUnitOfWork {
    open: Arc<Open>,
    pub(crate) tally: Tally,
    pub(crate) told: Told,
    keyring: Arc<DataKeyring>,
    subscriptions: Arc<Subscriptions>,
    span: Span,
}

impl SeaUnitOfWork {
    /// Begins a transaction when it is the caller's turn.
    pub(crate) async fn begin(
        writer: &DatabaseConnection,
        turns: &Turns,
        sessions: SessionMeters,
        keyring: Arc<DataKeyring>,
        subscriptions: Arc<Subscriptions>,
        told: Told,
    ) -> Result<Self, StoreError> {
        let open = turns.begin(writer).await?;
        let span = info_span!("unit of work", committed = field::Empty);
        Ok(Self { open, tally: Tally::of(sessions), told, keyring, subscriptions, span })
    }

    /// The transaction, for a statement to keep until it is done.
    pub(crate) fn open(&self) -> Arc<Open> {
        Arc::clone(&self.open)
    }

    /// What seals and opens the values of rows.
    pub(crate) fn keyring(&self) -> &DataKeyring {
        &self.keyring
    }

    /// For whom events are kept.
    pub(crate) fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }
}

#[async_trait]
impl UnitOfWork for SeaUnitOfWork {
    fn members(&self) -> &dyn MemberRepository {
        self
    }

    fn identities(&self) -> &dyn IdentityRepository {
        self
    }

    fn sessions(&self) -> &dyn SessionRepository {
        self
    }

    fn redemptions(&self) -> &dyn RedemptionRepository {
        self
    }

    fn session_keys(&self) -> &dyn SessionKeyRepository {
        self
    }

    fn audit(&self) -> &dyn AuditLog {
        self
    }

    fn admins(&self) -> &dyn AdminRepository {
        self
    }

    fn apps(&self) -> &dyn AppRepository {
        self
    }

    fn tombstones(&self) -> &dyn TombstoneRepository {
        self
    }

    fn pushes(&self) -> &dyn PushRepository {
        self
    }

    fn outbox(&self) -> &dyn Outbox {
        self
    }

    fn signing_keys(&self) -> &dyn SigningKeyRepository {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { open, tally, told, span, .. } = *self;
        // A statement nobody waited for may still be running, to an end nobody would hear of.
        let Some(open) = Arc::into_inner(open) else {
            return Err(StoreError::new("a statement was given up, so nothing is committed"));
        };
        to_the_end(async move {
            let committed = open.commit().await;
            if committed.is_ok() {
                tally.committed();
                told.committed().await;
                span.record("committed", true);
            }
            committed
        })
        .await
    }
}
