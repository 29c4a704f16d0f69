//! Repositories and readers, one file per aggregate.

pub(super) mod admins;
pub(super) mod apps;
pub(super) mod audit;
pub(super) mod identities;
pub(super) mod member_search;
pub(super) mod members;
pub(super) mod outbox;
pub(super) mod personal_data;
pub(super) mod pushes;
pub(super) mod redemptions;
pub(super) mod session_keys;
pub(super) mod sessions;
pub(super) mod signing_keys;
pub(super) mod tombstones;
