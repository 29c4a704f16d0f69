//! Member cache: members and sessions in memory, so that not every request queries the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use domain::model::member::{Member, MemberId};
use domain::model::session::{Session, SessionId};
use domain::ports::store::error::StoreError;
use domain::ports::store::members::MemberReader;
use domain::ports::store::sessions::SessionReader;
use quick_cache::sync::Cache;

use crate::cache::invalidation::{Change, InvalidationLog};

/// Maximum number of cached members, and of cached sessions. Together they take about 10 MB.
const CAPACITY: usize = 10_000;

/// Cache of members and sessions in front of the store. An entry is used until a change of it is reported,
/// and for the time to live of the invalidation log at most.
pub struct MemberCache {
    member_reader: Arc<dyn MemberReader>,
    session_reader: Arc<dyn SessionReader>,
    invalidations: Arc<InvalidationLog>,
    members: Cache<MemberId, Arc<CacheEntry<Member>>>,
    sessions: Cache<SessionId, Arc<CacheEntry<(Session, Member)>>>,
    last_eviction: Mutex<Instant>,
}

struct CacheEntry<T> {
    /// Time at which the read of the value started.
    read_at: Instant,
    value: T,
}

impl MemberCache {
    /// Caches what the readers return, until a change of it is reported in `invalidations`.
    #[must_use]
    pub fn new(
        member_reader: Arc<dyn MemberReader>,
        session_reader: Arc<dyn SessionReader>,
        invalidations: Arc<InvalidationLog>,
    ) -> Self {
        Self {
            member_reader,
            session_reader,
            invalidations,
            members: Cache::new(CAPACITY),
            sessions: Cache::new(CAPACITY),
            last_eviction: Mutex::new(Instant::now()),
        }
    }

    /// Evicts expired entries, at most once per time to live, so that personal data does not stay in memory
    /// longer than it is used.
    fn evict_expired(&self, now: Instant) {
        let ttl = self.invalidations.ttl();
        let mut last_eviction = self.last_eviction.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(*last_eviction) <= ttl {
            return;
        }
        *last_eviction = now;
        drop(last_eviction);
        self.members.retain(|_, entry| now.duration_since(entry.read_at) < ttl);
        self.sessions.retain(|_, entry| now.duration_since(entry.read_at) < ttl);
    }
}

#[async_trait]
impl MemberReader for MemberCache {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        let read_at = Instant::now();
        if let Some(entry) = self.members.get(&id)
            && self.invalidations.is_fresh(entry.read_at, [Change::Member(id); 2])
        {
            return Ok(Some(entry.value.clone()));
        }
        let found = self.member_reader.find(id).await?;
        if let Some(member) = &found {
            self.evict_expired(read_at);
            self.members.insert(id, Arc::new(CacheEntry { read_at, value: member.clone() }));
        }
        Ok(found)
    }
}

#[async_trait]
impl SessionReader for MemberCache {
    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError> {
        let read_at = Instant::now();
        if let Some(entry) = self.sessions.get(&id)
            && self.invalidations.is_fresh(entry.read_at, parts(&entry.value))
        {
            return Ok(Some(entry.value.clone()));
        }
        let found = self.session_reader.find_session(id).await?;
        if let Some(session_and_member) = &found {
            self.evict_expired(read_at);
            let value = session_and_member.clone();
            self.sessions.insert(id, Arc::new(CacheEntry { read_at, value }));
        }
        Ok(found)
    }
}

fn parts((session, member): &(Session, Member)) -> [Change; 2] {
    [Change::Session(session.id), Change::Member(member.id)]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::model::member::nickname::Nickname;
    use domain::model::timestamp::Timestamp;
    use domain::ports::store::members::MockMemberReader;
    use domain::ports::store::sessions::MockSessionReader;
    use uuid::Uuid;

    use super::*;

    const ID: MemberId = MemberId(Uuid::from_u128(1));
    const OTHER_ID: MemberId = MemberId(Uuid::from_u128(2));

    fn member(nickname: &str) -> Member {
        let nickname = Nickname::parse(nickname).unwrap();
        Member::register(ID, nickname, None, Timestamp::from_unix_millis(0))
    }

    /// Reader that returns the number of the read as nickname, and calls `during_read` in each.
    fn counting_reader(during_read: impl Fn() + Send + Sync + 'static) -> Arc<dyn MemberReader> {
        let mut reader = MockMemberReader::new();
        let mut reads = 0;
        reader.expect_find().returning(move |_| {
            during_read();
            reads += 1;
            Ok(Some(member(&reads.to_string())))
        });
        Arc::new(reader)
    }

    fn cache(reader: Arc<dyn MemberReader>, invalidations: Arc<InvalidationLog>) -> MemberCache {
        MemberCache::new(reader, Arc::new(MockSessionReader::new()), invalidations)
    }

    async fn find(cache: &MemberCache) -> String {
        cache.find(ID).await.unwrap().unwrap().nickname.as_str().to_owned()
    }

    #[tokio::test]
    async fn member_is_cached_until_a_change_is_reported() {
        let invalidations = Arc::new(InvalidationLog::new(Duration::from_mins(1)));
        let cache = cache(counting_reader(|| {}), Arc::clone(&invalidations));
        assert_eq!(find(&cache).await, "1");
        assert_eq!(find(&cache).await, "1");
        invalidations.record(&[Change::Member(OTHER_ID)]);
        assert_eq!(find(&cache).await, "1");
        invalidations.record(&[Change::Member(ID)]);
        assert_eq!(find(&cache).await, "2");
        assert_eq!(find(&cache).await, "2");
        invalidations.invalidate_all();
        assert_eq!(find(&cache).await, "3");
        assert_eq!(find(&cache).await, "3");
    }

    #[tokio::test]
    async fn stale_read_is_not_cached() {
        let invalidations = Arc::new(InvalidationLog::new(Duration::from_mins(1)));
        let during_read = Arc::clone(&invalidations);
        let reader = counting_reader(move || during_read.record(&[Change::Member(ID)]));
        let cache = cache(reader, invalidations);
        assert_eq!(find(&cache).await, "1");
        assert_eq!(find(&cache).await, "2");
    }

    #[tokio::test]
    async fn zero_ttl_disables_the_cache() {
        let invalidations = Arc::new(InvalidationLog::new(Duration::ZERO));
        let cache = cache(counting_reader(|| {}), invalidations);
        assert_eq!(find(&cache).await, "1");
        assert_eq!(find(&cache).await, "2");
    }
}
