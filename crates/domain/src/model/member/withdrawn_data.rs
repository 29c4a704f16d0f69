//! Kinds of personal data that a member can withdraw.

use crate::model::app::name::AppName;
use crate::model::id::time_ordered_id;
use crate::model::identity::Subject;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;
use uuid::Uuid;

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
