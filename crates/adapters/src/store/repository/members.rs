//! Members as rows.

use async_trait::async_trait;
use domain::model::member::avatar::Avatar;
use domain::model::member::nickname::Nickname;
use domain::model::member::personal_data::ExportedTable;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Actor, Gender, Member, MemberId, MemberStatus, StatusReason};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError, UpdateError};
use domain::ports::store::members::{MemberReader, MemberRepository, PersonalDataReader};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
};

use crate::cache::invalidation::Change;
use crate::store::SeaStore;
use crate::store::backend::sqlite::purge::mark_purge_due;
use crate::store::encryption::phones::SealedPhone;
use crate::store::entity::export_member;
use crate::store::entity::member::{ActiveModel, Column, Entity, Model};
use crate::store::error::Row;
use crate::store::repository::personal_data::with_decrypted_phone;
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl MemberRepository for SeaUnitOfWork {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        let row = self.run(async move |txn| Entity::find_by_id(id.0).one(txn).await).await?;
        match row {
            Some(row) => self.member(row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn find_for_update(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        // On PostgreSQL, the weaker lock of an update lets inserts of referencing rows pass.
        let select = Entity::find_by_id(id.0).lock_exclusive();
        let row = self.run(async move |txn| select.one(txn).await).await?;
        match row {
            Some(row) => self.member(row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn add(&self, member: &Member) -> Result<(), AddError> {
        let row = to_row(member, self.sealed_phone(member).await?);
        self.exec_insert_unique(row, [Column::PhoneIndex]).await
    }

    async fn update(&self, member: &Member) -> Result<(), UpdateError> {
        let read_version = i64::from(member.version);
        let row = ActiveModel {
            id: ActiveValue::NotSet,
            version: ActiveValue::Set(read_version + 1),
            ..to_row(member, self.sealed_phone(member).await?)
        };
        let update = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(member.id.0))
            .filter(Column::Version.eq(read_version));
        let updated = self.run_unless_taken(async move |txn| update.exec(txn).await).await?;
        if updated.ok_or(UpdateError::Taken)?.rows_affected == 0 {
            return Err(UpdateError::Stale);
        }
        self.notifications.add([Change::Member(member.id)]);
        Ok(())
    }

    async fn remove(&self, member: &Member) -> Result<(), UpdateError> {
        // Foreign keys with cascading deletes remove everything that names the member.
        let delete = Entity::delete_many()
            .filter(Column::Id.eq(member.id.0))
            .filter(Column::Version.eq(i64::from(member.version)));
        let removed = self.run(async move |txn| {
            mark_purge_due(txn).await?;
            delete.exec(txn).await
        });
        let removed = removed.await?;
        self.notifications.add([Change::Member(member.id)]);
        if removed.rows_affected == 0 {
            return Err(UpdateError::Stale);
        }
        Ok(())
    }
}

impl SeaUnitOfWork {
    /// Converts a row, and decrypts its phone number.
    pub(crate) async fn member(&self, row: Model) -> Result<Member, StoreError> {
        let phone = self.keyring().decrypt_phone(&row, self.data_key_rows()).await?;
        from_row(row, phone)
    }

    async fn sealed_phone(&self, member: &Member) -> Result<Option<SealedPhone>, StoreError> {
        let Some(phone) = &member.phone else { return Ok(None) };
        let keys = self.data_keys().await?;
        Ok(Some(SealedPhone::new(&keys, member.id.0, phone)))
    }
}

impl SeaStore {
    /// Converts a row, and decrypts its phone number.
    pub(crate) async fn member(&self, row: Model) -> Result<Member, StoreError> {
        let phone = self.phone(&row).await?;
        from_row(row, phone)
    }

    /// Decrypts the phone number of a row.
    pub(crate) async fn phone(&self, row: &Model) -> Result<Option<PhoneNumber>, StoreError> {
        self.keyring.decrypt_phone(row, self.data_key_rows()).await
    }
}

#[async_trait]
impl MemberReader for SeaStore {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        let select = Entity::find_by_id(id.0);
        let row = self.reader.run(async move |reader| select.one(reader).await).await?;
        match row {
            Some(row) => self.member(row).await.map(Some),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl PersonalDataReader for SeaStore {
    async fn export_member(&self, member: MemberId) -> Result<Vec<ExportedTable>, StoreError> {
        let tables = self.reader.run(async move |reader| export_member(reader, member).await);
        let tables = tables.await?;
        let is_sealed = Column::Phone.is_null();
        let select = Entity::find_by_id(member.0).filter(is_sealed);
        let row = self.reader.run(async move |reader| select.one(reader).await).await?;
        let Some(row) = row else { return Ok(tables) };
        let phone = self.phone(&row).await?;
        Ok(with_decrypted_phone(tables, phone.as_ref()))
    }
}

fn to_row(member: &Member, phone: Option<SealedPhone>) -> ActiveModel {
    let mut row = Model {
        id: member.id.0,
        nickname: member.nickname.as_str().to_owned(),
        avatar: member.avatar.as_ref().map(|avatar| avatar.as_str().to_owned()),
        gender: i16::from(member.gender.code()),
        phone: None,
        phone_country_code: None,
        status: status_name(member.status).to_owned(),
        remark: member.remark.clone(),
        created_at: member.created_at.unix_millis(),
        created_by: actor_name(member.created_by).to_owned(),
        updated_at: member.updated_at.unix_millis(),
        updated_by: actor_name(member.updated_by).to_owned(),
        version: i64::from(member.version),
        phone_sealed: None,
        phone_index: None,
        status_reason: member.status_reason.as_ref().map(|reason| reason.as_str().to_owned()),
        phone_mask: None,
    };
    if let Some(SealedPhone { sealed, index, mask }) = phone {
        row.phone_sealed = Some(sealed);
        row.phone_index = Some(index);
        row.phone_mask = Some(mask);
    }
    row.into_active_model().reset_all()
}

fn from_row(row: Model, phone: Option<PhoneNumber>) -> Result<Member, StoreError> {
    let location = Row { table: "member", id: row.id };
    let gender = u8::try_from(row.gender).ok().and_then(Gender::from_code);
    let parse_actor = |column, name: &str| {
        let actors = [Actor::Member, Actor::System];
        let actor = actors.into_iter().find(|actor| actor_name(*actor) == name);
        actor.ok_or_else(|| location.invalid(column, "unknown actor"))
    };
    let statuses = [MemberStatus::Active, MemberStatus::Banned];
    let status = statuses.into_iter().find(|status| status_name(*status) == row.status);
    Ok(Member {
        id: MemberId(row.id),
        nickname: Nickname::parse(&row.nickname)
            .map_err(|error| location.invalid("nickname", error))?,
        avatar: row
            .avatar
            .as_deref()
            .map(Avatar::parse)
            .transpose()
            .map_err(|error| location.invalid("avatar", error))?,
        gender: gender.ok_or_else(|| location.invalid("gender", "unknown gender"))?,
        phone,
        status: status.ok_or_else(|| location.invalid("status", "unknown status"))?,
        status_reason: row
            .status_reason
            .as_deref()
            .map(StatusReason::parse)
            .transpose()
            .map_err(|error| location.invalid("status_reason", error))?,
        created_at: Timestamp::from_unix_millis(row.created_at),
        created_by: parse_actor("created_by", &row.created_by)?,
        updated_at: Timestamp::from_unix_millis(row.updated_at),
        updated_by: parse_actor("updated_by", &row.updated_by)?,
        version: u32::try_from(row.version).map_err(|error| location.invalid("version", error))?,
        remark: row.remark,
    })
}

fn status_name(status: MemberStatus) -> &'static str {
    match status {
        MemberStatus::Active => "active",
        MemberStatus::Banned => "banned",
    }
}

fn actor_name(actor: Actor) -> &'static str {
    match actor {
        Actor::Member => "member",
        Actor::System => "operator",
    }
}
