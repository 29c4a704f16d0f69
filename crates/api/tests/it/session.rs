//! `POST /token/refresh`, `POST /logout`, `POST /logout/all` and everything under `/me/sessions`.

use std::sync::Arc;
use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::ports::store::error::StoreError;
use domain::ports::store::{MockStore, Store, StoreReader, UnitOfWork};
use domain::use_cases::ports::StoreReaders;
use insta::assert_snapshot;
use salvo::async_trait;
use serde_json::{Value, json};
use testkit::memory::MemoryStore;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::call::{delete, get, post};
use crate::house::{House, SERVICE_KEY, Tokens};

#[tokio::test]
async fn a_refresh_gives_a_new_pair_that_works() {
    let house = House::new();
    let first = house.log_in("o1").await;
    let answer = house.refresh(&first.refresh).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"token":"access-01a1f866-0d7b-7c5a-b43f-8fd7765d3d85","refreshToken":"refresh-01a1f866-0d7b-7553-b8a6-5aacb8ccfbc9-1","expiresIn":7200},"operationTime":"2026-11-20T10:00:00Z"}"#);
    let second = Tokens::of(&answer);
    assert_ne!(second.refresh, first.refresh);
    for token in [&first.access, &second.access] {
        assert_eq!(get("/me").bearer(token).send(&house).await.status, 200);
    }
    house.refresh(&second.refresh).await.json();
}

#[tokio::test]
async fn a_lost_reply_is_given_again_within_the_grace() {
    let house = House::new();
    let first = house.log_in("o1").await;
    let lost = Tokens::of(&house.refresh(&first.refresh).await);
    house.clock.advance(Duration::from_millis(9_999));
    let again = Tokens::of(&house.refresh(&first.refresh).await);
    assert_eq!(again.refresh, lost.refresh);
}

#[tokio::test]
async fn a_replay_ends_the_session_and_no_other() {
    let house = House::new();
    let stolen = house.log_in("o1").await;
    let other = house.log_in("o1").await;
    let second = Tokens::of(&house.refresh(&stolen.refresh).await);
    house.clock.advance(Duration::from_secs(10));
    for token in [&stolen.refresh, &stolen.refresh, &second.refresh] {
        let answer = house.refresh(token).await;
        assert_eq!(answer.failure(), (401, "session_revoked".into()));
    }
    assert_eq!(get("/me").bearer(&other.access).send(&house).await.status, 200);
    Tokens::of(&house.refresh(&other.refresh).await);
    let kinds: Vec<_> =
        house.store.audit_besides_logins().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [AuditKind::RefreshTokenReused]);
}

#[tokio::test]
async fn a_session_that_is_not_refreshed_in_time_is_over() {
    let house = House::new();
    let tokens = house.log_in("o1").await;
    house.clock.advance(Duration::from_hours(720));
    let answer = house.refresh(&tokens.refresh).await;
    assert_eq!(answer.failure(), (401, "session_revoked".into()));
}

#[tokio::test]
async fn a_refresh_token_is_visible_ascii_of_bounded_length() {
    let house = House::new();
    let longest = "x".repeat(512);
    let longer = "x".repeat(513);
    for bad in ["", " ", "a b", "a\n", "码", &longer] {
        let fault = house.refresh(bad).await.fault("refreshToken");
        assert_eq!(fault, "a refresh token is 1 to 512 visible ASCII characters", "{bad:?}");
    }
    assert_eq!(house.refresh(&longest).await.failure(), (401, "unauthenticated".into()));
    for (body, fault) in [
        (json!({}), "is required"),
        (json!({ "refreshToken": null }), "is required"),
        (json!({ "refreshToken": 1 }), "is not a text"),
        (json!({ "refreshToken": "a\u{0}" }), "contains a NUL character"),
    ] {
        let answer = post("/token/refresh").json(&body).send(&house).await;
        assert_eq!(answer.fault("refreshToken"), fault);
    }
    let body = json!({ "refreshToken": "x", "refresh_token": "y" });
    let answer = post("/token/refresh").json(&body).send(&house).await;
    assert_eq!(answer.fault("refresh_token"), "is unknown");
}

#[tokio::test]
async fn a_logout_ends_this_session_only_and_needs_no_body() {
    for logout in [
        post("/logout"),
        post("/logout").json(&json!({})),
        post("/logout").header("content-type", "application/json"),
    ] {
        let house = House::new();
        let here = house.log_in("o1").await;
        let there = house.log_in("o1").await;
        let answer = logout.bearer(&here.access).send(&house).await;
        let done =
            r#"{"code":200,"msg":"操作成功","data":{},"operationTime":"2026-11-20T10:00:00Z"}"#;
        assert_eq!(answer.body, done);
        let answer = post("/logout").bearer(&here.access).send(&house).await;
        assert_eq!(answer.failure(), (401, "session_revoked".into()));
        assert_eq!(house.refresh(&here.refresh).await.failure().1, "session_revoked");
        assert_eq!(get("/me").bearer(&there.access).send(&house).await.status, 200);
        Tokens::of(&house.refresh(&there.refresh).await);
    }
}

#[tokio::test]
async fn a_logout_everywhere_ends_all_sessions_of_this_member() {
    let house = House::new();
    let here = house.log_in("o1").await;
    let there = house.log_in("o1").await;
    let bob = house.token_of("o2").await;
    let answer = post("/logout/all").bearer(&here.access).send(&house).await;
    assert_eq!(answer.json()["data"], json!({}));
    for gone in [&here, &there] {
        let answer = get("/me").bearer(&gone.access).send(&house).await;
        assert_eq!(answer.failure(), (401, "session_revoked".into()));
        assert_eq!(house.refresh(&gone.refresh).await.failure().1, "session_revoked");
    }
    assert_eq!(get("/me").bearer(&bob).send(&house).await.status, 200);
}

#[tokio::test]
async fn a_logout_whose_body_says_something_is_refused_and_ends_nothing() {
    let house = House::new();
    let token = house.token_of("o1").await;
    for path in ["/logout", "/logout/all"] {
        let answer = post(path).bearer(&token).json(&json!({ "session": 1 })).send(&house).await;
        assert_eq!(answer.fault("session"), "is unknown");
        let answer = post(path).bearer(&token).raw_json("[]").send(&house).await;
        assert_eq!(answer.fault("body"), "is not a JSON object");
        let answer = post(path).bearer(&token).body("{}").send(&house).await;
        assert_eq!(answer.failure(), (415, "unsupported_media_type".into()));
        let answer = post(path).bearer(&token).form("a=b").send(&house).await;
        assert_eq!(answer.failure(), (415, "unsupported_media_type".into()));
    }
    assert_eq!(get("/me").bearer(&token).send(&house).await.status, 200);
}

async fn sessions(house: &House, token: &str) -> Vec<Value> {
    let answer = get("/me/sessions").bearer(token).send(house).await;
    answer.json()["data"]["sessions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn members_see_their_sessions_the_one_used_last_first() {
    let house = House::new();
    let first = house.log_in("o1").await;
    house.clock.advance(Duration::from_mins(1));
    let second = house.token_of("o1").await;
    house.token_of("o2").await;
    let answer = get("/me/sessions").bearer(&second).send(&house).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"sessions":[{"id":"01a1f866-f7db-7c5a-b43f-8fd7765d3d85","app":"main","createdAt":"2026-11-20T10:01:00.123Z","refreshedAt":"2026-11-20T10:01:00.123Z","expiresAt":"2026-12-20T10:01:00.123Z","current":true},{"id":"01a1f866-0d7b-7553-b8a6-5aacb8ccfbc9","app":"main","createdAt":"2026-11-20T10:00:00.123Z","refreshedAt":"2026-11-20T10:00:00.123Z","expiresAt":"2026-12-20T10:00:00.123Z","current":false}]},"operationTime":"2026-11-20T10:01:00Z"}"#);
    house.clock.advance(Duration::from_mins(1));
    let first = Tokens::of(&house.refresh(&first.refresh).await).access;
    let seen = sessions(&house, &first).await;
    let told: Vec<_> = seen.iter().map(|s| (&s["refreshedAt"], &s["current"])).collect();
    let early = json!("2026-11-20T10:01:00.123Z");
    let late = json!("2026-11-20T10:02:00.123Z");
    assert_eq!(told, [(&late, &json!(true)), (&early, &json!(false))]);
}

#[tokio::test]
async fn members_end_their_own_sessions_one_by_one() {
    let house = House::new();
    let here = house.log_in("o1").await;
    let there = house.log_in("o1").await;
    let end = async |token: &str, session: &Value| {
        let path = format!("/me/sessions/{}", session["id"].as_str().unwrap());
        delete(&path).bearer(token).send(&house).await
    };
    let seen = sessions(&house, &here.access).await;
    let other = seen.iter().find(|session| session["current"] == false).unwrap();
    assert_eq!(end(&here.access, other).await.json()["data"], json!({}));
    assert_eq!(house.refresh(&there.refresh).await.failure().1, "session_revoked");
    assert_eq!(end(&here.access, other).await.failure(), (404, "not_found".into()), "it is gone");
    let bob = house.token_of("o2").await;
    let bobs = sessions(&house, &bob).await.remove(0);
    assert_eq!(end(&here.access, &bobs).await.failure(), (404, "not_found".into()), "not theirs");
    assert_eq!(get("/me").bearer(&bob).send(&house).await.status, 200);
    let mine = sessions(&house, &here.access).await.remove(0);
    assert_eq!(end(&here.access, &mine).await.status, 200, "this one, too");
    assert_eq!(end(&here.access, &mine).await.failure(), (401, "session_revoked".into()));
}

#[tokio::test]
async fn an_address_that_is_no_id_of_a_session_leads_nowhere() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let id = sessions(&house, &token).await[0]["id"].as_str().unwrap().to_owned();
    let simple = id.replace('-', "");
    let braced = format!("%7b{id}%7d");
    for bad in ["1", "me", "x%00", &simple, &braced, &format!("urn:uuid:{id}")] {
        let answer = delete(&format!("/me/sessions/{bad}")).bearer(&token).send(&house).await;
        assert_eq!(answer.failure(), (404, "not_found".into()), "{bad}");
    }
    assert_eq!(house.store.sessions().len(), 1);
}

/// A store that begins a unit of work when it is told to, and tells when one has been committed.
struct SlowStore {
    store: MemoryStore,
    asked: Notify,
    begin: Notify,
}

#[async_trait]
impl Store for SlowStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        self.asked.notify_one();
        self.begin.notified().await;
        self.store.begin().await
    }

    async fn purge_deleted(&self) -> Result<(), StoreError> {
        self.store.purge_deleted().await
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_stops_neither_a_refresh_nor_a_logout_half_way() {
    let house = House::new();
    let tokens = house.log_in("o1").await;
    let id = house.store.sessions()[0].id.0;
    let generation = || house.store.sessions().first().map(|session| session.generation);
    let slow = Arc::new(SlowStore {
        store: house.store.clone(),
        asked: Notify::new(),
        begin: Notify::new(),
    });
    let slow_house = House::planned(|plan| {
        plan.ports.store = slow.clone();
        let store: Arc<dyn StoreReader> = Arc::new(house.store.clone());
        plan.ports.readers = StoreReaders::new(&store);
        plan.ports.token_verifier = house.tokens.clone();
        plan.ports.token_issuer = house.tokens.clone();
    });
    let refresh = post("/token/refresh").json(&json!({ "refreshToken": tokens.refresh }));
    let end = delete(&format!("/me/sessions/{id}")).bearer(&tokens.access);
    let revoke = post("/oauth/revoke").bearer(SERVICE_KEY);
    let calls = [
        (refresh, Some(1)),
        (post("/logout").bearer(&tokens.access), None),
        (post("/logout/all").bearer(&tokens.access), None),
        (end, None),
        (revoke.form(format!("token={}", tokens.refresh)), None),
    ];
    let session = house.store.sessions().remove(0);
    for (call, outcome) in calls {
        let work = house.store.begin().await.unwrap();
        work.sessions().remove_all(session.member).await.unwrap();
        work.sessions().add(&session).await.unwrap();
        work.commit().await.unwrap();
        tokio::select! {
            answer = call.send(&slow_house) => panic!("answered {}", answer.body),
            () = slow.asked.notified() => {}
        }
        assert_eq!(generation(), Some(0));
        slow.begin.notify_one();
        let done = async {
            while generation() != outcome {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), done).await.unwrap();
    }
}

#[tokio::test]
async fn a_broken_store_is_told_as_such_to_one_who_refreshes() {
    let house = House::new();
    let tokens = house.log_in("o1").await;
    let broken = House::planned(|plan| {
        let mut store = MockStore::new();
        store.expect_begin().returning(|| Err(StoreError::new("store-canary")));
        plan.ports.store = Arc::new(store);
    });
    let answer = broken.refresh(&tokens.refresh).await;
    assert_eq!(answer.failure(), (500, "internal".into()));
    assert!(!answer.body.contains("canary"));
}
