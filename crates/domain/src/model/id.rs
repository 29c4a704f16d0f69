//! Time-ordered identifiers.

use crate::model::random::Random;
use crate::model::timestamp::Timestamp;
use uuid::Uuid;

/// Generates a UUID of version 7: 48 bits of time in milliseconds and 74 random bits.
pub(crate) fn uuid_v7(now: Timestamp, random: &dyn Random) -> Uuid {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    let millis = u64::try_from(now.unix_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}
