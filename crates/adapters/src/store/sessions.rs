//! Sessions as rows.

use async_trait::async_trait;
use domain::app::AppName;
use domain::member::MemberId;
use domain::ports::store::{SessionRepository, StoreError};
use domain::session::{Session, SessionId};
use domain::timestamp::Timestamp;
use sea_orm::{EntityTrait, IntoActiveModel};

use crate::store::entity::session::{self, Entity};
use crate::store::error::Row;
use crate::store::task::to_the_end;
use crate::store::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl SessionRepository for SeaUnitOfWork {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let open = self.open();
        let row = to_the_end(async move { Entity::find_by_id(id.0).one(&open.txn).await });
        row.await?.as_ref().map(from_row).transpose()
    }

    async fn add(&self, session: &Session) -> Result<(), StoreError> {
        let row = session::Model {
            id: session.id.0,
            member_id: session.member.0,
            app: session.app.as_str().into(),
            generation: i64::from(session.generation),
            created_at: session.created_at.unix_millis(),
            expires_at: session.expires_at.unix_millis(),
        };
        let (open, insert) = (self.open(), Entity::insert(row.into_active_model()));
        to_the_end(async move { insert.exec_without_returning(&open.txn).await }).await?;
        Ok(())
    }
}

fn from_row(row: &session::Model) -> Result<Session, StoreError> {
    let at = Row { table: "session", id: row.id };
    let app = str::from_utf8(&row.app).map_err(|error| at.damaged("app", error))?;
    let generation = u32::try_from(row.generation);
    Ok(Session {
        id: SessionId(row.id),
        member: MemberId(row.member_id),
        app: AppName::parse(app).map_err(|error| at.damaged("app", error))?,
        generation: generation.map_err(|error| at.damaged("generation", error))?,
        created_at: Timestamp::from_unix_millis(row.created_at),
        expires_at: Timestamp::from_unix_millis(row.expires_at),
    })
}
