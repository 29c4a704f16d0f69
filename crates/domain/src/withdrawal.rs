//! What a user takes back at the provider, and what a member is without it.

use uuid::Uuid;

use crate::app::AppName;
use crate::identity::Subject;
use crate::member::time_ordered_id;
use crate::ports::random::Random;
use crate::timestamp::Timestamp;

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
    pub withdrawn: Withdrawn,
}

/// What is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Withdrawn {
    /// The phone number.
    Phone,
    /// Name and picture.
    Profile,
    /// The name.
    Nickname,
    /// The picture.
    Avatar,
    /// Everything: the user's account with the provider was closed.
    Account,
}

impl Withdrawal {
    /// A withdrawal that was told now.
    #[must_use]
    pub fn new(
        app: AppName,
        subject: Subject,
        withdrawn: Withdrawn,
        now: Timestamp,
        random: &dyn Random,
    ) -> Self {
        Self { id: time_ordered_id(now, random), app, subject, withdrawn }
    }
}
