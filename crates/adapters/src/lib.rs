//! The ports of the domain over real technology: WeChat, SQL databases, signed tokens, the system.

pub mod app_secrets;
mod http;
pub mod key_file;
pub mod master_key;
pub mod member_cache;
pub mod passwords;
pub mod rate_limiter;
pub mod redemption;
pub mod redis;
pub mod sealing;
pub mod service_keys;
pub mod session_key;
pub mod store;
pub mod system;
pub mod token;
pub mod webhook;
pub mod wechat;
