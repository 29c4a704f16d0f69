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
    ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use crate::store::SeaStore;
use crate::store::entity::admin::{ActiveModel, Column, Entity, Model};
use crate::store::entity::admin_session;
use crate::store::error::Row;
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl AdminRepository for SeaUnitOfWork {
    async fn find(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        let row = self.run(async move |txn| Entity::find_by_id(id.0).one(txn).await).await?;
        row.map(from_row).transpose()
    }

    async fn find_for_update(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        let select = Entity::find_by_id(id.0).lock_exclusive();
        let row = self.run(async move |txn| select.one(txn).await).await?;
        row.map(from_row).transpose()
    }

    async fn find_by_name(&self, name: &AdminName) -> Result<Option<Admin>, StoreError> {
        let select = by_name(name);
        let row = self.run(async move |txn| select.one(txn).await).await?;
        row.map(from_row).transpose()
    }

    async fn add(&self, admin: &Admin) -> Result<(), AddError> {
        self.exec_insert_unique(to_row(admin), [Column::Name]).await
    }

    async fn update(&self, admin: &Admin) -> Result<(), UpdateError> {
        let read_version = i64::from(admin.version);
        let row = ActiveModel {
            id: ActiveValue::NotSet,
            name: ActiveValue::NotSet,
            version: ActiveValue::Set(read_version + 1),
            ..to_row(admin)
        };
        let update = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(admin.id.0))
            .filter(Column::Version.eq(read_version));
        if self.exec_update(update).await? == 0 {
            return Err(UpdateError::Stale);
        }
        Ok(())
    }

    async fn add_session(&self, session: &AdminSession) -> Result<(), StoreError> {
        let row = admin_session::Model {
            token: session.token.0.into(),
            admin_id: session.admin.0,
            created_at: session.created_at.unix_millis(),
            used_at: session.used_at.unix_millis(),
        };
        self.exec_insert(row).await
    }

    async fn touch_session(&self, token: &Fingerprint, at: Timestamp) -> Result<(), StoreError> {
        let update = admin_session::Entity::update_many()
            .col_expr(admin_session::Column::UsedAt, Expr::value(at.unix_millis()))
            .filter(admin_session::Column::Token.eq(token.0.to_vec()));
        self.exec_update(update).await?;
        Ok(())
    }

    async fn end_session(&self, token: &Fingerprint) -> Result<(), StoreError> {
        let is_this = admin_session::Column::Token.eq(token.0.to_vec());
        self.exec_delete(admin_session::Entity::delete_many().filter(is_this)).await?;
        Ok(())
    }

    async fn end_all_sessions(&self, admin: AdminId) -> Result<(), StoreError> {
        let is_of_admin = admin_session::Column::AdminId.eq(admin.0);
        self.exec_delete(admin_session::Entity::delete_many().filter(is_of_admin)).await?;
        Ok(())
    }
}

#[async_trait]
impl AdminReader for SeaStore {
    async fn find_admin(&self, name: &AdminName) -> Result<Option<Admin>, StoreError> {
        let select = by_name(name);
        let row = self.reader.run(async move |reader| select.one(reader).await).await?;
        row.map(from_row).transpose()
    }

    async fn find_admin_session(
        &self,
        token: &Fingerprint,
    ) -> Result<Option<(AdminSession, Admin)>, StoreError> {
        let select = session_by_token(token).find_also_related(Entity);
        let rows = self.reader.run(async move |reader| select.one(reader).await).await?;
        let Some((row, Some(admin))) = rows else { return Ok(None) };
        let session = AdminSession {
            token: *token,
            admin: AdminId(row.admin_id),
            created_at: Timestamp::from_unix_millis(row.created_at),
            used_at: Timestamp::from_unix_millis(row.used_at),
        };
        Ok(Some((session, from_row(admin)?)))
    }

    async fn admins(&self) -> Result<Vec<Admin>, StoreError> {
        let select = Entity::find().order_by_asc(Column::Id);
        let rows = self.reader.run(async move |reader| select.all(reader).await).await?;
        rows.into_iter().map(from_row).collect()
    }
}

/// Selects the row of an administrator.
pub(crate) fn by_name(name: &AdminName) -> Select<Entity> {
    Entity::find().filter(Column::Name.eq(name.as_str().as_bytes()))
}

/// Selects the row of an administrator's session.
pub(crate) fn session_by_token(token: &Fingerprint) -> Select<admin_session::Entity> {
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
    let location = Row { table: "admin", id: row.id };
    let name = str::from_utf8(&row.name).map_err(|error| location.invalid("name", error))?;
    let invitation = row.invitation.zip(row.invited_until).map(|(code, until)| {
        let code = <[u8; 32]>::try_from(code);
        let code =
            code.map_err(|_bytes| location.invalid("invitation", "length other than 32 bytes"))?;
        let expires_at = Timestamp::from_unix_millis(until);
        Ok::<_, StoreError>(Invitation { code: Fingerprint(code), expires_at })
    });
    Ok(Admin {
        id: AdminId(row.id),
        name: AdminName::parse(name).map_err(|error| location.invalid("name", error))?,
        role: Role::from_name(&row.role).ok_or_else(|| location.invalid("role", "unknown role"))?,
        active: row.active,
        password: row.password.map(PasswordHash),
        invitation: invitation.transpose()?,
        created_at: Timestamp::from_unix_millis(row.created_at),
        version: u32::try_from(row.version).map_err(|error| location.invalid("version", error))?,
    })
}
