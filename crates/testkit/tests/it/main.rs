//! Contract suites run against the fakes, and tests of the suites themselves.

// Without `cfg(test)`, clippy does not treat the modules as test code.
#[cfg(test)]
mod fakes;
#[cfg(test)]
mod interleaving;
#[cfg(test)]
mod rate_limiter;
#[cfg(test)]
mod store;
