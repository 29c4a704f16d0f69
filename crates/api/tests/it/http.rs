//! Properties of every HTTP request and response: envelope, parsing, connections and rate limits.

mod canonical_paths;
mod envelope;
mod fuzz;
mod malformed_requests;
mod rate_limits;
mod sockets;
