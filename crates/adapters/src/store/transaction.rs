//! Units of work: transactions, group commit, cancellation safety, change notifications.

pub(super) mod change_notifications;
pub(super) mod scheduler;
pub(super) mod uncancellable;
pub(super) mod unit_of_work;
