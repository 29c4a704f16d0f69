//! Operations on one member.

pub mod access_error;
pub mod ban;
pub mod bind_phone;
pub mod erase;
pub mod export_personal_data;
pub mod get_profile;
pub mod update_profile;
