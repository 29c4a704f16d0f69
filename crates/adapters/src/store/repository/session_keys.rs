//! Sealed session keys as rows.

use async_trait::async_trait;
use domain::model::identity::Subject;
use domain::model::provider::session_key::SealedSessionKey;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::session_keys::SessionKeyRepository;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Select};

use crate::store::entity::session_key::{Column, Entity, Model};
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl SessionKeyRepository for SeaUnitOfWork {
    async fn keep(&self, key: &SealedSessionKey) -> Result<(), StoreError> {
        let row = Model {
            namespace: key.user.namespace.clone().into_bytes(),
            kind: key.user.kind.name().to_owned(),
            value: key.user.value.clone().into_bytes(),
            sealed: key.sealed.clone(),
            obtained_at: key.obtained_at.unix_millis(),
        };
        let replace = OnConflict::columns([Column::Namespace, Column::Kind, Column::Value])
            .update_columns([Column::Sealed, Column::ObtainedAt])
            .to_owned();
        let insert = Entity::insert(row.into_active_model()).on_conflict(replace);
        let open = self.open();
        to_the_end(async move { insert.exec_without_returning(&open.txn).await }).await?;
        Ok(())
    }

    async fn delete_obtained_before(&self, then: Timestamp) -> Result<(), StoreError> {
        let old = Column::ObtainedAt.lte(then.unix_millis());
        let (open, delete) = (self.open(), Entity::delete_many().filter(old));
        to_the_end(async move { delete.exec(&open.txn).await }).await?;
        Ok(())
    }
}

/// The row of a user's key.
pub(crate) fn of(user: &Subject) -> Select<Entity> {
    let text = |text: &str| text.as_bytes().to_vec();
    Entity::find_by_id((text(&user.namespace), user.kind.name().to_owned(), text(&user.value)))
}

/// The user's key in their row.
pub(crate) fn from_row(user: Subject, row: Model) -> SealedSessionKey {
    let obtained_at = Timestamp::from_unix_millis(row.obtained_at);
    SealedSessionKey { user, sealed: row.sealed, obtained_at }
}
