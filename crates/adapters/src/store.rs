//! The store over a SQL database: SQLite, PostgreSQL, MySQL or MariaDB.

mod backend;
pub mod encryption;
mod entity;
mod error;
mod insert_if_absent;
mod metrics;
#[cfg(test)]
mod query_plans;
mod repository;
mod transaction;

use crate::store::backend::mysql;
use crate::store::backend::postgres;
use crate::store::backend::sqlite;
use crate::store::encryption::data_keys;
use crate::store::repository::identities;
use crate::store::repository::members;
use crate::store::repository::pushes;
use crate::store::repository::redemptions;
use crate::store::repository::sessions;
use crate::store::repository::{personal_data, session_keys};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::event::delivery::Subscriptions;
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::Subject;
use domain::model::login::redemption::Redemption;
use domain::model::member::personal_data::ExportedTable;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::query::MemberQuery;
use domain::model::member::{Member, MemberId};
use domain::model::provider::session_key::SealedSessionKey;
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::session::{Session, SessionId};
use domain::ports::store::StoreHealth;
use domain::ports::store::error::StoreError;
use domain::ports::store::identities::IdentityReader;
use domain::ports::store::members::{MemberReader, MemberSearch, PersonalDataReader};
use domain::ports::store::pushes::WithdrawalReader;
use domain::ports::store::redemptions::RedemptionReader;
use domain::ports::store::session_keys::SessionKeyReader;
use domain::ports::store::sessions::{SessionLister, SessionReader};
use domain::ports::store::{Store, UnitOfWork};
use prometheus_client::registry::Registry;
use sea_orm::sqlx::pool::{PoolConnectionMetadata, PoolOptions};
use sea_orm::sqlx::{self, Database};
use sea_orm::{ColumnTrait, DatabaseConnection, DbBackend, EntityTrait, QueryFilter, QuerySelect};
use tokio::time::timeout;

use crate::cache::invalidation::ChangeNotifier;
use crate::crypto::sealer::Sealer;
use crate::store::encryption::data_keys::DataKeyring;
use crate::store::entity::{member, redemption, session};
use crate::store::metrics::{PoolMeter, Pools, SessionMeters};
use crate::store::transaction::change_notifications::Told;
use crate::store::transaction::scheduler::Turns;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

/// How long opening a connection may take, or waiting for one, before the database counts as down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection from the pool counts as tried out since it was given back: sqlx asks it then.
const TRIED_OUT: Duration = Duration::from_secs(1);

/// How long the database may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Which database to use.
pub struct StoreConfig {
    /// `sqlite://PATH`, `postgres://…` or `mysql://…`. May hold a password: never print it.
    ///
    /// TLS is used where the server offers it; demand it with `?sslmode=verify-full` (PostgreSQL) or
    /// `?ssl-mode=VERIFY_IDENTITY` (MySQL).
    pub url: String,
    /// How many connections at most, and at least one. SQLite has one that writes, and this many that
    /// read.
    pub max_connections: u32,
    /// What seals the data keys, which seal what members would not have told.
    pub sealer: Arc<Sealer>,
}

/// Members, identities and sessions in a SQL database.
pub struct SeaStore {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    turns: Turns,
    pools: Arc<Pools>,
    sessions: SessionMeters,
    keyring: Arc<DataKeyring>,
    subscriptions: Arc<Subscriptions>,
    change_notifier: Option<Arc<dyn ChangeNotifier>>,
}

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names no database this service knows.
    #[error("the database URL begins with none of sqlite://, postgres:// and mysql://")]
    UnknownDatabase,
    /// SQLite in memory would be another database for every connection.
    #[error("SQLite must be a file: sqlite://PATH")]
    InMemory,
    /// The folder of the SQLite file could not be made.
    #[error("the folder {folder} for the database could not be made")]
    CreateFolder {
        /// The folder.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database could not be reached or opened.
    #[error("the database could not be opened")]
    Connect(#[from] sqlx::Error),
    /// SQLite would not keep its promises.
    #[error("SQLite has {name} = {found} where this service needs {needed}")]
    UnsafeSetting {
        /// The setting.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        needed: &'static str,
    },
}

/// The open database, however many connections it takes.
struct Opened {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    turns: Turns,
    pools: Vec<PoolMeter>,
}

impl SeaStore {
    /// Opens the database. Its schema must be there already.
    pub async fn connect(config: &StoreConfig) -> Result<Self, ConnectError> {
        let opened = match config.url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => sqlite::open(config).await?,
            Some("postgres" | "postgresql") => postgres::open(config).await?,
            Some("mysql" | "mariadb") => mysql::open(config).await?,
            Some(_) | None => return Err(ConnectError::UnknownDatabase),
        };
        let Opened { writer, reader, turns, pools } = opened;
        let pools = Arc::new(Pools(pools));
        let sessions = SessionMeters::default();
        let keyring = Arc::new(DataKeyring::new(Arc::clone(&config.sealer)));
        let subscriptions = Arc::default();
        Ok(Self {
            writer,
            reader,
            turns,
            pools,
            sessions,
            keyring,
            subscriptions,
            change_notifier: None,
        })
    }

    /// The same, keeping events for these receivers; without any, it keeps none.
    #[must_use]
    pub fn with_subscriptions(self, subscriptions: Subscriptions) -> Self {
        Self { subscriptions: Arc::new(subscriptions), ..self }
    }

    /// The same, telling whoever remembers members what it changes of them.
    #[must_use]
    pub fn with_change_notifier(self, news: Arc<dyn ChangeNotifier>) -> Self {
        Self { change_notifier: Some(news), ..self }
    }

    /// Shows operators how it goes.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Arc::clone(&self.pools)));
        self.sessions.register(registry);
    }

    /// Closes every connection once its unit of work is done; nothing can be begun afterwards.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.turns.close();
        for connection in [&self.writer, &self.reader] {
            connection.close_by_ref().await.map_err(|error| error::fault(&error))?;
        }
        Ok(())
    }

    /// A unit of work, when it is the caller's turn.
    async fn unit_of_work(&self) -> Result<SeaUnitOfWork, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let subscriptions = Arc::clone(&self.subscriptions);
        let writer = &self.writer;
        let turns = &self.turns;
        let sessions = self.sessions.clone();
        let told = Told::to(self.change_notifier.clone());
        SeaUnitOfWork::begin(writer, turns, sessions, keyring, subscriptions, told).await
    }

    /// The member in a row.
    async fn member(&self, row: member::Model) -> Result<Member, StoreError> {
        let phone = self.phone(&row).await?;
        members::from_row(row, phone)
    }

    /// The phone number in a row.
    async fn phone(&self, row: &member::Model) -> Result<Option<PhoneNumber>, StoreError> {
        let reader = self.reader.clone();
        let rows = to_the_end(async move { data_keys::all(&reader).await });
        self.keyring.phone(row, rows).await
    }
}

/// What all pools have in common.
///
/// A connection is not tried out before use in the way of sqlx, which sees less than the checks of our
/// own for PostgreSQL and MySQL; one to a file cannot break.
///
/// None is closed for its age either: the task in which sqlx looks for aged ones counts idle connections
/// down before up where one is taken at that moment, and then turns round for ever, 2⁶⁴ times.
fn pool<DB: Database>(max_connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(max_connections.max(1))
        .acquire_timeout(CONNECT_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// Whether a connection from the pool need not be tried out. Asking each time is one more question for
/// every unit of work, and of a busy server nobody restarts unseen within a second.
fn was_tried_out(connection: &PoolConnectionMetadata) -> bool {
    connection.idle_for < TRIED_OUT
}

#[async_trait]
impl Store for SeaStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(self.unit_of_work().await?))
    }

    async fn purge_deleted(&self) -> Result<(), StoreError> {
        let DbBackend::Sqlite = self.writer.get_database_backend() else { return Ok(()) };
        let writer = self.writer.clone();
        self.turns.alone(async move { sqlite::purge_deleted(&writer).await }).await
    }
}

#[async_trait]
impl MemberReader for SeaStore {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        let reader = self.reader.clone();
        let row = to_the_end(async move { member::Entity::find_by_id(id.0).one(&reader).await });
        match row.await? {
            Some(row) => self.member(row).await.map(Some),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl MemberSearch for SeaStore {
    async fn search(&self, query: &MemberQuery) -> Result<Vec<Member>, StoreError> {
        let mut members = Vec::new();
        for row in self.meant(query).await? {
            members.push(self.member(row).await?);
        }
        Ok(members)
    }
}

#[async_trait]
impl PersonalDataReader for SeaStore {
    async fn export_member(&self, member: MemberId) -> Result<Vec<ExportedTable>, StoreError> {
        let reader = self.reader.clone();
        let held = to_the_end(async move { entity::export_member(&reader, member).await }).await?;
        let reader = self.reader.clone();
        let not_in_clear = member::Column::Phone.is_null();
        let row = member::Entity::find_by_id(member.0).filter(not_in_clear);
        let Some(row) = to_the_end(async move { row.one(&reader).await }).await? else {
            return Ok(held);
        };
        let phone = self.phone(&row).await?;
        Ok(personal_data::with_phone(held, phone.as_ref()))
    }
}

#[async_trait]
impl IdentityReader for SeaStore {
    async fn list_identities(&self, member: MemberId) -> Result<Vec<Subject>, StoreError> {
        let reader = self.reader.clone();
        let theirs = identities::of_member(member);
        let rows = to_the_end(async move { theirs.all(&reader).await }).await?;
        rows.into_iter().map(identities::from_row).collect()
    }
}

#[async_trait]
impl SessionReader for SeaStore {
    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError> {
        let reader = self.reader.clone();
        let both = sessions::with_member(id);
        let found = to_the_end(async move { both.one(&reader).await }).await?;
        let Some((session, Some(member))) = found else { return Ok(None) };
        Ok(Some((sessions::from_row(&session)?, self.member(member).await?)))
    }
}

#[async_trait]
impl SessionLister for SeaStore {
    async fn list_sessions(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        let reader = self.reader.clone();
        let theirs = session::Entity::find().filter(session::Column::MemberId.eq(member.0));
        let rows = to_the_end(async move { theirs.all(&reader).await }).await?;
        rows.iter().map(sessions::from_row).collect()
    }
}

#[async_trait]
impl RedemptionReader for SeaStore {
    async fn find_redemption(&self, code: &Fingerprint) -> Result<Option<Redemption>, StoreError> {
        let reader = self.reader.clone();
        let code = code.0.to_vec();
        let row =
            to_the_end(async move { redemption::Entity::find_by_id(code).one(&reader).await });
        row.await?.map(redemptions::from_row).transpose()
    }
}

#[async_trait]
impl SessionKeyReader for SeaStore {
    async fn find_session_key(
        &self,
        user: &Subject,
    ) -> Result<Option<SealedSessionKey>, StoreError> {
        let reader = self.reader.clone();
        let key = session_keys::of(user);
        let row = to_the_end(async move { key.one(&reader).await }).await?;
        Ok(row.map(|row| session_keys::from_row(user.clone(), row)))
    }
}

#[async_trait]
impl WithdrawalReader for SeaStore {
    async fn withdrawals(&self, limit: u64) -> Result<Vec<Withdrawal>, StoreError> {
        let reader = self.reader.clone();
        let rows = to_the_end(async move { pushes::oldest(limit).all(&reader).await }).await?;
        rows.into_iter().map(pushes::from_row).collect()
    }
}

#[async_trait]
impl StoreHealth for SeaStore {
    async fn ready(&self) -> Result<(), StoreError> {
        let reader = self.reader.clone();
        // A table of ours, so that a database that was never migrated is not ready.
        let any = member::Entity::find().select_only().column(member::Column::Version).limit(1);
        let row = to_the_end(async move { any.into_tuple::<i64>().one(&reader).await });
        timeout(READY_TIMEOUT, row).await.map_err(StoreError::new)??;
        Ok(())
    }
}
