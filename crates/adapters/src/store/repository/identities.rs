//! Identities as rows.

use async_trait::async_trait;
use domain::model::identity::{KnownMember, Subject, SubjectKind};
use domain::model::member::MemberId;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError};
use domain::ports::store::identities::IdentityRepository;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait,
    Select, SelectTwo,
};

use crate::store::backend::sqlite;
use crate::store::entity::identity::{self, Column, Entity};
use crate::store::entity::member;
use crate::store::error::Row;
use crate::store::insert_if_absent::insert_unless_taken;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl IdentityRepository for SeaUnitOfWork {
    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<KnownMember>, StoreError> {
        let (open, rows) = (self.open(), with_the_same_owner(subject));
        let rows = to_the_end(async move { rows.all(&open.txn).await }).await?;
        let (subjects, members): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let Some(member) = members.into_iter().flatten().next() else { return Ok(None) };
        let subjects: Result<_, _> = subjects.into_iter().map(from_row).collect();
        Ok(Some(KnownMember { member: self.member(member).await?, subjects: subjects? }))
    }

    async fn list_by_member(&self, member: MemberId) -> Result<Vec<Subject>, StoreError> {
        let (open, theirs) = (self.open(), of_member(member));
        let rows = to_the_end(async move { theirs.all(&open.txn).await }).await?;
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
        let (open, row) = (self.open(), row.into_active_model());
        let key = [Column::Namespace, Column::Kind, Column::Value];
        let added = to_the_end(async move { insert_unless_taken(&open.txn, row, &key).await });
        if added.await? { Ok(()) } else { Err(AddError::Taken) }
    }

    async fn remove(&self, subjects: &[Subject]) -> Result<(), StoreError> {
        for subject in subjects {
            let delete = Entity::delete_many().filter(is(subject));
            let open = self.open();
            let removed = to_the_end(async move {
                sqlite::note_removal(&open.txn).await?;
                delete.exec(&open.txn).await
            });
            removed.await?;
        }
        Ok(())
    }

    async fn reassign(&self, from: MemberId, to: MemberId) -> Result<(), StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::MemberId, Expr::value(to.0))
            .filter(Column::MemberId.eq(from.0));
        let open = self.open();
        to_the_end(async move { update.exec(&open.txn).await }).await?;
        Ok(())
    }

    async fn exists_in_namespace(&self, namespace: &str) -> Result<bool, StoreError> {
        let (open, any) = (self.open(), one_in(namespace));
        Ok(to_the_end(async move { any.one(&open.txn).await }).await?.is_some())
    }
}

/// Any row of a namespace.
pub(crate) fn one_in(namespace: &str) -> Select<Entity> {
    Entity::find().filter(Column::Namespace.eq(namespace.as_bytes())).limit(1)
}

/// The rows of a member.
pub(crate) fn of_member(member: MemberId) -> Select<Entity> {
    Entity::find().filter(Column::MemberId.eq(member.0))
}

/// The row of a subject.
fn is(subject: &Subject) -> Condition {
    Condition::all()
        .add(Column::Namespace.eq(subject.namespace.as_bytes()))
        .add(Column::Kind.eq(subject.kind.name()))
        .add(Column::Value.eq(subject.value.as_bytes()))
}

/// The subject's row, and all other rows of its member, each with the member's own.
pub(crate) fn with_the_same_owner(subject: &Subject) -> SelectTwo<Entity, member::Entity> {
    let owner = Entity::find().select_only().column(Column::MemberId).filter(is(subject));
    let theirs = Entity::find().filter(Column::MemberId.in_subquery(owner.into_query()));
    theirs.find_also_related(member::Entity)
}

/// The subject in a row.
pub(crate) fn from_row(row: identity::Model) -> Result<Subject, StoreError> {
    // The key is personal data: the member's id has to do.
    let at = Row { table: "identity", id: row.member_id };
    subject(at, row.namespace, &row.kind, row.value)
}

/// The subject in three columns of a row.
pub(crate) fn subject(
    at: Row,
    namespace: Vec<u8>,
    named: &str,
    value: Vec<u8>,
) -> Result<Subject, StoreError> {
    let text = |column, bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|error| at.damaged(column, error.utf8_error()))
    };
    Ok(Subject {
        namespace: text("namespace", namespace)?,
        kind: SubjectKind::from_name(named).ok_or_else(|| at.damaged("kind", "no such kind"))?,
        value: text("value", value)?,
    })
}
