//! Input and result of a login.

use crate::model::identity::conflict_policy::ConflictResolution;
use crate::model::member::MemberId;
use crate::model::member::nickname::Nickname;
use crate::model::secret::{IdempotencyKey, LoginCode, PhoneCode};
use crate::model::session::token_pair::TokenPair;
pub mod redemption;

/// What a client sends to log in.
#[derive(Debug)]
pub struct LoginRequest {
    /// The app it means, by name or app id; the first one when `None`.
    pub app: Option<String>,
    /// Who it is.
    pub code: LoginCode,
    /// Which phone number it has, where it was asked.
    pub phone_code: Option<PhoneCode>,
    /// What it wants to be called, should this be its first login.
    pub nickname: Option<Nickname>,
    /// What to do if it turns out to be two members, where it was asked.
    pub on_conflict: Option<ConflictResolution>,
    /// What it calls this attempt, to be given the same answer should it ask again.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A member who is logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who it is.
    pub member: MemberId,
    /// What they are called.
    pub nickname: Nickname,
    /// Whether this login made the member.
    pub is_new: bool,
    /// Who turned out to be the same person, and is this member from now on.
    pub merged: Vec<MemberId>,
    /// What the device holds from now on.
    pub tokens: TokenPair,
}
