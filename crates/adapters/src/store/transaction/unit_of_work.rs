//! Unit of work: one transaction that implements every repository.

use std::sync::Arc;

use async_trait::async_trait;
use domain::model::event::delivery::Subscriptions;
use domain::ports::store::UnitOfWork;
use domain::ports::store::admins::AdminRepository;
use domain::ports::store::apps::AppRepository;
use domain::ports::store::audit::AuditLog;
use domain::ports::store::error::StoreError;
use domain::ports::store::expired_rows::ExpiredRowRepository;
use domain::ports::store::identities::IdentityRepository;
use domain::ports::store::members::{MemberRepository, TombstoneRepository};
use domain::ports::store::outbox::Outbox;
use domain::ports::store::pushes::PushRepository;
use domain::ports::store::redemptions::RedemptionRepository;
use domain::ports::store::session_keys::SessionKeyRepository;
use domain::ports::store::sessions::SessionRepository;
use domain::ports::store::signing_keys::SigningKeyRepository;
use sea_orm::DatabaseTransaction;
use tracing::{Span, field, info_span};

use crate::store::encryption::data_keys::DataKeyring;
use crate::store::metrics::SessionCounters;
use crate::store::transaction::change_notifications::PendingNotifications;
use crate::store::transaction::scheduler::{OpenTransaction, WriteScheduler};
use crate::store::transaction::uncancellable::{Statements, run_to_completion};

/// Unit of work over an open transaction. Dropping it rolls the transaction back.
pub(crate) struct SeaUnitOfWork {
    open: Arc<OpenTransaction>,
    pub(crate) sessions: SessionCounters,
    pub(crate) notifications: PendingNotifications,
    keyring: Arc<DataKeyring>,
    subscriptions: Arc<Subscriptions>,
    span: Span,
}

impl SeaUnitOfWork {
    /// Begins a transaction as soon as the scheduler permits.
    pub(crate) async fn begin(
        scheduler: &WriteScheduler,
        sessions: SessionCounters,
        notifications: PendingNotifications,
        keyring: Arc<DataKeyring>,
        subscriptions: Arc<Subscriptions>,
    ) -> Result<Self, StoreError> {
        let open = Arc::new(scheduler.begin().await?);
        let span = info_span!("unit of work", committed = field::Empty);
        Ok(Self { open, sessions, notifications, keyring, subscriptions, span })
    }

    /// Runs statements in the transaction to completion, whether or not the caller is cancelled.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        statements: impl Statements<DatabaseTransaction, T>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        Arc::clone(&self.open).run(statements)
    }

    /// Runs statements as [`Self::run`] does, and returns `None` if another row has a unique value of
    /// theirs. The unit of work must be dropped then.
    pub(crate) fn run_unless_taken<T: Send + 'static>(
        &self,
        statements: impl Statements<DatabaseTransaction, T>,
    ) -> impl Future<Output = Result<Option<T>, StoreError>> + Send {
        Arc::clone(&self.open).run_unless_taken(statements)
    }

    /// Data keys that encrypt and decrypt column values.
    pub(crate) fn keyring(&self) -> &DataKeyring {
        &self.keyring
    }

    /// Webhook receivers with the events that they are subscribed to.
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

    fn expired_rows(&self) -> &dyn ExpiredRowRepository {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { open, sessions, notifications, span, .. } = *self;
        // The statement of a cancelled caller may still be running. Its outcome is unknown.
        let Some(open) = Arc::into_inner(open) else {
            return Err(StoreError::new("nothing was committed: a statement was cancelled"));
        };
        run_to_completion(async move {
            open.commit().await?;
            sessions.publish();
            notifications.publish().await;
            span.record("committed", true);
            Ok(())
        })
        .await
    }
}
