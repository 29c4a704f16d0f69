//! What a user takes back at the provider, and what a member is without it.

use crate::model::member::withdrawn_data::WithdrawnData;
use uuid::Uuid;

use crate::model::app::name::AppName;
use crate::model::id::uuid_v7;
use crate::model::identity::Subject;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// What one user took back of what one app was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Which one it is; later ones sort later.
    pub id: Uuid,
    /// The app.
    pub app: AppName,
    /// The user, by the id that logs in there.
    pub subject: Subject,
    /// What is taken back.
    pub withdrawn: WithdrawnData,
}

impl Withdrawal {
    /// A withdrawal that was told now.
    #[must_use]
    pub fn new(
        app: AppName,
        subject: Subject,
        withdrawn: WithdrawnData,
        now: Timestamp,
        random: &dyn Random,
    ) -> Self {
        Self { id: uuid_v7(now, random), app, subject, withdrawn }
    }
}
