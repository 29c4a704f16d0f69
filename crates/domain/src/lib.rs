//! The rules of login and membership, and the ports they need.
