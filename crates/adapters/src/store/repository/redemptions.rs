//! Redeemed login codes as rows.

use async_trait::async_trait;
use domain::model::fingerprint::Fingerprint;
use domain::model::login::redemption::{Redemption, StoredResponse};
use domain::model::member::MemberId;
use domain::model::session::SessionId;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError};
use domain::ports::store::redemptions::{RedemptionReader, RedemptionRepository};
use sea_orm::{EntityTrait, IntoActiveModel};

use crate::store::SeaStore;
use crate::store::entity::redemption::{Column, Entity, Model};
use crate::store::error::Row;
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl RedemptionRepository for SeaUnitOfWork {
    async fn add(&self, redemption: &Redemption) -> Result<(), AddError> {
        let row = to_row(redemption).into_active_model();
        self.exec_insert_unique(row, [Column::Code]).await
    }
}

#[async_trait]
impl RedemptionReader for SeaStore {
    async fn find_redemption(&self, code: &Fingerprint) -> Result<Option<Redemption>, StoreError> {
        let select = Entity::find_by_id(code.0.to_vec());
        let row = self.reader.run(async move |reader| select.one(reader).await).await?;
        row.map(from_row).transpose()
    }
}

fn to_row(redemption: &Redemption) -> Model {
    let stored_response = redemption.stored_response.as_ref();
    Model {
        code: redemption.code.0.into(),
        request: stored_response.map(|response| response.request.0.into()),
        member_id: redemption.member.0,
        session_id: redemption.session.0,
        redeemed_at: redemption.redeemed_at.unix_millis(),
        expires_at: redemption.expires_at().unix_millis(),
        answer: stored_response.map(|response| response.sealed_response.clone()),
    }
}

fn from_row(row: Model) -> Result<Redemption, StoreError> {
    // Operators cannot look up the key, a fingerprint of the code. The id of the session identifies the row.
    let location = Row { table: "redemption", id: row.session_id };
    let fingerprint = |column, bytes: Vec<u8>| {
        let bytes = bytes.try_into().map(Fingerprint);
        bytes.map_err(|bytes: Vec<u8>| {
            location.invalid(column, format!("length of {} bytes", bytes.len()))
        })
    };
    let request = row.request.map(|bytes| fingerprint("request", bytes)).transpose()?;
    Ok(Redemption {
        code: fingerprint("code", row.code)?,
        member: MemberId(row.member_id),
        session: SessionId(row.session_id),
        redeemed_at: Timestamp::from_unix_millis(row.redeemed_at),
        stored_response: request
            .zip(row.answer)
            .map(|(request, sealed_response)| StoredResponse { request, sealed_response }),
    })
}
