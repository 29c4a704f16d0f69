//! Search of members by administrators.

use std::sync::Arc;

use async_trait::async_trait;
use domain::model::member::query::{MemberFilter, MemberQuery};
use domain::model::member::{Member, MemberId};
use domain::ports::store::error::StoreError;
use domain::ports::store::members::MemberSearch;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use crate::store::SeaStore;
use crate::store::encryption::data_keys::DataKeys;
use crate::store::encryption::phones::{mask_index, phone_index};
use crate::store::entity::{identity, member};

#[async_trait]
impl MemberSearch for SeaStore {
    async fn search(&self, query: &MemberQuery) -> Result<Vec<Member>, StoreError> {
        let select = page(query, self.condition(&query.filter).await?);
        let rows = self.reader.run(async move |reader| select.all(reader).await).await?;
        let mut members = Vec::new();
        for row in rows {
            members.push(self.member(row).await?);
        }
        Ok(members)
    }
}

impl SeaStore {
    /// Translates a filter to a condition. Returns `None` if all members match.
    async fn condition(&self, filter: &MemberFilter) -> Result<Option<SimpleExpr>, StoreError> {
        let condition = match filter {
            MemberFilter::Any => return Ok(None),
            MemberFilter::Id(id) => member::Column::Id.eq(id.0),
            MemberFilter::Phone(e164) => match self.current_data_keys().await? {
                Some(keys) => member::Column::PhoneIndex.eq(phone_index(&keys, e164)),
                None => matches_none(),
            },
            MemberFilter::MaskedPhone(masked) => match self.current_data_keys().await? {
                Some(keys) => member::Column::PhoneMask.eq(mask_index(&keys, masked)),
                None => matches_none(),
            },
            MemberFilter::Subject(value) => {
                member::Column::Id.in_subquery(by_subject(value).into_query())
            }
        };
        Ok(Some(condition))
    }

    /// Returns the data keys as the database has them now. There are none before the first phone number.
    async fn current_data_keys(&self) -> Result<Option<Arc<DataKeys>>, StoreError> {
        self.keyring.open(self.data_key_rows().await?)
    }
}

fn matches_none() -> SimpleExpr {
    member::Column::Id.is_null()
}

/// Selects one page of the members that match, the newest first.
pub(crate) fn page(query: &MemberQuery, condition: Option<SimpleExpr>) -> Select<member::Entity> {
    let is_older = query.before.map(|MemberId(id)| member::Column::Id.lt(id));
    member::Entity::find()
        .filter(Condition::all().add_option(condition).add_option(is_older))
        .order_by_desc(member::Column::Id)
        .limit(u64::from(query.limit))
}

/// Selects the ids of members with a subject of this value.
pub(crate) fn by_subject(value: &str) -> Select<identity::Entity> {
    identity::Entity::find()
        .select_only()
        .column(identity::Column::MemberId)
        .filter(identity::Column::Value.eq(value.as_bytes()))
}
