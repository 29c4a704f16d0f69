//! The redemption of a login code: once, however often the request for it is sent.

use crate::model::fingerprint::Fingerprint;
use std::time::Duration;

use crate::model::member::MemberId;
use crate::model::session::SessionId;
use crate::model::timestamp::Timestamp;

/// For how long the request that redeemed a code is given the same answer again.
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_mins(1);

/// For how long a redeemed code is remembered: as long as the provider would take a fresh one, so that
/// whoever sends it again meanwhile is noticed. WeChat's codes live five minutes.
pub const CODE_REPLAY_WINDOW: Duration = Duration::from_mins(5);

/// A login code that was redeemed, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// Which code, of which app.
    pub code: Fingerprint,
    /// Whom it let in.
    pub member: MemberId,
    /// The session it opened.
    pub session: SessionId,
    /// When.
    pub redeemed_at: Timestamp,
    /// What can be said again, and to whom, where the client asked for that.
    pub repeatable: Option<StoredResponse>,
}

/// An answer kept for the request that got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// Which request: its idempotency key and everything in it.
    pub request: Fingerprint,
    /// The answer, sealed.
    pub answer: Vec<u8>,
}

impl Redemption {
    /// The sealed answer, if `request` is the one that got it and asks again in time.
    #[must_use]
    pub fn response_for(&self, request: Fingerprint, now: Timestamp) -> Option<&[u8]> {
        let kept = self.repeatable.as_ref().filter(|kept| kept.request == request)?;
        (now < self.redeemed_at.plus(IDEMPOTENCY_WINDOW)).then_some(&kept.answer)
    }

    /// When it may be forgotten.
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

    fn redemption(repeatable: Option<StoredResponse>) -> Redemption {
        Redemption {
            code: Fingerprint([0; 32]),
            member: MemberId(Uuid::from_u128(1)),
            session: SessionId(Uuid::from_u128(2)),
            redeemed_at: THEN,
            repeatable,
        }
    }

    #[test]
    fn the_answer_is_repeated_for_a_minute_to_the_same_request_only() {
        let answered = redemption(Some(StoredResponse { request: REQUEST, answer: vec![7] }));
        let last = Timestamp::from_unix_millis(1_059_999);
        assert_eq!(answered.response_for(REQUEST, last), Some(&[7][..]));
        assert_eq!(answered.response_for(REQUEST, THEN.plus(IDEMPOTENCY_WINDOW)), None, "too late");
        assert_eq!(answered.response_for(Fingerprint([2; 32]), THEN), None, "another request");
        assert_eq!(redemption(None).response_for(REQUEST, THEN), None, "nothing was kept");
    }
}
