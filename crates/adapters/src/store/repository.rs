//! Repositories and readers, one file per aggregate.

pub(super) mod admins;
pub(super) mod apps;
pub(super) mod audit;
mod data_keys;
pub(super) mod expired_rows;
pub(super) mod identities;
pub(super) mod member_search;
mod members;
pub(super) mod outbox;
pub(super) mod personal_data;
pub(super) mod pushes;
mod redemptions;
pub(super) mod session_keys;
pub(super) mod sessions;
mod signing_keys;
mod statements;
pub(super) mod tombstones;
