//! Every route of members against every way in which a token stops being good. The routes are those of
//! the document, so that a new one cannot be forgotten here.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::store::error::StoreError;
use domain::ports::store::sessions::MockSessionReader;
use salvo::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::{Call, delete, get, post};
use crate::document::{document, example_body, operations};
use crate::house::{House, SERVICE_KEY, Tokens};

/// A request that would be fine if its token were: of every route that wants one.
fn member_routes() -> Vec<(Method, String, Value)> {
    let document = document();
    let routes = operations(&document).into_iter().filter_map(|(method, path, operation)| {
        let wants = operation["security"].as_array()?.contains(&json!({ "memberToken": [] }));
        let path = path.replace("{id}", &Uuid::nil().to_string());
        let body = example_body(&document, &operation, "application/json").unwrap_or_default();
        wants.then_some((method, path, body))
    });
    let routes: Vec<_> = routes.collect();
    assert!(routes.len() >= 6, "{routes:?}");
    routes
}

fn call((method, path, body): &(Method, String, Value)) -> Call {
    let call = Call::new(method.clone(), path);
    if body.is_null() { call } else { call.json(body) }
}

/// What becomes of a member, or of what they show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    LogsOut,
    LogsOutElsewhere,
    LogsOutEverywhere,
    EndsTheSessionElsewhere,
    LogsInOnTooManyDevices,
    IsRevokedByAService,
    HasAStolenRefreshToken,
    IsBanned,
    IsBannedButKeepsTheSession,
    WaitsTooLong,
    ShowsTheRefreshToken,
    ShowsAServiceKey,
    ShowsNonsense,
}

const FATES: [(Fate, u16, &str); 13] = [
    (Fate::LogsOut, 401, "session_revoked"),
    (Fate::LogsOutElsewhere, 200, ""),
    (Fate::LogsOutEverywhere, 401, "session_revoked"),
    (Fate::EndsTheSessionElsewhere, 401, "session_revoked"),
    (Fate::LogsInOnTooManyDevices, 401, "session_revoked"),
    (Fate::IsRevokedByAService, 401, "session_revoked"),
    (Fate::HasAStolenRefreshToken, 401, "session_revoked"),
    (Fate::IsBanned, 401, "session_revoked"),
    (Fate::IsBannedButKeepsTheSession, 403, "member_banned"),
    (Fate::WaitsTooLong, 401, "token_expired"),
    (Fate::ShowsTheRefreshToken, 401, "unauthenticated"),
    (Fate::ShowsAServiceKey, 401, "unauthenticated"),
    (Fate::ShowsNonsense, 401, "unauthenticated"),
];

/// Has a member meet their fate, and returns what they show afterwards.
async fn meet(house: &House, fate: Fate) -> String {
    let Tokens { access, refresh } = house.log_in("o1").await;
    match fate {
        Fate::LogsOut => {
            post("/logout").bearer(&access).send(house).await;
        }
        Fate::LogsOutElsewhere => {
            let elsewhere = house.token_of("o1").await;
            post("/logout").bearer(&elsewhere).send(house).await;
        }
        Fate::LogsOutEverywhere => {
            let elsewhere = house.token_of("o1").await;
            post("/logout/all").bearer(&elsewhere).send(house).await;
        }
        Fate::EndsTheSessionElsewhere => {
            let id = get("/me/sessions").bearer(&access).send(house).await.json();
            let id = id["data"]["sessions"][0]["id"].as_str().unwrap().to_owned();
            let elsewhere = house.token_of("o1").await;
            delete(&format!("/me/sessions/{id}")).bearer(&elsewhere).send(house).await;
        }
        Fate::LogsInOnTooManyDevices => {
            for _ in 0..3 {
                house.clock.advance(Duration::from_secs(1));
                house.log_in("o1").await;
            }
        }
        Fate::IsRevokedByAService => {
            let form = format!("token={refresh}");
            post("/oauth/revoke").bearer(SERVICE_KEY).form(form).send(house).await;
        }
        Fate::HasAStolenRefreshToken => {
            house.refresh(&refresh).await;
            house.clock.advance(Duration::from_secs(10));
            house.refresh(&refresh).await;
        }
        Fate::IsBanned => house.ban().await,
        Fate::IsBannedButKeepsTheSession => house.ban_and_forget_the_sessions().await,
        Fate::WaitsTooLong => house.clock.advance(Duration::from_hours(2)),
        Fate::ShowsTheRefreshToken => return refresh,
        Fate::ShowsAServiceKey => return SERVICE_KEY.to_owned(),
        Fate::ShowsNonsense => return format!("{access}x"),
    }
    access
}

#[tokio::test]
async fn whatever_ends_a_token_ends_it_at_every_route() {
    for route in member_routes() {
        for (fate, status, error) in FATES {
            let house = House::new();
            let token = meet(&house, fate).await;
            let before = (house.store.members(), house.store.sessions().len());
            let answer = call(&route).bearer(&token).send(&house).await;
            if status == 200 {
                let passed = matches!(answer.status, 200 | 404)
                    || answer.failure() == (400, "phone_code_invalid".to_owned());
                assert!(passed, "{route:?}: {}", answer.body);
                continue;
            }
            assert_eq!(answer.failure(), (status, error.to_owned()), "{route:?} {fate:?}");
            assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401);
            let after = (house.store.members(), house.store.sessions().len());
            assert_eq!(before, after, "nothing is done for one who is not let pass");
        }
    }
}

#[tokio::test]
async fn no_other_service_is_told_that_such_a_token_is_good() {
    for (fate, status, _) in FATES {
        if fate == Fate::ShowsTheRefreshToken {
            continue;
        }
        let house = House::new();
        let form = format!("token={}", meet(&house, fate).await);
        let answer = post("/oauth/introspect").bearer(SERVICE_KEY).form(form).send(&house).await;
        assert_eq!(answer.json()["active"], status == 200, "{fate:?}");
        assert!(status == 200 || answer.body == r#"{"active":false}"#, "{fate:?} {}", answer.body);
    }
}

#[tokio::test]
async fn without_a_token_no_route_opens() {
    let house = House::new();
    for route in member_routes() {
        let answer = call(&route).send(&house).await;
        assert_eq!(answer.failure(), (401, "unauthenticated".into()), "{route:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn a_store_that_fails_lets_nobody_in_and_blames_no_token() {
    type Fails = fn() -> Result<(), StoreError>;
    let failures: [Fails; 2] = [|| Err(StoreError::new("store-canary")), || panic!("panic-canary")];
    for fails in failures {
        let house = House::new();
        let token = house.token_of("o1").await;
        let broken = House::planned(|plan| {
            let mut sessions = MockSessionReader::new();
            sessions.expect_find_session().returning(move |_| fails().map(|()| None));
            plan.ports.readers.sessions = Arc::new(sessions);
            plan.ports.token_verifier = house.tokens.clone();
        });
        for route in member_routes() {
            let answer = call(&route).bearer(&token).send(&broken).await;
            assert_eq!(answer.failure(), (500, "internal".into()), "{route:?}");
            assert!(!answer.headers.contains_key("www-authenticate"));
            assert!(!answer.body.contains("canary"), "{}", answer.body);
        }
        let form = format!("token={token}");
        let asked = post("/oauth/introspect").bearer(SERVICE_KEY).form(form).send(&broken).await;
        assert_eq!(asked.failure(), (500, "server_error".into()));
    }
}
