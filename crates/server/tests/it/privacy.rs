//! Tests of erasure, and of secrets and personal data in logs, responses, metrics and traces.

mod erasure;
mod purge;
mod secret_leaks;
