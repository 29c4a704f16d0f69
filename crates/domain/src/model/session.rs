//! Session of a device: refresh token rotation, refresh token reuse, session eviction and expiry.

pub mod claims;
pub mod token_pair;

use std::time::Duration;

use uuid::Uuid;

use crate::model::app::name::AppName;
use crate::model::id::uuid_v7;
use crate::model::member::MemberId;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// Id of a session; the claim `sid` of every token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

/// Session of a logged-in device. Ended sessions are deleted, so every stored session is active or
/// expired.
///
/// Refresh tokens are numbered by `generation`, and each token is derived from the session's id and that
/// number. No token is stored, and the response to a lost refresh can be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Id.
    pub id: SessionId,
    /// Member that logged in.
    pub member: MemberId,
    /// App in which the session was opened.
    pub app: AppName,
    /// Number of refreshes so far: the generation of the current refresh token.
    pub generation: u32,
    /// Time of the login.
    pub created_at: Timestamp,
    /// Time of the last refresh, or of the login.
    pub refreshed_at: Timestamp,
    /// Expiry of the session if it is not refreshed before.
    pub expires_at: Timestamp,
}

/// Lifetimes and maximum number of sessions.
#[derive(Clone, Copy, Debug)]
pub struct SessionPolicy {
    /// Maximum idle time: time since the last refresh.
    pub idle: Duration,
    /// Maximum lifetime, however often the session is refreshed.
    pub absolute: Duration,
    /// Grace period after a refresh in which the previous refresh token still yields the current one, in
    /// case the response was lost. At most one minute.
    pub grace: Duration,
    /// Maximum number of sessions per member. A further login evicts the least recently refreshed one.
    pub per_member: usize,
}

/// State of a refresh token within its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenState {
    /// Current token: the session advances to the next generation.
    Current,
    /// Previous token within the grace period: the current token is returned again.
    InGrace,
    /// Reused token outside the grace period: the token may be stolen, so the session ends.
    Reused,
    /// Token of a later generation than the session: the store has lost a refresh, because it was restored
    /// from a backup or failed over to a standby that was behind. The session ends, because a copy of an
    /// exchanged token would be accepted again.
    Unknown,
    /// Token of an expired session.
    Expired,
}

impl Session {
    /// Opens a session.
    #[must_use]
    pub fn open(
        member: MemberId,
        app: AppName,
        policy: &SessionPolicy,
        now: Timestamp,
        random: &dyn Random,
    ) -> Self {
        let lifetime = policy.idle.min(policy.absolute);
        Self {
            id: SessionId(uuid_v7(now, random)),
            member,
            app,
            generation: 0,
            created_at: now,
            refreshed_at: now,
            expires_at: now.plus(lifetime),
        }
    }

    /// Returns `true` if the session has not expired at `now`.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Returns the state of the refresh token of `generation` at `now`.
    #[must_use]
    pub fn refresh_token_state(
        &self,
        generation: u32,
        policy: &SessionPolicy,
        now: Timestamp,
    ) -> RefreshTokenState {
        if !self.is_alive(now) {
            RefreshTokenState::Expired
        } else if generation > self.generation {
            RefreshTokenState::Unknown
        } else if generation == self.generation {
            RefreshTokenState::Current
        } else if generation + 1 == self.generation && now < self.grace_end(policy) {
            RefreshTokenState::InGrace
        } else {
            RefreshTokenState::Reused
        }
    }

    /// Returns the end of the grace period of the previous refresh token.
    #[must_use]
    pub fn grace_end(&self, policy: &SessionPolicy) -> Timestamp {
        self.refreshed_at.plus(policy.grace).min(self.expires_at)
    }

    /// Returns the session after a refresh: with the next generation and a new expiry.
    #[must_use]
    pub fn refreshed(&self, policy: &SessionPolicy, now: Timestamp) -> Self {
        let end = self.created_at.plus(policy.absolute);
        Self {
            generation: self.generation.saturating_add(1),
            refreshed_at: now,
            expires_at: now.plus(policy.idle).min(end),
            ..self.clone()
        }
    }
}

/// Returns the sessions to end before a member opens another one: the expired ones, and the least
/// recently refreshed ones beyond the maximum.
#[must_use]
pub fn sessions_to_evict(
    mut sessions: Vec<Session>,
    policy: &SessionPolicy,
    now: Timestamp,
) -> Vec<SessionId> {
    // The latest comes first; the id orders sessions of the same millisecond.
    sessions.sort_by_key(|session| {
        std::cmp::Reverse((session.is_alive(now), session.refreshed_at, session.id.0))
    });
    let kept = policy.per_member.saturating_sub(1);
    let evicted = sessions
        .iter()
        .enumerate()
        .filter(|(index, session)| *index >= kept || !session.is_alive(now));
    evicted.map(|(_, session)| session.id).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::random::MockRandom;

    const POLICY: SessionPolicy = SessionPolicy {
        idle: Duration::from_secs(100),
        absolute: Duration::from_secs(1_000),
        grace: Duration::from_secs(10),
        per_member: 3,
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(0).plus(Duration::from_secs(seconds))
    }

    fn opened(now: Timestamp, seed: u8) -> Session {
        let mut random = MockRandom::new();
        random.expect_fill().returning(move |bytes| bytes.fill(seed));
        let member = MemberId(Uuid::nil());
        let app = AppName::parse("main").unwrap();
        Session::open(member, app, &POLICY, now, &random)
    }

    #[test]
    fn refresh_grace_period_ends_to_the_millisecond() {
        let session = opened(at(0), 0).refreshed(&POLICY, at(5));
        let last = Timestamp::from_unix_millis(14_999);
        assert_eq!(session.refresh_token_state(0, &POLICY, last), RefreshTokenState::InGrace);
        assert_eq!(session.refresh_token_state(0, &POLICY, at(15)), RefreshTokenState::Reused);
        let strict = SessionPolicy { grace: Duration::ZERO, ..POLICY };
        assert_eq!(session.refresh_token_state(0, &strict, at(5)), RefreshTokenState::Reused);
    }

    #[test]
    fn refresh_token_two_generations_old_is_reused_within_the_grace_period() {
        let session = opened(at(0), 0).refreshed(&POLICY, at(1)).refreshed(&POLICY, at(2));
        assert_eq!(session.refresh_token_state(0, &POLICY, at(2)), RefreshTokenState::Reused);
        assert_eq!(
            session.refresh_token_state(3, &POLICY, at(2)),
            RefreshTokenState::Unknown,
            "of a later generation"
        );
    }

    #[test]
    fn session_expires_when_idle_and_at_its_maximum_lifetime() {
        let mut session = opened(at(0), 0);
        assert_eq!(session.refresh_token_state(0, &POLICY, at(100)), RefreshTokenState::Expired);
        for round in 1..20 {
            session = session.refreshed(&POLICY, at(round * 50));
        }
        assert_eq!(session.expires_at, at(1_000));
    }

    #[test]
    fn session_eviction_ends_the_least_recently_refreshed() {
        let old = opened(at(20), 1);
        let older = opened(at(10), 2).refreshed(&POLICY, at(15));
        let new = opened(at(30), 3);
        let sessions = vec![new.clone(), older.clone(), old.clone()];
        assert_eq!(sessions_to_evict(sessions, &POLICY, at(40)), [older.id]);
        assert_eq!(sessions_to_evict(vec![new, old.clone()], &POLICY, at(40)), []);
        assert_eq!(sessions_to_evict(vec![old.clone()], &POLICY, at(500)), [old.id], "expired");
    }

    /// Reference model of a session: the times at which its tokens were issued.
    #[derive(Default)]
    struct Model {
        /// Issue time of each token, by generation.
        issued_at: Vec<u64>,
        ended: bool,
    }

    impl Model {
        fn refresh(&mut self, generation: usize, now: u64) -> RefreshTokenState {
            let newest = self.issued_at.len() - 1;
            let since_refresh = now - self.issued_at[newest];
            let is_expired = self.ended
                || since_refresh >= POLICY.idle.as_secs()
                || now >= POLICY.absolute.as_secs();
            let state = if is_expired {
                RefreshTokenState::Expired
            } else if generation > newest {
                RefreshTokenState::Unknown
            } else if generation == newest {
                RefreshTokenState::Current
            } else if generation + 1 == newest && since_refresh < POLICY.grace.as_secs() {
                RefreshTokenState::InGrace
            } else {
                RefreshTokenState::Reused
            };
            match state {
                RefreshTokenState::Current => self.issued_at.push(now),
                RefreshTokenState::Reused | RefreshTokenState::Unknown => self.ended = true,
                RefreshTokenState::InGrace | RefreshTokenState::Expired => {}
            }
            state
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Each step of a history is the age of the refresh token in generations (4 means one generation
        /// ahead) and the seconds since the previous step.
        #[test]
        fn refresh_token_states_match_the_reference_model(
            history in prop::collection::vec((0_u32..5, prop_oneof![0_u64..3, 8_u64..12, 95_u64..105]), 1..40)
        ) {
            let mut session = Some(opened(at(0), 0));
            let mut model = Model { issued_at: vec![0], ended: false };
            let mut now = 0;
            for (age, pause) in history {
                now += pause;
                let newest = u32::try_from(model.issued_at.len() - 1).unwrap();
                let generation = if age == 4 { newest + 1 } else { newest.saturating_sub(age) };
                let expected = model.refresh(generation as usize, now);
                let state = session
                    .as_ref()
                    .map_or(RefreshTokenState::Expired, |session| session.refresh_token_state(generation, &POLICY, at(now)));
                prop_assert_eq!(state, expected, "token {} of {} at {}", generation, newest, now);
                match state {
                    RefreshTokenState::Current => {
                        session = session.map(|session| session.refreshed(&POLICY, at(now)));
                    }
                    RefreshTokenState::Reused | RefreshTokenState::Unknown => session = None,
                    RefreshTokenState::InGrace | RefreshTokenState::Expired => {}
                }
            }
        }
    }
}
