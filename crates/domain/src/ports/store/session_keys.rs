//! Users' session keys in the store.

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
use crate::ports::store::error::StoreError;
use async_trait::async_trait;
use std::error::Error;

/// The session keys within a unit of work. One belongs to an identity: it stays with it whoever the
/// member is, and goes with it.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionKeyRepository: Send + Sync {
    /// Keeps the key of a user known here. MUST replace the one before, also where another is kept at
    /// this moment elsewhere.
    async fn keep(&self, key: &SealedSessionKey) -> Result<(), StoreError>;

    /// Forgets the keys that were obtained at `then` or before.
    async fn remove_obtained_by(&self, then: Timestamp) -> Result<(), StoreError>;
}
