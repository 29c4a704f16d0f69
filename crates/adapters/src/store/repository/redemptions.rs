//! Redeemed login codes as rows.

use async_trait::async_trait;
use domain::model::fingerprint::Fingerprint;
use domain::model::login::redemption::{Redemption, StoredResponse};
use domain::model::member::MemberId;
use domain::model::session::SessionId;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError};
use domain::ports::store::redemptions::RedemptionRepository;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use crate::store::entity::redemption::{Column, Entity, Model};
use crate::store::error::Row;
use crate::store::insert_if_absent::insert_unless_taken;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl RedemptionRepository for SeaUnitOfWork {
    async fn add(&self, redemption: &Redemption) -> Result<(), AddError> {
        let (open, row) = (self.open(), to_row(redemption).into_active_model());
        let added =
            to_the_end(async move { insert_unless_taken(&open.txn, row, &[Column::Code]).await });
        if added.await? { Ok(()) } else { Err(AddError::Taken) }
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        let expired = Column::ExpiresAt.lte(now.unix_millis());
        let (open, delete) = (self.open(), Entity::delete_many().filter(expired));
        to_the_end(async move { delete.exec(&open.txn).await }).await?;
        Ok(())
    }
}

fn to_row(redemption: &Redemption) -> Model {
    let repeatable = redemption.repeatable.as_ref();
    Model {
        code: redemption.code.0.into(),
        request: repeatable.map(|repeatable| repeatable.request.0.into()),
        member_id: redemption.member.0,
        session_id: redemption.session.0,
        redeemed_at: redemption.redeemed_at.unix_millis(),
        expires_at: redemption.expires_at().unix_millis(),
        answer: repeatable.map(|repeatable| repeatable.answer.clone()),
    }
}

/// The redemption in a row.
pub(crate) fn from_row(row: Model) -> Result<Redemption, StoreError> {
    // The key is no id that anyone knows: the session's has to do.
    let at = Row { table: "redemption", id: row.session_id };
    let fingerprint = |column, bytes: Vec<u8>| {
        let bytes = bytes.try_into().map(Fingerprint);
        bytes.map_err(|bytes: Vec<u8>| at.damaged(column, format!("it has {} bytes", bytes.len())))
    };
    let request = row.request.map(|bytes| fingerprint("request", bytes)).transpose()?;
    Ok(Redemption {
        code: fingerprint("code", row.code)?,
        member: MemberId(row.member_id),
        session: SessionId(row.session_id),
        redeemed_at: Timestamp::from_unix_millis(row.redeemed_at),
        repeatable: request
            .zip(row.answer)
            .map(|(request, answer)| StoredResponse { request, answer }),
    })
}
