//! Error of operations on the caller's own member.

use crate::model::member::Banned;
use crate::ports::store::error::StoreError;

/// Reason why the caller's own member cannot be read or changed, although the access token is valid.
#[derive(Debug, thiserror::Error)]
pub enum MemberAccessError {
    /// The member was erased, or is not known in the app of the token.
    #[error("the member does not exist or is not known in the app")]
    NotFound,
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
