//! The HTTP side: routes, envelope, error table, OpenAPI.
