//! Tests of metrics and traces.

mod logging;
mod metrics;
mod traces;
