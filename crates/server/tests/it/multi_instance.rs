//! Tests of several instances over one database.

mod load_balancer;
mod redis;
