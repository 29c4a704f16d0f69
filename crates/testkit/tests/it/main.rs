//! The fakes under the contracts they stand in for, and the suites' own soundness.

// `cfg(test)` is what tells clippy that the helpers beside the tests are test code too.
#[cfg(test)]
mod fakes;
#[cfg(test)]
mod rate_limiter;
#[cfg(test)]
mod store;
