//! The menshen program: configuration and wiring.

pub mod app_keeper;
pub mod config;
pub mod courier;
pub mod delivery_meters;
pub mod doctor;
pub mod healthcheck;
pub mod housekeeper;
pub mod key_keeper;
pub mod key_list;
pub mod logging;
pub mod obedience;
pub mod serve;
pub mod traces;
pub mod wiring;
