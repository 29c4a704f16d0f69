//! Withdrawals: authorizations that a user has revoked at the provider.

use crate::model::member::withdrawn_data::WithdrawnData;
use uuid::Uuid;

use crate::model::app::name::AppName;
use crate::model::id::uuid_v7;
use crate::model::identity::Subject;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// Withdrawal of a user's data from one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Id; ids of later withdrawals sort later.
    pub id: Uuid,
    /// App that may no longer use the data.
    pub app: AppName,
    /// User, by the openid in the app.
    pub subject: Subject,
    /// Withdrawn data.
    pub data: WithdrawnData,
}

impl Withdrawal {
    /// Creates a withdrawal received at `now`.
    #[must_use]
    pub fn new(
        app: AppName,
        subject: Subject,
        data: WithdrawnData,
        now: Timestamp,
        random: &dyn Random,
    ) -> Self {
        Self { id: uuid_v7(now, random), app, subject, data }
    }
}
