//! Administrators and their sessions as rows.

use async_trait::async_trait;
use domain::model::admin::{
    Admin, AdminId, AdminName, AdminSession, Invitation, PasswordHash, Role,
};
use domain::model::fingerprint::Fingerprint;
use domain::model::timestamp::Timestamp;
use domain::ports::store::admins::{AdminReader, AdminRepository};
use domain::ports::store::error::{AddError, StoreError, UpdateError};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, DeleteMany, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, Select,
};

use crate::store::SeaStore;
use crate::store::entity::admin::{ActiveModel, Column, Entity, Model};
use crate::store::entity::admin_session;
use crate::store::error::Row;
use crate::store::insert_if_absent::insert_unless_taken;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl AdminRepository for SeaUnitOfWork {
    async fn find(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        let open = self.open();
        let row = to_the_end(async move { Entity::find_by_id(id.0).one(&open.txn).await });
        row.await?.map(from_row).transpose()
    }

    async fn find_named(&self, name: &AdminName) -> Result<Option<Admin>, StoreError> {
        let (open, row) = (self.open(), named(name));
        to_the_end(async move { row.one(&open.txn).await }).await?.map(from_row).transpose()
    }

    async fn add(&self, admin: &Admin) -> Result<(), AddError> {
        let (open, row) = (self.open(), to_row(admin));
        let added =
            to_the_end(async move { insert_unless_taken(&open.txn, row, &[Column::Name]).await });
        if added.await? { Ok(()) } else { Err(AddError::Taken) }
    }

    async fn update(&self, admin: &Admin) -> Result<(), UpdateError> {
        let read = i64::from(admin.version);
        let written = ActiveModel {
            id: ActiveValue::NotSet,
            name: ActiveValue::NotSet,
            version: ActiveValue::Set(read + 1),
            ..to_row(admin)
        };
        let update = Entity::update_many()
            .set(written)
            .filter(Column::Id.eq(admin.id.0))
            .filter(Column::Version.eq(read));
        let open = self.open();
        let updated = to_the_end(async move { update.exec(&open.txn).await }).await?;
        if updated.rows_affected == 1 { Ok(()) } else { Err(UpdateError::Stale) }
    }

    async fn add_session(&self, session: &AdminSession) -> Result<(), StoreError> {
        let row = admin_session::Model {
            token: session.token.0.into(),
            admin_id: session.admin.0,
            created_at: session.created_at.unix_millis(),
            used_at: session.used_at.unix_millis(),
        };
        let insert = admin_session::Entity::insert(row.into_active_model());
        let open = self.open();
        to_the_end(async move { insert.exec_without_returning(&open.txn).await }).await?;
        Ok(())
    }

    async fn touch_session(&self, token: &Fingerprint, at: Timestamp) -> Result<(), StoreError> {
        let update = admin_session::Entity::update_many()
            .col_expr(admin_session::Column::UsedAt, Expr::value(at.unix_millis()))
            .filter(admin_session::Column::Token.eq(token.0.to_vec()));
        let open = self.open();
        to_the_end(async move { update.exec(&open.txn).await }).await?;
        Ok(())
    }

    async fn end_session(&self, token: &Fingerprint) -> Result<(), StoreError> {
        let this = admin_session::Column::Token.eq(token.0.to_vec());
        self.end(admin_session::Entity::delete_many().filter(this)).await
    }

    async fn end_all_sessions(&self, admin: AdminId) -> Result<(), StoreError> {
        let theirs = admin_session::Column::AdminId.eq(admin.0);
        self.end(admin_session::Entity::delete_many().filter(theirs)).await
    }

    async fn delete_sessions_before(&self, then: Timestamp) -> Result<(), StoreError> {
        let unused = admin_session::Column::UsedAt.lt(then.unix_millis());
        self.end(admin_session::Entity::delete_many().filter(unused)).await
    }
}

impl SeaUnitOfWork {
    async fn end(&self, sessions: DeleteMany<admin_session::Entity>) -> Result<(), StoreError> {
        let open = self.open();
        to_the_end(async move { sessions.exec(&open.txn).await }).await?;
        Ok(())
    }
}

#[async_trait]
impl AdminReader for SeaStore {
    async fn find_admin(&self, name: &AdminName) -> Result<Option<Admin>, StoreError> {
        let (reader, row) = (self.reader.clone(), named(name));
        to_the_end(async move { row.one(&reader).await }).await?.map(from_row).transpose()
    }

    async fn find_admin_session(
        &self,
        token: &Fingerprint,
    ) -> Result<Option<(AdminSession, Admin)>, StoreError> {
        let (reader, both) = (self.reader.clone(), session(token).find_also_related(Entity));
        let found = to_the_end(async move { both.one(&reader).await }).await?;
        let Some((row, Some(admin))) = found else { return Ok(None) };
        let session = AdminSession {
            token: *token,
            admin: AdminId(row.admin_id),
            created_at: Timestamp::from_unix_millis(row.created_at),
            used_at: Timestamp::from_unix_millis(row.used_at),
        };
        Ok(Some((session, from_row(admin)?)))
    }

    async fn admins(&self) -> Result<Vec<Admin>, StoreError> {
        let (reader, all) = (self.reader.clone(), Entity::find().order_by_asc(Column::Id));
        let rows = to_the_end(async move { all.all(&reader).await }).await?;
        rows.into_iter().map(from_row).collect()
    }
}

/// The row of this name.
pub(crate) fn named(name: &AdminName) -> Select<Entity> {
    Entity::find().filter(Column::Name.eq(name.as_str().as_bytes()))
}

/// The row of this session.
pub(crate) fn session(token: &Fingerprint) -> Select<admin_session::Entity> {
    admin_session::Entity::find_by_id(token.0.to_vec())
}

fn to_row(admin: &Admin) -> ActiveModel {
    let invitation = admin.invitation.as_ref();
    let row = Model {
        id: admin.id.0,
        name: admin.name.as_str().into(),
        role: admin.role.name().to_owned(),
        active: admin.active,
        password: admin.password.as_ref().map(|hash| hash.0.clone()),
        invitation: invitation.map(|invitation| invitation.code.0.into()),
        invited_until: invitation.map(|invitation| invitation.expires_at.unix_millis()),
        created_at: admin.created_at.unix_millis(),
        version: i64::from(admin.version),
    };
    row.into_active_model().reset_all()
}

fn from_row(row: Model) -> Result<Admin, StoreError> {
    let at = Row { table: "admin", id: row.id };
    let name = str::from_utf8(&row.name).map_err(|error| at.damaged("name", error))?;
    let invitation = row.invitation.zip(row.invited_until).map(|(code, until)| {
        let code = <[u8; 32]>::try_from(code);
        let code = code.map_err(|_bytes| at.damaged("invitation", "not 32 bytes"))?;
        let expires_at = Timestamp::from_unix_millis(until);
        Ok::<_, StoreError>(Invitation { code: Fingerprint(code), expires_at })
    });
    Ok(Admin {
        id: AdminId(row.id),
        name: AdminName::parse(name).map_err(|error| at.damaged("name", error))?,
        role: Role::from_name(&row.role).ok_or_else(|| at.damaged("role", "no such role"))?,
        active: row.active,
        password: row.password.map(PasswordHash),
        invitation: invitation.transpose()?,
        created_at: Timestamp::from_unix_millis(row.created_at),
        version: u32::try_from(row.version).map_err(|error| at.damaged("version", error))?,
    })
}
