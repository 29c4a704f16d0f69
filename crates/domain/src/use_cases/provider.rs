//! Operations that the identity provider triggers or that use its session keys.

pub mod process_withdrawals;
pub mod receive_push;
pub mod use_session_key;
