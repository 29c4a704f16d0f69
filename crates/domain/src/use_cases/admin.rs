//! Operations of administrators.

pub mod app_details;
pub mod authenticate;
mod authorize;
pub mod manage_admins;
pub mod manage_apps;
pub mod manage_members;
pub mod query_audit_log;
pub mod service_status;
pub mod sign_in;
