//! Sealed session keys as rows.

use async_trait::async_trait;
use domain::model::identity::Subject;
use domain::model::provider::session_key::SealedSessionKey;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::session_keys::{SessionKeyReader, SessionKeyRepository};
use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, IntoActiveModel, Select};

use crate::store::SeaStore;
use crate::store::entity::session_key::{Column, Entity, Model};
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl SessionKeyRepository for SeaUnitOfWork {
    async fn upsert(&self, key: &SealedSessionKey) -> Result<(), StoreError> {
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
        self.run(async move |txn| insert.exec_without_returning(txn).await).await?;
        Ok(())
    }
}

#[async_trait]
impl SessionKeyReader for SeaStore {
    async fn find_session_key(
        &self,
        user: &Subject,
    ) -> Result<Option<SealedSessionKey>, StoreError> {
        let select = by_user(user);
        let row = self.reader.run(async move |reader| select.one(reader).await).await?;
        Ok(row.map(|row| SealedSessionKey {
            user: user.clone(),
            sealed: row.sealed,
            obtained_at: Timestamp::from_unix_millis(row.obtained_at),
        }))
    }
}

/// Selects the row of a user's session key.
pub(crate) fn by_user(user: &Subject) -> Select<Entity> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Entity::find_by_id((bytes(&user.namespace), user.kind.name().to_owned(), bytes(&user.value)))
}
