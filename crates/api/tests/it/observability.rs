//! Health checks, metrics and logs.

mod health;
mod log;
mod metrics;
