//! Creation and delivery of events.

pub mod deliver;
pub mod factory;
pub mod record_refusals;
