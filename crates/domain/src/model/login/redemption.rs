//! Redemption of a login code. A code is redeemed once, however often its request is repeated.

use crate::model::fingerprint::Fingerprint;
use std::time::Duration;

use crate::model::member::MemberId;
use crate::model::session::SessionId;
use crate::model::timestamp::Timestamp;

/// Time for which a repeated request gets the stored response.
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_mins(1);

/// Time for which a redeemed code is stored, to detect its reuse. It equals the lifetime of WeChat's
/// codes: five minutes.
pub const CODE_REPLAY_WINDOW: Duration = Duration::from_mins(5);

/// Redeemed login code with its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// Fingerprint of the app and the code.
    pub code: Fingerprint,
    /// Member that logged in.
    pub member: MemberId,
    /// Session that was opened.
    pub session: SessionId,
    /// Time of the redemption.
    pub redeemed_at: Timestamp,
    /// Stored response, if the request had an idempotency key.
    pub stored_response: Option<StoredResponse>,
}

/// Response that is stored for repetitions of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// Fingerprint of the idempotency key and all fields of the request.
    pub request: Fingerprint,
    /// Sealed response.
    pub sealed_response: Vec<u8>,
}

impl Redemption {
    /// Returns the sealed response, if `request` is the request it was stored for and
    /// [`IDEMPOTENCY_WINDOW`] has not ended.
    #[must_use]
    pub fn response_for(&self, request: Fingerprint, now: Timestamp) -> Option<&[u8]> {
        let stored = self.stored_response.as_ref().filter(|stored| stored.request == request)?;
        let is_in_window = now < self.redeemed_at.plus(IDEMPOTENCY_WINDOW);
        is_in_window.then_some(&stored.sealed_response)
    }

    /// Returns the time from which the redemption may be deleted.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.redeemed_at.plus(CODE_REPLAY_WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const THEN: Timestamp = Timestamp::from_unix_millis(1_000_000);
    const REQUEST: Fingerprint = Fingerprint([1; 32]);

    fn redemption(stored_response: Option<StoredResponse>) -> Redemption {
        Redemption {
            code: Fingerprint([0; 32]),
            member: MemberId(Uuid::from_u128(1)),
            session: SessionId(Uuid::from_u128(2)),
            redeemed_at: THEN,
            stored_response,
        }
    }

    #[test]
    fn stored_response_is_returned_to_the_same_request_within_the_window() {
        let answered =
            redemption(Some(StoredResponse { request: REQUEST, sealed_response: vec![7] }));
        let last = Timestamp::from_unix_millis(1_059_999);
        assert_eq!(answered.response_for(REQUEST, last), Some(&[7][..]));
        assert_eq!(answered.response_for(REQUEST, THEN.plus(IDEMPOTENCY_WINDOW)), None, "too late");
        assert_eq!(answered.response_for(Fingerprint([2; 32]), THEN), None, "another request");
        assert_eq!(redemption(None).response_for(REQUEST, THEN), None, "nothing was kept");
    }
}
