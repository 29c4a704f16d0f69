//! The rows of our tables. The modules are generated from the migrated schema; the list is not: add a
//! new table's module here.

#![expect(
    unreachable_pub,
    reason = "the generator makes everything public, also in a private module"
)]

pub(super) mod audit_event;
pub(super) mod identity;
pub(super) mod member;
pub(super) mod redemption;
pub(super) mod session;
pub(super) mod signing_key;
