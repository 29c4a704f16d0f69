//! Authentication: tokens, sessions, the OAuth routes and the rights of each kind of caller.

mod authorization_matrix;
mod jwks;
mod oauth;
mod session;
mod token_invalidation;
