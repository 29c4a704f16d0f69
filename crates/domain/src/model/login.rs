//! Input and result of a login.

use crate::model::identity::conflict_policy::ConflictResolution;
use crate::model::member::MemberId;
use crate::model::member::nickname::Nickname;
use crate::model::secret::{IdempotencyKey, LoginCode, PhoneCode};
use crate::model::session::token_pair::TokenPair;
pub mod redemption;

/// Login request of a client.
#[derive(Debug)]
pub struct LoginRequest {
    /// Name or app id of the app; the first configured app if `None`.
    pub app: Option<String>,
    /// Login code from the provider.
    pub code: LoginCode,
    /// Phone code from the provider, if the user shared a phone number.
    pub phone_code: Option<PhoneCode>,
    /// Nickname for a new member.
    pub nickname: Option<Nickname>,
    /// The user's choice in a conflict between two members.
    pub on_conflict: Option<ConflictResolution>,
    /// Idempotency key: a repeated request with the same key gets the same response.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Result of a login.
#[derive(Debug)]
pub struct LoggedIn {
    /// Member that logged in.
    pub member: MemberId,
    /// The member's nickname.
    pub nickname: Nickname,
    /// `true` if the login registered the member.
    pub is_new: bool,
    /// Members of the same person that were merged into this one.
    pub merged: Vec<MemberId>,
    /// Tokens of the new session.
    pub tokens: TokenPair,
}
