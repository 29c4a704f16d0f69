//! Members and their sessions, remembered for a moment, so that not every request asks the database.

use crate::cache::invalidation::Change;
use crate::cache::invalidation::InvalidationLog;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::model::member::{Member, MemberId};
use domain::model::session::{Session, SessionId};
use domain::ports::store::error::StoreError;
use domain::ports::store::members::MemberReader;
use domain::ports::store::sessions::SessionReader;
use quick_cache::sync::Cache;

/// How many members and sessions are remembered at most, of each: about 10 MB.
const CAPACITY: usize = 10_000;

/// Cache of members and sessions in front of the store. An entry is used until a change of it is reported,
/// and for the time to live of the invalidation log at most.
pub struct MemberCache {
    member_reader: Arc<dyn MemberReader>,
    session_reader: Arc<dyn SessionReader>,
    changes: Arc<InvalidationLog>,
    members: Cache<MemberId, Arc<Read<Member>>>,
    sessions: Cache<SessionId, Arc<Read<(Session, Member)>>>,
    swept: Mutex<Instant>,
}

struct Read<T> {
    began: Instant,
    value: T,
}

impl MemberCache {
    /// Caches what the readers return, until a change of it is reported in `changes`.
    #[must_use]
    pub fn new(
        member_reader: Arc<dyn MemberReader>,
        session_reader: Arc<dyn SessionReader>,
        changes: Arc<InvalidationLog>,
    ) -> Self {
        Self {
            member_reader,
            session_reader,
            changes,
            members: Cache::new(CAPACITY),
            sessions: Cache::new(CAPACITY),
            swept: Mutex::new(Instant::now()),
        }
    }

    /// Forgets what is too old, now and then: nobody's data stays longer than it is of use.
    fn sweep(&self, now: Instant) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(*swept) <= self.changes.ttl {
            return;
        }
        *swept = now;
        drop(swept);
        let life = self.changes.ttl;
        self.members.retain(|_, read| now.duration_since(read.began) < life);
        self.sessions.retain(|_, read| now.duration_since(read.began) < life);
    }
}

#[async_trait]
impl MemberReader for MemberCache {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        let began = Instant::now();
        if let Some(read) = self.members.get(&id)
            && self.changes.is_fresh(read.began, [Change::Member(id); 2])
        {
            return Ok(Some(read.value.clone()));
        }
        let found = self.member_reader.find(id).await?;
        if let Some(member) = &found {
            self.sweep(began);
            self.members.insert(id, Arc::new(Read { began, value: member.clone() }));
        }
        Ok(found)
    }
}

#[async_trait]
impl SessionReader for MemberCache {
    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError> {
        let began = Instant::now();
        if let Some(read) = self.sessions.get(&id)
            && self.changes.is_fresh(read.began, parts(&read.value))
        {
            return Ok(Some(read.value.clone()));
        }
        let found = self.session_reader.find_session(id).await?;
        if let Some(both) = &found {
            self.sweep(began);
            self.sessions.insert(id, Arc::new(Read { began, value: both.clone() }));
        }
        Ok(found)
    }
}

fn parts((session, member): &(Session, Member)) -> [Change; 2] {
    [Change::Session(session.id), Change::Member(member.id)]
}

#[cfg(test)]
mod tests {
    use domain::model::member::nickname::Nickname;
    use domain::model::timestamp::Timestamp;
    use domain::ports::store::members::MockMemberReader;
    use domain::ports::store::sessions::MockSessionReader;
    use uuid::Uuid;

    use super::*;

    const ID: MemberId = MemberId(Uuid::from_u128(1));

    fn member(nickname: &str) -> Member {
        let nickname = Nickname::parse(nickname).unwrap();
        Member::register(ID, nickname, None, Timestamp::from_unix_millis(0))
    }

    /// A directory that has another nickname to tell each time, and does `meanwhile`.
    fn reader(meanwhile: impl Fn() + Send + Sync + 'static) -> Arc<dyn MemberReader> {
        let mut reader = MockMemberReader::new();
        let mut asked = 0;
        reader.expect_find().returning(move |_| {
            meanwhile();
            asked += 1;
            Ok(Some(member(&asked.to_string())))
        });
        Arc::new(reader)
    }

    fn cache(reader: Arc<dyn MemberReader>, changes: Arc<InvalidationLog>) -> MemberCache {
        MemberCache::new(reader, Arc::new(MockSessionReader::new()), changes)
    }

    async fn told(cache: &MemberCache) -> String {
        cache.find(ID).await.unwrap().unwrap().nickname.as_str().to_owned()
    }

    #[tokio::test]
    async fn what_was_read_stands_until_it_changes_or_is_too_old() {
        let changes = Arc::new(InvalidationLog::new(Duration::from_mins(1)));
        let cache = cache(reader(|| {}), Arc::clone(&changes));
        assert_eq!((told(&cache).await, told(&cache).await), ("1".into(), "1".into()));
        changes.record(&[Change::Member(MemberId(Uuid::from_u128(2)))]);
        assert_eq!(told(&cache).await, "1");
        changes.record(&[Change::Member(ID)]);
        assert_eq!((told(&cache).await, told(&cache).await), ("2".into(), "2".into()));
        changes.invalidate_all();
        assert_eq!((told(&cache).await, told(&cache).await), ("3".into(), "3".into()));
        changes.lately().all = None;
        assert!(changes.is_fresh(Instant::now(), [Change::Member(ID); 2]));
        let long_ago = Instant::now().checked_sub(changes.ttl).unwrap();
        assert!(!changes.is_fresh(long_ago, [Change::Member(MemberId(Uuid::nil())); 2]));
    }

    #[tokio::test]
    async fn what_changes_while_it_is_read_is_not_remembered() {
        let changes = Arc::new(InvalidationLog::new(Duration::from_mins(1)));
        let meanwhile = Arc::clone(&changes);
        let reader = reader(move || meanwhile.record(&[Change::Member(ID)]));
        let cache = cache(reader, changes);
        assert_eq!((told(&cache).await, told(&cache).await), ("1".into(), "2".into()));
    }

    #[tokio::test]
    async fn nothing_is_remembered_for_no_time() {
        let cache = cache(reader(|| {}), Arc::new(InvalidationLog::new(Duration::ZERO)));
        assert_eq!((told(&cache).await, told(&cache).await), ("1".into(), "2".into()));
    }

    #[test]
    fn changes_are_kept_for_as_long_as_they_matter_and_not_much_longer() {
        let changes = InvalidationLog::new(Duration::from_mins(1));
        let of = |id| Change::Member(MemberId(Uuid::from_u128(id)));
        let began = Instant::now();
        for id in 0..1_000 {
            changes.record(&[of(id)]);
            assert!(!changes.is_fresh(began, [of(id); 2]));
        }
        for later in 0..3 {
            let before = changes.lately().turned.checked_sub(Duration::from_mins(2));
            changes.lately().turned = before.unwrap();
            changes.record(&[of(2_000 + later)]);
        }
        let lately = changes.lately();
        assert!(lately.young.len() + lately.old.len() <= 2);
    }
}
