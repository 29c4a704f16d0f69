//! Tests of metrics and traces.

mod metrics;
mod traces;
