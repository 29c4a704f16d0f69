//! Sessions as rows.

use async_trait::async_trait;
use domain::model::app::name::AppName;
use domain::model::member::{Member, MemberId};
use domain::model::session::{Session, SessionId};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::sessions::SessionRepository;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, SelectTwo,
};

use crate::cache::invalidation::Change;
use crate::store::entity::member;
use crate::store::entity::session::{self, Column, Entity};
use crate::store::error::Row;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl SessionRepository for SeaUnitOfWork {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let open = self.open();
        let row = to_the_end(async move { Entity::find_by_id(id.0).one(&open.txn).await });
        row.await?.as_ref().map(from_row).transpose()
    }

    async fn find_with_member(
        &self,
        id: SessionId,
    ) -> Result<Option<(Session, Member)>, StoreError> {
        let (open, both) = (self.open(), with_member(id));
        let found = to_the_end(async move { both.one(&open.txn).await }).await?;
        let Some((session, Some(member))) = found else { return Ok(None) };
        Ok(Some((from_row(&session)?, self.member(member).await?)))
    }

    async fn list_by_member(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        let (open, theirs) = (self.open(), Entity::find().filter(Column::MemberId.eq(member.0)));
        let rows = to_the_end(async move { theirs.all(&open.txn).await }).await?;
        rows.iter().map(from_row).collect()
    }

    async fn add(&self, session: &Session) -> Result<(), StoreError> {
        let (open, insert) = (self.open(), Entity::insert(to_row(session).into_active_model()));
        to_the_end(async move { insert.exec_without_returning(&open.txn).await }).await?;
        self.tally.opened();
        Ok(())
    }

    async fn advance(&self, next: &Session) -> Result<bool, StoreError> {
        let update = Entity::update_many()
            .set(to_row(next).into_active_model().reset_all())
            .filter(Column::Id.eq(next.id.0))
            .filter(Column::Generation.eq(i64::from(next.generation) - 1));
        let open = self.open();
        let result = to_the_end(async move { update.exec(&open.txn).await }).await?;
        self.told.changes([Change::Session(next.id)]);
        Ok(result.rows_affected == 1)
    }

    async fn remove(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        if sessions.is_empty() {
            return Ok(());
        }
        let ids = sessions.iter().map(|session| session.0);
        let (open, delete) = (self.open(), Entity::delete_many().filter(Column::Id.is_in(ids)));
        let deleted = to_the_end(async move { delete.exec(&open.txn).await }).await?;
        self.tally.ended(deleted.rows_affected);
        self.told.changes(sessions.iter().copied().map(Change::Session));
        Ok(())
    }

    async fn remove_all(&self, member: MemberId) -> Result<(), StoreError> {
        let delete = Entity::delete_many().filter(Column::MemberId.eq(member.0));
        let open = self.open();
        let deleted = to_the_end(async move { delete.exec(&open.txn).await }).await?;
        self.tally.ended(deleted.rows_affected);
        self.told.changes([Change::Member(member)]);
        Ok(())
    }
}

/// The row of a session, and that of its member.
pub(crate) fn with_member(id: SessionId) -> SelectTwo<Entity, member::Entity> {
    Entity::find_by_id(id.0).find_also_related(member::Entity)
}

fn to_row(session: &Session) -> session::Model {
    session::Model {
        id: session.id.0,
        member_id: session.member.0,
        app: session.app.as_str().into(),
        generation: i64::from(session.generation),
        created_at: session.created_at.unix_millis(),
        refreshed_at: session.refreshed_at.unix_millis(),
        expires_at: session.expires_at.unix_millis(),
    }
}

/// The session in a row.
pub(crate) fn from_row(row: &session::Model) -> Result<Session, StoreError> {
    let at = Row { table: "session", id: row.id };
    let app = str::from_utf8(&row.app).map_err(|error| at.damaged("app", error))?;
    let generation = u32::try_from(row.generation);
    Ok(Session {
        id: SessionId(row.id),
        member: MemberId(row.member_id),
        app: AppName::parse(app).map_err(|error| at.damaged("app", error))?,
        generation: generation.map_err(|error| at.damaged("generation", error))?,
        created_at: Timestamp::from_unix_millis(row.created_at),
        refreshed_at: Timestamp::from_unix_millis(row.refreshed_at),
        expires_at: Timestamp::from_unix_millis(row.expires_at),
    })
}
