//! Background jobs.

pub mod app_reload;
pub mod cleanup;
pub mod key_rotation;
pub mod webhook_dispatcher;
pub mod webhook_metrics;
pub mod withdrawals;
