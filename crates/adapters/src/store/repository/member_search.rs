//! Members that administrators look for.

use std::sync::Arc;

use domain::model::member::MemberId;
use domain::model::member::query::{MemberFilter, MemberQuery};
use domain::ports::store::error::StoreError;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use crate::store::SeaStore;
use crate::store::encryption::data_keys::{self, DataKeys};
use crate::store::encryption::phones::{index, mask};
use crate::store::entity::{identity, member};
use crate::store::transaction::uncancellable::to_the_end;

impl SeaStore {
    /// The rows that a query means, the newest first.
    pub(crate) async fn meant(
        &self,
        query: &MemberQuery,
    ) -> Result<Vec<member::Model>, StoreError> {
        // Before the first number there are no keys, and nobody to be found.
        let by_number = |keys: Option<Arc<DataKeys>>, find: &dyn Fn(&DataKeys) -> SimpleExpr| {
            keys.map_or_else(|| member::Column::Id.is_null(), |keys| find(&keys))
        };
        let is_meant = match &query.criterion {
            MemberFilter::Any => None,
            MemberFilter::Id(id) => Some(member::Column::Id.eq(id.0)),
            MemberFilter::Phone(e164) => {
                let find = |keys: &DataKeys| member::Column::PhoneIndex.eq(index(keys, e164));
                Some(by_number(self.present_keys().await?, &find))
            }
            MemberFilter::MaskedPhone(masked) => {
                let find = |keys: &DataKeys| member::Column::PhoneMask.eq(mask(keys, masked));
                Some(by_number(self.present_keys().await?, &find))
            }
            MemberFilter::Subject(value) => {
                Some(member::Column::Id.in_subquery(known_as(value).into_query()))
            }
        };
        let (reader, rows) = (self.reader.clone(), page(query, is_meant));
        to_the_end(async move { rows.all(&reader).await }).await
    }

    async fn present_keys(&self) -> Result<Option<Arc<DataKeys>>, StoreError> {
        let reader = self.reader.clone();
        self.keyring.read(to_the_end(async move { data_keys::all(&reader).await }).await?)
    }
}

/// Those of the rows that a query wants to see.
pub(crate) fn page(query: &MemberQuery, is_meant: Option<SimpleExpr>) -> Select<member::Entity> {
    let older = query.before.map(|MemberId(id)| member::Column::Id.lt(id));
    member::Entity::find()
        .filter(Condition::all().add_option(is_meant).add_option(older))
        .order_by_desc(member::Column::Id)
        .limit(u64::from(query.limit))
}

/// Whose rows hold this id.
pub(crate) fn known_as(value: &str) -> Select<identity::Entity> {
    identity::Entity::find()
        .select_only()
        .column(identity::Column::MemberId)
        .filter(identity::Column::Value.eq(value.as_bytes()))
}
