//! Redeemed login codes in the store.

use crate::model::admin::{Admin, AdminId, AdminName, AdminSession};
use crate::model::app::name::AppName;
use crate::model::app::registered::RegisteredApp;
use crate::model::audit::AuditEvent;
use crate::model::audit::query::{AuditQuery, DailyCount, Days};
use crate::model::event::DomainEvent;
use crate::model::event::delivery::{Delivery, ReceiverName};
use crate::model::fingerprint::Fingerprint;
use crate::model::identity::{Owner, Subject};
use crate::model::login::redemption::Redemption;
use crate::model::member::personal_data::Holding;
use crate::model::member::query::MemberQuery;
use crate::model::member::{Member, MemberId};
use crate::model::provider::session_key::SealedSessionKey;
use crate::model::provider::withdrawal::Withdrawal;
use crate::model::session::{Session, SessionId};
use crate::model::signing_key::SigningKey;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;
use std::error::Error;

/// The redeemed login codes within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RedemptionRepository: Send + Sync {
    /// Adds one, of an existing member. MUST be [`AddError::Taken`], leaving the unit of work usable,
    /// when the code was redeemed before, at this moment elsewhere included.
    async fn add(&self, redemption: &Redemption) -> Result<(), AddError>;

    /// Forgets those that expire at `now` or expired before.
    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}
