//! Implementations of the domain's ports: WeChat, SQL databases, Redis, signed tokens, cryptography, webhooks
//! and the system clock.

pub mod cache;
pub mod crypto;
mod http_client;
pub mod rate_limiter;
pub mod redis;
pub mod store;
pub mod system;
pub mod token;
pub mod webhook;
pub mod wechat;
