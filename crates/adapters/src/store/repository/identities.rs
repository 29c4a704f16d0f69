//! Identities as rows.

use async_trait::async_trait;
use domain::model::identity::{KnownMember, Subject, SubjectKind};
use domain::model::member::MemberId;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError};
use domain::ports::store::identities::{IdentityReader, IdentityRepository};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait,
    Select, SelectTwo,
};

use crate::store::SeaStore;
use crate::store::backend::sqlite::purge::mark_purge_due;
use crate::store::entity::identity::{self, Column, Entity};
use crate::store::entity::member;
use crate::store::error::Row;
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl IdentityRepository for SeaUnitOfWork {
    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<KnownMember>, StoreError> {
        let select = all_of_member_with(subject);
        let rows = self.run(async move |txn| select.all(txn).await).await?;
        let (identities, members): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let Some(member) = members.into_iter().flatten().next() else { return Ok(None) };
        let subjects: Result<_, _> = identities.into_iter().map(from_row).collect();
        Ok(Some(KnownMember { member: self.member(member).await?, subjects: subjects? }))
    }

    async fn list_by_member(&self, member: MemberId) -> Result<Vec<Subject>, StoreError> {
        let rows = self.run(async move |txn| by_member(member).all(txn).await).await?;
        rows.into_iter().map(from_row).collect()
    }

    async fn add(
        &self,
        member: MemberId,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(), AddError> {
        let row = identity::Model {
            namespace: subject.namespace.clone().into_bytes(),
            kind: subject.kind.name().to_owned(),
            value: subject.value.clone().into_bytes(),
            member_id: member.0,
            created_at: now.unix_millis(),
        };
        let key = [Column::Namespace, Column::Kind, Column::Value];
        self.exec_insert_unique(row.into_active_model(), key).await
    }

    async fn remove(&self, subjects: &[Subject]) -> Result<(), StoreError> {
        for subject in subjects {
            let delete = Entity::delete_many().filter(matches(subject));
            let removed = self.run(async move |txn| {
                mark_purge_due(txn).await?;
                delete.exec(txn).await
            });
            removed.await?;
        }
        Ok(())
    }

    async fn reassign(&self, from: MemberId, to: MemberId) -> Result<(), StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::MemberId, Expr::value(to.0))
            .filter(Column::MemberId.eq(from.0));
        self.exec_update(update).await?;
        Ok(())
    }

    async fn exists_in_namespace(&self, namespace: &str) -> Result<bool, StoreError> {
        let select = any_in_namespace(namespace);
        Ok(self.run(async move |txn| select.one(txn).await).await?.is_some())
    }
}

#[async_trait]
impl IdentityReader for SeaStore {
    async fn list_identities(&self, member: MemberId) -> Result<Vec<Subject>, StoreError> {
        let rows = self.reader.run(async move |reader| by_member(member).all(reader).await).await?;
        rows.into_iter().map(from_row).collect()
    }
}

/// Selects one row of a namespace.
pub(crate) fn any_in_namespace(namespace: &str) -> Select<Entity> {
    Entity::find().filter(Column::Namespace.eq(namespace.as_bytes())).limit(1)
}

/// Selects the rows of a member.
pub(crate) fn by_member(member: MemberId) -> Select<Entity> {
    Entity::find().filter(Column::MemberId.eq(member.0))
}

/// Selects all identities of the member that a subject belongs to, each with the row of the member.
pub(crate) fn all_of_member_with(subject: &Subject) -> SelectTwo<Entity, member::Entity> {
    let member = Entity::find().select_only().column(Column::MemberId).filter(matches(subject));
    Entity::find()
        .filter(Column::MemberId.in_subquery(member.into_query()))
        .find_also_related(member::Entity)
}

fn matches(subject: &Subject) -> Condition {
    Condition::all()
        .add(Column::Namespace.eq(subject.namespace.as_bytes()))
        .add(Column::Kind.eq(subject.kind.name()))
        .add(Column::Value.eq(subject.value.as_bytes()))
}

fn from_row(row: identity::Model) -> Result<Subject, StoreError> {
    // The key is personal data, so errors name the row by the id of its member.
    let location = Row { table: "identity", id: row.member_id };
    parse_subject(location, row.namespace, &row.kind, row.value)
}

/// Parses a subject from three columns of a row.
pub(crate) fn parse_subject(
    location: Row,
    namespace: Vec<u8>,
    kind: &str,
    value: Vec<u8>,
) -> Result<Subject, StoreError> {
    let text = |column, bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|error| location.invalid(column, error.utf8_error()))
    };
    let kind = SubjectKind::from_name(kind);
    Ok(Subject {
        namespace: text("namespace", namespace)?,
        kind: kind.ok_or_else(|| location.invalid("kind", "unknown kind"))?,
        value: text("value", value)?,
    })
}
