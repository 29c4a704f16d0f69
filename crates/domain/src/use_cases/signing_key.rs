//! Rotation of the keys that sign access tokens.

pub mod rotate;
