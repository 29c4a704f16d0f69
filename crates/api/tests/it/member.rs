//! Routes with a member's own data.

mod me;
mod personal_data;
mod phone;
