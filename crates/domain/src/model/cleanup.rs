//! Duties of the cleanup: rows that are deleted when they are no longer needed.

use strum::{IntoStaticStr, VariantNames};

use crate::model::event::delivery::ReceiverName;

/// Duty of the cleanup: the rows of one table that expire, with the column that tells their age.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CleanupDuty {
    /// Redeemed login codes, by their expiry.
    Redemptions,
    /// Sessions of members, by their expiry.
    Sessions,
    /// Session keys of users, by the time they were obtained.
    SessionKeys,
    /// Sessions of administrators, by their last use.
    AdminSessions,
    /// Fingerprints of received message pushes, by the time of the receipt.
    SeenPushes,
    /// Audit events, by their time.
    AuditEvents,
    /// Undelivered webhook events of all receivers but these, by the time of the event.
    OrphanedEvents(Vec<ReceiverName>),
}

impl CleanupDuty {
    /// Names of all duties, in the order of the variants.
    pub const NAMES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;

    /// Name of the duty in metrics and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.into()
    }
}
