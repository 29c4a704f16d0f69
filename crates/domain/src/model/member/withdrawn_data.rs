//! Kinds of personal data that a member can withdraw.

/// What is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WithdrawnData {
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
