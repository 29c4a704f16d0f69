//! Security events as rows.

use async_trait::async_trait;
use domain::audit::{AuditEvent, AuditKind};
use domain::ports::store::{AuditLog, StoreError};
use sea_orm::{EntityTrait, IntoActiveModel};

use crate::store::entity::audit_event::{Entity, Model};
use crate::store::task::to_the_end;
use crate::store::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl AuditLog for SeaUnitOfWork {
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let row = Model {
            id: event.id,
            at: event.at.unix_millis(),
            kind: kind(event.kind).to_owned(),
            member_id: event.member.0,
            session_id: event.session.map(|session| session.0),
            other_member_id: event.other.map(|other| other.0),
        };
        let (open, insert) = (self.open(), Entity::insert(row.into_active_model()));
        to_the_end(async move { insert.exec_without_returning(&open.txn).await }).await?;
        Ok(())
    }
}

fn kind(kind: AuditKind) -> &'static str {
    match kind {
        AuditKind::RefreshReplayed => "refresh_replayed",
        AuditKind::Banned => "banned",
        AuditKind::Unbanned => "unbanned",
        AuditKind::Erased => "erased",
        AuditKind::LoginCodeReused => "login_code_reused",
        AuditKind::UnionIdChanged => "union_id_changed",
        AuditKind::Merged => "merged",
        AuditKind::PhoneChanged => "phone_changed",
    }
}
