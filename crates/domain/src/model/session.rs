//! A device's login: what its refresh tokens may do, and when it ends.

pub mod claims;
pub mod token_pair;

use std::time::Duration;

use uuid::Uuid;

use crate::model::app::name::AppName;
use crate::model::id::uuid_v7;
use crate::model::member::MemberId;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// A session's id; carried by every token as `sid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

/// A device that is logged in. A session that has ended is no more: the store keeps living ones only.
///
/// Its refresh tokens are numbered by `generation`, and each can be computed from the session's id and
/// that number: no token is stored, and a reply that was lost can be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which session this is.
    pub id: SessionId,
    /// Whose it is.
    pub member: MemberId,
    /// The app it was opened in.
    pub app: AppName,
    /// How often its refresh token was exchanged: the number of the one that is good now.
    pub generation: u32,
    /// When the member logged in.
    pub created_at: Timestamp,
    /// When the refresh token that is good now was made.
    pub refreshed_at: Timestamp,
    /// When the session ends unless it is refreshed before.
    pub expires_at: Timestamp,
}

/// How long sessions live, and how many.
#[derive(Clone, Copy, Debug)]
pub struct SessionPolicy {
    /// How long a session lasts that is not refreshed.
    pub idle: Duration,
    /// How long a session lasts at most, however often it is refreshed.
    pub absolute: Duration,
    /// How long the refresh token before the present one is still answered, with the present one: the
    /// reply that carried it may have been lost. At most a minute.
    pub grace: Duration,
    /// How many sessions a member has at most. One more ends the one refreshed longest ago.
    pub per_member: usize,
}

/// What a refresh token means to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenState {
    /// It is the present one: the session moves on to the next.
    Current,
    /// It is the one before, shown again in time: the present one is given again.
    InGrace,
    /// It was exchanged before, and long ago: one of two holders is a thief, so the session ends.
    Reused,
    /// It comes too late, or was never given.
    Expired,
}

impl Session {
    /// A new session of `member`.
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

    /// Whether the session lasts at `now`.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// What it means that the refresh token of `generation` is shown now.
    #[must_use]
    pub fn refresh_token_state(
        &self,
        generation: u32,
        policy: &SessionPolicy,
        now: Timestamp,
    ) -> RefreshTokenState {
        if !self.is_alive(now) || generation > self.generation {
            RefreshTokenState::Expired
        } else if generation == self.generation {
            RefreshTokenState::Current
        } else if generation + 1 == self.generation && now < self.grace_end(policy) {
            RefreshTokenState::InGrace
        } else {
            RefreshTokenState::Reused
        }
    }

    /// Until when the refresh token before the present one is answered.
    #[must_use]
    pub fn grace_end(&self, policy: &SessionPolicy) -> Timestamp {
        self.refreshed_at.plus(policy.grace).min(self.expires_at)
    }

    /// The session after its present refresh token was exchanged.
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

/// Which of a member's sessions end so that one more has room: those that are over, and as many of the
/// others as are too many, the one refreshed longest ago first.
#[must_use]
pub fn sessions_to_evict(
    mut sessions: Vec<Session>,
    policy: &SessionPolicy,
    now: Timestamp,
) -> Vec<SessionId> {
    // Latest first; the id settles what happened in the same millisecond.
    sessions.sort_by_key(|session| {
        std::cmp::Reverse((session.is_alive(now), session.refreshed_at, session.id.0))
    });
    let room = policy.per_member.saturating_sub(1);
    let over = |(nth, session): (usize, &Session)| nth >= room || !session.is_alive(now);
    let sessions_to_evict = sessions.iter().enumerate().filter(|&nth_session| over(nth_session));
    sessions_to_evict.map(|(_, session)| session.id).collect()
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
        let (member, app) = (MemberId(Uuid::nil()), AppName::parse("main").unwrap());
        Session::open(member, app, &POLICY, now, &random)
    }

    #[test]
    fn the_grace_ends_to_the_millisecond() {
        let session = opened(at(0), 0).refreshed(&POLICY, at(5));
        let last = Timestamp::from_unix_millis(14_999);
        assert_eq!(session.refresh_token_state(0, &POLICY, last), RefreshTokenState::InGrace);
        assert_eq!(session.refresh_token_state(0, &POLICY, at(15)), RefreshTokenState::Reused);
        let strict = SessionPolicy { grace: Duration::ZERO, ..POLICY };
        assert_eq!(session.refresh_token_state(0, &strict, at(5)), RefreshTokenState::Reused);
    }

    #[test]
    fn a_token_two_generations_old_is_a_replay_even_within_the_grace() {
        let session = opened(at(0), 0).refreshed(&POLICY, at(1)).refreshed(&POLICY, at(2));
        assert_eq!(session.refresh_token_state(0, &POLICY, at(2)), RefreshTokenState::Reused);
        assert_eq!(
            session.refresh_token_state(3, &POLICY, at(2)),
            RefreshTokenState::Expired,
            "never given"
        );
    }

    #[test]
    fn a_session_ends_when_idle_and_at_its_absolute_end_however_often_it_is_refreshed() {
        let mut session = opened(at(0), 0);
        assert_eq!(session.refresh_token_state(0, &POLICY, at(100)), RefreshTokenState::Expired);
        for round in 1..20 {
            session = session.refreshed(&POLICY, at(round * 50));
        }
        assert_eq!(session.expires_at, at(1_000));
    }

    #[test]
    fn one_session_too_many_ends_the_one_refreshed_longest_ago() {
        let (old, older) = (opened(at(20), 1), opened(at(10), 2).refreshed(&POLICY, at(15)));
        let new = opened(at(30), 3);
        let sessions = vec![new.clone(), older.clone(), old.clone()];
        assert_eq!(sessions_to_evict(sessions, &POLICY, at(40)), [older.id]);
        assert_eq!(sessions_to_evict(vec![new, old.clone()], &POLICY, at(40)), []);
        assert_eq!(sessions_to_evict(vec![old.clone()], &POLICY, at(500)), [old.id], "it was over");
    }

    /// What a session must do, told by the tokens it gave and when: nothing of how it does it.
    #[derive(Default)]
    struct Model {
        /// When each token was given, in their order.
        given: Vec<u64>,
        ended: bool,
    }

    impl Model {
        fn show(&mut self, nth: usize, now: u64) -> RefreshTokenState {
            let newest = self.given.len() - 1;
            let idle = now - self.given[newest] >= POLICY.idle.as_secs();
            let verdict = if self.ended || idle || now >= POLICY.absolute.as_secs() || nth > newest
            {
                RefreshTokenState::Expired
            } else if nth == newest {
                RefreshTokenState::Current
            } else if nth + 1 == newest && now - self.given[newest] < POLICY.grace.as_secs() {
                RefreshTokenState::InGrace
            } else {
                RefreshTokenState::Reused
            };
            match verdict {
                RefreshTokenState::Current => self.given.push(now),
                RefreshTokenState::Reused => self.ended = true,
                RefreshTokenState::InGrace | RefreshTokenState::Expired => {}
            }
            verdict
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Any history of tokens shown, each as many back from the newest as the first number says (one
        /// ahead for 4), so many seconds after the one before.
        #[test]
        fn every_history_is_as_the_model_has_it(
            history in prop::collection::vec((0_u32..5, prop_oneof![0_u64..3, 8_u64..12, 95_u64..105]), 1..40)
        ) {
            let mut session = Some(opened(at(0), 0));
            let mut model = Model { given: vec![0], ended: false };
            let mut now = 0;
            for (back, pause) in history {
                now += pause;
                let newest = u32::try_from(model.given.len() - 1).unwrap();
                let shown = if back == 4 { newest + 1 } else { newest.saturating_sub(back) };
                let expected = model.show(shown as usize, now);
                let seen = session
                    .as_ref()
                    .map_or(RefreshTokenState::Expired, |session| session.refresh_token_state(shown, &POLICY, at(now)));
                prop_assert_eq!(seen, expected, "token {} of {} at {}", shown, newest, now);
                match seen {
                    RefreshTokenState::Current => {
                        session = session.map(|session| session.refreshed(&POLICY, at(now)));
                    }
                    RefreshTokenState::Reused => session = None,
                    RefreshTokenState::InGrace | RefreshTokenState::Expired => {}
                }
            }
        }
    }
}
