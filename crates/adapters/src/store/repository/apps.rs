//! Registered apps as rows. There are only a few, so it is cheap to read all of them.

use std::time::Duration;

use async_trait::async_trait;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::{AppPolicy, TokenLifetimes};
use domain::model::app::registered::{RegisteredApp, SealedPush, SealedSecret};
use domain::model::app::secret::AppSecretKind;
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::timestamp::Timestamp;
use domain::ports::store::apps::{AppReader, AppRepository};
use domain::ports::store::error::{AddError, StoreError, UpdateError};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder,
};
use uuid::Uuid;

use crate::store::SeaStore;
use crate::store::entity::app::{ActiveModel, Column, Entity, Model};
use crate::store::error::Row;
use crate::store::insert_if_absent::insert_if_absent;
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl AppRepository for SeaUnitOfWork {
    async fn find(&self, name: &AppName) -> Result<Option<RegisteredApp>, StoreError> {
        let select = Entity::find_by_id(name.as_str().as_bytes().to_vec());
        let row = self.run(async move |txn| select.one(txn).await).await?;
        row.map(from_row).transpose()
    }

    async fn add(&self, app: &RegisteredApp) -> Result<(), AddError> {
        let row = to_row(app)?;
        // The name may be free and the app id taken.
        let insert = async move |txn: &_| insert_if_absent(txn, row, &[Column::Name]).await;
        match self.run_unless_taken(insert).await? {
            Some(true) => Ok(()),
            Some(false) | None => Err(AddError::Taken),
        }
    }

    async fn update(&self, app: &RegisteredApp) -> Result<(), UpdateError> {
        let read_version = i64::from(app.version);
        let row = ActiveModel {
            name: ActiveValue::NotSet,
            app_id: ActiveValue::NotSet,
            created_at: ActiveValue::NotSet,
            version: ActiveValue::Set(read_version + 1),
            ..to_row(app)?
        };
        let update = Entity::update_many()
            .set(row)
            .filter(Column::Name.eq(app.name.as_str().as_bytes()))
            .filter(Column::Version.eq(read_version));
        if self.exec_update(update).await? == 0 {
            return Err(UpdateError::Stale);
        }
        Ok(())
    }

    async fn remove(&self, app: &RegisteredApp) -> Result<(), UpdateError> {
        let delete = Entity::delete_many()
            .filter(Column::Name.eq(app.name.as_str().as_bytes()))
            .filter(Column::Version.eq(i64::from(app.version)));
        if self.exec_delete(delete).await? == 0 {
            return Err(UpdateError::Stale);
        }
        Ok(())
    }
}

#[async_trait]
impl AppReader for SeaStore {
    async fn registered_apps(&self) -> Result<Vec<RegisteredApp>, StoreError> {
        let select = Entity::find().order_by_asc(Column::CreatedAt).order_by_asc(Column::Name);
        let rows = self.reader.run(async move |reader| select.all(reader).await).await?;
        rows.into_iter().map(from_row).collect()
    }
}

/// Returns the sealed values of a row, each with its column and kind.
pub(crate) fn sealed_columns(row: &Model) -> impl Iterator<Item = (Column, AppSecretKind, &[u8])> {
    let columns = [
        (Column::Secret, AppSecretKind::Secret, Some(&row.secret)),
        (Column::FormerSecret, AppSecretKind::Secret, row.former_secret.as_ref()),
        (Column::PushToken, AppSecretKind::PushToken, row.push_token.as_ref()),
        (Column::PushKey, AppSecretKind::PushKey, row.push_key.as_ref()),
    ];
    columns
        .into_iter()
        .filter_map(|(column, kind, sealed)| sealed.map(|sealed| (column, kind, sealed.as_slice())))
}

fn to_row(app: &RegisteredApp) -> Result<ActiveModel, StoreError> {
    let millis = |ttl: Option<Duration>| {
        ttl.map(|ttl| i64::try_from(ttl.as_millis())).transpose().map_err(StoreError::new)
    };
    let lifetimes = app.policy.lifetimes;
    let push = app.push.as_ref();
    let row = Model {
        name: app.name.as_str().into(),
        app_id: app.app_id.as_str().into(),
        auto_register: app.policy.auto_register,
        phone_required: app.policy.phone_required,
        on_conflict: app.policy.on_conflict.name().to_owned(),
        open_platform: app.policy.open_platform.clone(),
        keep_session_keys: app.policy.store_session_keys,
        access_ttl: millis(lifetimes.access)?,
        refresh_ttl: millis(lifetimes.idle)?,
        session_ttl: millis(lifetimes.absolute)?,
        secret: app.secret.current.clone(),
        former_secret: app.secret.former.clone(),
        secret_changed_at: app.secret.changed_at.unix_millis(),
        push_token: push.map(|push| push.token.clone()),
        push_key: push.and_then(|push| push.key.clone()),
        disabled_at: app.disabled_at.map(Timestamp::unix_millis),
        created_at: app.created_at.unix_millis(),
        version: i64::from(app.version),
    };
    Ok(row.into_active_model().reset_all())
}

fn from_row(row: Model) -> Result<RegisteredApp, StoreError> {
    // The key of the table is the name, which operators find in the cause.
    let row_name = String::from_utf8_lossy(&row.name).into_owned();
    let invalid = |column, cause: String| {
        let location = Row { table: "app", id: Uuid::nil() };
        location.invalid(column, format!("app {row_name}: {cause}"))
    };
    let text = |column, bytes: &[u8]| {
        let text = str::from_utf8(bytes).map(str::to_owned);
        text.map_err(|error| invalid(column, error.to_string()))
    };
    let duration = |column, millis: Option<i64>| {
        let millis = millis.map(u64::try_from).transpose();
        let millis = millis.map_err(|error| invalid(column, error.to_string()))?;
        Ok::<_, StoreError>(millis.map(Duration::from_millis))
    };
    let name = AppName::parse(&text("name", &row.name)?);
    let app_id = AppId::parse(&text("app_id", &row.app_id)?);
    let on_conflict = ConflictPolicy::from_name(&row.on_conflict);
    let policy = AppPolicy {
        auto_register: row.auto_register,
        phone_required: row.phone_required,
        on_conflict: on_conflict
            .ok_or_else(|| invalid("on_conflict", "unknown policy".to_owned()))?,
        open_platform: row.open_platform,
        store_session_keys: row.keep_session_keys,
        lifetimes: TokenLifetimes {
            access: duration("access_ttl", row.access_ttl)?,
            idle: duration("refresh_ttl", row.refresh_ttl)?,
            absolute: duration("session_ttl", row.session_ttl)?,
        },
    };
    let version = u32::try_from(row.version);
    Ok(RegisteredApp {
        name: name.map_err(|error| invalid("name", error.to_string()))?,
        app_id: app_id.map_err(|error| invalid("app_id", error.to_string()))?,
        policy,
        version: version.map_err(|error| invalid("version", error.to_string()))?,
        secret: SealedSecret {
            current: row.secret,
            former: row.former_secret,
            changed_at: Timestamp::from_unix_millis(row.secret_changed_at),
        },
        push: row.push_token.map(|token| SealedPush { token, key: row.push_key }),
        disabled_at: row.disabled_at.map(Timestamp::from_unix_millis),
        created_at: Timestamp::from_unix_millis(row.created_at),
    })
}
