//! Statements that all repositories of a unit of work have in common.

use domain::ports::store::error::{AddError, StoreError};
use sea_orm::{ActiveModelTrait, DeleteMany, EntityTrait, IntoActiveModel, ModelTrait, UpdateMany};

use crate::store::insert_if_absent::insert_if_absent;
use crate::store::transaction::SeaUnitOfWork;

impl SeaUnitOfWork {
    /// Inserts a row.
    pub(crate) async fn exec_insert<M>(&self, row: M) -> Result<(), StoreError>
    where
        M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
        <M::Entity as EntityTrait>::ActiveModel: Send + 'static,
    {
        let insert = M::Entity::insert(row.into_active_model());
        self.run(async move |txn| insert.exec_without_returning(txn).await).await?;
        Ok(())
    }

    /// Inserts a row. Returns [`AddError::Taken`] if another row has the same `key`.
    pub(crate) async fn exec_insert_unique<A, const N: usize>(
        &self,
        row: A,
        key: [<A::Entity as EntityTrait>::Column; N],
    ) -> Result<(), AddError>
    where
        A: ActiveModelTrait + Send + 'static,
    {
        if !self.run(async move |txn| insert_if_absent(txn, row, &key).await).await? {
            return Err(AddError::Taken);
        }
        Ok(())
    }

    /// Updates rows, and returns their number.
    pub(crate) async fn exec_update<E: EntityTrait>(
        &self,
        update: UpdateMany<E>,
    ) -> Result<u64, StoreError> {
        let result = self.run(async move |txn| update.exec(txn).await).await?;
        Ok(result.rows_affected)
    }

    /// Deletes rows, and returns their number.
    pub(crate) async fn exec_delete<E: EntityTrait>(
        &self,
        delete: DeleteMany<E>,
    ) -> Result<u64, StoreError> {
        let result = self.run(async move |txn| delete.exec(txn).await).await?;
        Ok(result.rows_affected)
    }
}
