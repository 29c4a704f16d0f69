//! Routes that exchange WeChat's codes and session keys, and WeChat's push messages.

mod code2session;
mod openid;
mod push;
mod session_key;
