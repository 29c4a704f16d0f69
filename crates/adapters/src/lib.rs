//! The ports of the domain over real technology: WeChat, SQL databases, signed tokens, the system.

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
