//! The adapters against the ports they implement.

// `cfg(test)` is what tells clippy that the helpers beside the tests are test code too.
#[cfg(test)]
mod master_key;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod store;
#[cfg(test)]
mod token;
#[cfg(test)]
mod wechat;
