//! Caches in front of the store.

pub mod invalidation;
pub mod member_cache;
