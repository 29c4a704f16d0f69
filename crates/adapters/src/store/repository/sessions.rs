//! Sessions as rows.

use async_trait::async_trait;
use domain::model::app::name::AppName;
use domain::model::member::{Member, MemberId};
use domain::model::session::{Session, SessionId};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::sessions::{SessionLister, SessionReader, SessionRepository};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select, SelectTwo,
};
use uuid::Uuid;

use crate::cache::invalidation::Change;
use crate::store::SeaStore;
use crate::store::entity::member;
use crate::store::entity::session::{self, Column, Entity};
use crate::store::entity::session_epoch;
use crate::store::error::Row;
use crate::store::insert_if_absent::insert_if_absent;
use crate::store::transaction::SeaUnitOfWork;

/// Id of the only row with an epoch.
const EPOCH_ID: i64 = 1;

#[async_trait]
impl SessionRepository for SeaUnitOfWork {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let row = self.run(async move |txn| Entity::find_by_id(id.0).one(txn).await).await?;
        row.as_ref().map(from_row).transpose()
    }

    async fn find_with_member(
        &self,
        id: SessionId,
    ) -> Result<Option<(Session, Member)>, StoreError> {
        let rows = self.run(async move |txn| with_member(id).one(txn).await).await?;
        let Some((session, Some(member))) = rows else { return Ok(None) };
        Ok(Some((from_row(&session)?, self.member(member).await?)))
    }

    async fn list_by_member(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        let rows = self.run(async move |txn| by_member(member).all(txn).await).await?;
        rows.iter().map(from_row).collect()
    }

    async fn add(&self, session: &Session) -> Result<(), StoreError> {
        self.exec_insert(to_row(session)).await?;
        self.sessions.add_opened();
        Ok(())
    }

    async fn advance(&self, next: &Session) -> Result<bool, StoreError> {
        let update = Entity::update_many()
            .set(to_row(next).into_active_model().reset_all())
            .filter(Column::Id.eq(next.id.0))
            .filter(Column::Generation.eq(i64::from(next.generation) - 1));
        let updated = self.exec_update(update).await?;
        self.notifications.add([Change::Session(next.id)]);
        Ok(updated == 1)
    }

    async fn remove(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        if sessions.is_empty() {
            return Ok(());
        }
        let ids = sessions.iter().map(|session| session.0);
        let deleted = self.exec_delete(Entity::delete_many().filter(Column::Id.is_in(ids))).await?;
        self.sessions.add_ended(deleted);
        self.notifications.add(sessions.iter().copied().map(Change::Session));
        Ok(())
    }

    async fn remove_all(&self, member: MemberId) -> Result<(), StoreError> {
        let delete = Entity::delete_many().filter(Column::MemberId.eq(member.0));
        let deleted = self.exec_delete(delete).await?;
        self.sessions.add_ended(deleted);
        self.notifications.add([Change::Member(member)]);
        Ok(())
    }

    async fn remove_opened_until(&self, then: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let select = opened_until(then, limit);
        let ids = self.run(async move |txn| select.into_tuple::<Uuid>().all(txn).await).await?;
        let ids: Vec<SessionId> = ids.into_iter().map(SessionId).collect();
        self.remove(&ids).await?;
        Ok(ids.len() as u64)
    }

    async fn epoch(&self) -> Result<u32, StoreError> {
        let select = session_epoch::Entity::find_by_id(EPOCH_ID);
        let Some(row) = self.run(async move |txn| select.one(txn).await).await? else {
            return Ok(0);
        };
        u32::try_from(row.epoch).map_err(StoreError::new)
    }

    async fn start_epoch(&self, epoch: u32) -> Result<(), StoreError> {
        use session_epoch::{Column, Entity, Model};
        let epoch = i64::from(epoch);
        let row = Model { id: EPOCH_ID, epoch }.into_active_model();
        self.run(async move |txn| insert_if_absent(txn, row, &[Column::Id]).await).await?;
        let raise = Entity::update_many()
            .col_expr(Column::Epoch, Expr::value(epoch))
            .filter(Column::Id.eq(EPOCH_ID))
            .filter(Column::Epoch.lt(epoch));
        self.exec_update(raise).await?;
        Ok(())
    }
}

#[async_trait]
impl SessionReader for SeaStore {
    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError> {
        let rows = self.reader.run(async move |reader| with_member(id).one(reader).await).await?;
        let Some((session, Some(member))) = rows else { return Ok(None) };
        Ok(Some((from_row(&session)?, self.member(member).await?)))
    }
}

#[async_trait]
impl SessionLister for SeaStore {
    async fn list_sessions(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        let rows = self.reader.run(async move |reader| by_member(member).all(reader).await).await?;
        rows.iter().map(from_row).collect()
    }
}

/// Selects the ids of the first sessions that were opened at `then` or before. Ids are in the order of time, so
/// the sessions that were opened later are not read.
pub(crate) fn opened_until(then: Timestamp, limit: u64) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::CreatedAt.lte(then.unix_millis()))
        .order_by_asc(Column::Id)
        .limit(limit)
}

/// Selects the row of a session with the row of its member.
pub(crate) fn with_member(id: SessionId) -> SelectTwo<Entity, member::Entity> {
    Entity::find_by_id(id.0).find_also_related(member::Entity)
}

/// Selects the rows of a member's sessions.
pub(crate) fn by_member(member: MemberId) -> Select<Entity> {
    Entity::find().filter(Column::MemberId.eq(member.0))
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

fn from_row(row: &session::Model) -> Result<Session, StoreError> {
    let location = Row { table: "session", id: row.id };
    let app = str::from_utf8(&row.app).map_err(|error| location.invalid("app", error))?;
    let generation = u32::try_from(row.generation);
    Ok(Session {
        id: SessionId(row.id),
        member: MemberId(row.member_id),
        app: AppName::parse(app).map_err(|error| location.invalid("app", error))?,
        generation: generation.map_err(|error| location.invalid("generation", error))?,
        created_at: Timestamp::from_unix_millis(row.created_at),
        refreshed_at: Timestamp::from_unix_millis(row.refreshed_at),
        expires_at: Timestamp::from_unix_millis(row.expires_at),
    })
}
