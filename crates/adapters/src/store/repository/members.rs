//! Members as rows.

use async_trait::async_trait;
use domain::model::member::avatar::Avatar;
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Actor, Gender, Member, MemberId, MemberStatus, StatusReason};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError, UpdateError};
use domain::ports::store::members::MemberRepository;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
};

use crate::cache::invalidation::Change;
use crate::store::backend::sqlite;
use crate::store::encryption::phones::SealedPhone;
use crate::store::entity::member::{self, ActiveModel, Column, Entity};
use crate::store::error::{Row, is_taken};
use crate::store::insert_if_absent::insert_unless_taken;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

/// How an update ended.
enum Written {
    Yes,
    Stale,
    Taken,
}

#[async_trait]
impl MemberRepository for SeaUnitOfWork {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        let open = self.open();
        let row = to_the_end(async move { Entity::find_by_id(id.0).one(&open.txn).await });
        match row.await? {
            Some(row) => self.member(row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn add(&self, member: &Member) -> Result<(), AddError> {
        let (open, row) = (self.open(), to_row(member, self.sealed_phone(member).await?));
        let key = [Column::PhoneIndex];
        let added = to_the_end(async move { insert_unless_taken(&open.txn, row, &key).await });
        if added.await? { Ok(()) } else { Err(AddError::Taken) }
    }

    async fn update(&self, member: &Member) -> Result<(), UpdateError> {
        let (open, id, read) = (self.open(), member.id.0, i64::from(member.version));
        let written = ActiveModel {
            id: ActiveValue::NotSet,
            version: ActiveValue::Set(read + 1),
            ..to_row(member, self.sealed_phone(member).await?)
        };
        let update = Entity::update_many()
            .set(written)
            .filter(Column::Id.eq(id))
            .filter(Column::Version.eq(read));
        let written = to_the_end(async move {
            match update.exec(&open.txn).await {
                Ok(result) if result.rows_affected == 0 => Ok(Written::Stale),
                Ok(_) => Ok(Written::Yes),
                Err(error) if is_taken(&error) => Ok(Written::Taken),
                Err(error) => Err(error),
            }
        });
        match written.await? {
            Written::Yes => {
                self.told.changes([Change::Member(member.id)]);
                Ok(())
            }
            Written::Stale => Err(UpdateError::Stale),
            Written::Taken => Err(UpdateError::Taken),
        }
    }

    async fn remove(&self, member: &Member) -> Result<(), UpdateError> {
        // The rest goes with the row, by the rules of its foreign keys.
        let delete = Entity::delete_many()
            .filter(Column::Id.eq(member.id.0))
            .filter(Column::Version.eq(i64::from(member.version)));
        let open = self.open();
        let removed = to_the_end(async move {
            sqlite::note_removal(&open.txn).await?;
            delete.exec(&open.txn).await
        });
        let removed = removed.await?;
        self.told.changes([Change::Member(member.id)]);
        if removed.rows_affected == 1 { Ok(()) } else { Err(UpdateError::Stale) }
    }
}

impl SeaUnitOfWork {
    /// The member in a row.
    pub(crate) async fn member(&self, row: member::Model) -> Result<Member, StoreError> {
        let phone = self.keyring().phone(&row, self.data_key_rows()).await?;
        from_row(row, phone)
    }

    async fn sealed_phone(&self, member: &Member) -> Result<Option<SealedPhone>, StoreError> {
        let Some(phone) = &member.phone else { return Ok(None) };
        let keys = self.data_keys().await?;
        Ok(Some(SealedPhone::new(&keys, member.id.0, phone)))
    }
}

fn to_row(member: &Member, phone: Option<SealedPhone>) -> ActiveModel {
    let phone =
        phone.map(|SealedPhone { sealed, index, mask }| (Some(sealed), Some(index), Some(mask)));
    let (phone_sealed, phone_index, phone_mask) = phone.unwrap_or_default();
    let row = member::Model {
        id: member.id.0,
        nickname: member.nickname.as_str().to_owned(),
        avatar: member.avatar.as_ref().map(|avatar| avatar.as_str().to_owned()),
        gender: i16::from(member.gender.code()),
        phone: None,
        phone_country_code: None,
        status: status(member.status).to_owned(),
        remark: member.remark.clone(),
        created_at: member.created_at.unix_millis(),
        created_by: actor(member.created_by).to_owned(),
        updated_at: member.updated_at.unix_millis(),
        updated_by: actor(member.updated_by).to_owned(),
        version: i64::from(member.version),
        phone_sealed,
        phone_index,
        status_reason: member.status_reason.as_ref().map(|reason| reason.as_str().to_owned()),
        phone_mask,
    };
    row.into_active_model().reset_all()
}

/// The member in a row, with the number that was sealed there.
pub(crate) fn from_row(
    row: member::Model,
    phone: Option<PhoneNumber>,
) -> Result<Member, StoreError> {
    let at = Row { table: "member", id: row.id };
    let gender = u8::try_from(row.gender).ok().and_then(Gender::from_code);
    let by = |column, text: &str| {
        let actors = [Actor::Member, Actor::System];
        let found = actors.into_iter().find(|candidate| actor(*candidate) == text);
        found.ok_or_else(|| at.damaged(column, "no such actor"))
    };
    let statuses = [MemberStatus::Active, MemberStatus::Banned];
    let status = statuses.into_iter().find(|candidate| status(*candidate) == row.status);
    Ok(Member {
        id: MemberId(row.id),
        nickname: Nickname::parse(&row.nickname).map_err(|error| at.damaged("nickname", error))?,
        avatar: row
            .avatar
            .as_deref()
            .map(Avatar::parse)
            .transpose()
            .map_err(|error| at.damaged("avatar", error))?,
        gender: gender.ok_or_else(|| at.damaged("gender", "no such gender"))?,
        phone,
        status: status.ok_or_else(|| at.damaged("status", "no such status"))?,
        status_reason: row
            .status_reason
            .as_deref()
            .map(StatusReason::parse)
            .transpose()
            .map_err(|error| at.damaged("status_reason", error))?,
        created_at: Timestamp::from_unix_millis(row.created_at),
        created_by: by("created_by", &row.created_by)?,
        updated_at: Timestamp::from_unix_millis(row.updated_at),
        updated_by: by("updated_by", &row.updated_by)?,
        version: u32::try_from(row.version).map_err(|error| at.damaged("version", error))?,
        remark: row.remark,
    })
}

fn status(status: MemberStatus) -> &'static str {
    match status {
        MemberStatus::Active => "active",
        MemberStatus::Banned => "banned",
    }
}

fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::Member => "member",
        Actor::System => "operator",
    }
}
