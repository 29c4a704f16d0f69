//! `POST /login`: registration, conflicts and idempotency keys.

mod conflict;
mod idempotency;
mod post_login;
