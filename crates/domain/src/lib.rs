//! The rules of login and membership, and the ports they need.
//!
//! Nothing here knows HTTP, SQL, JSON, the clock, randomness or the environment: what the rules need
//! of the world they ask for through [`ports`]. Use cases are the files named after a verb.

pub mod admin;
pub mod app;
pub mod audit;
pub mod audit_query;
pub mod authenticate;
pub mod authenticate_admin;
pub mod avatar;
pub mod ban;
pub mod bind_phone;
pub mod conflict;
pub mod contention;
pub mod current_member;
pub mod deliver_events;
pub mod delivery;
pub mod domain_event;
pub mod erase_member;
pub mod exchange_code;
pub mod export_member;
pub mod holdings;
pub mod housekeeping;
pub mod identify;
pub mod identity;
pub mod introspect;
pub mod limits;
pub mod log_out;
pub mod login;
pub mod look_after_members;
pub mod manage_admins;
pub mod member;
pub mod member_query;
pub mod nickname;
pub mod obey_withdrawals;
pub mod phone;
pub mod ports;
pub mod rate_limit;
pub mod read_record;
pub mod receive_push;
pub mod redemption;
pub mod refresh;
pub mod rotate_keys;
pub mod secret;
pub mod session;
pub mod session_key;
pub mod sign_in;
pub mod signing_key;
pub mod timestamp;
pub mod token_pair;
pub mod tombstone;
pub mod update_profile;
pub mod use_session_key;
pub mod withdrawal;
