//! `POST /oauth/introspect` and `POST /oauth/revoke`.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::store::MockStore;
use domain::ports::store::error::StoreError;
use domain::ports::store::sessions::MockSessionReader;
use insta::assert_snapshot;
use serde_json::json;

use crate::call::{Answer, Call, escape, get, post};
use crate::harness::{SERVICE_KEY, TestApp, Tokens};

const PATHS: [&str; 2] = ["/oauth/introspect", "/oauth/revoke"];
const INACTIVE: &str = r#"{"active":false}"#;

async fn introspect(app: &TestApp, token: &str) -> Answer {
    let answer = token_request("/oauth/introspect", token).send(app).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.header("content-type").starts_with("application/json"));
    answer
}

async fn revoke(app: &TestApp, token: &str) {
    let answer = token_request("/oauth/revoke", token).send(app).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

/// Returns a request with the service key and this token.
fn token_request(path: &str, token: &str) -> Call {
    post(path).bearer(SERVICE_KEY).form(format!("token={}", escape(token)))
}

#[tokio::test]
async fn introspection_of_an_access_token_follows_rfc_7662() {
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    assert_snapshot!(introspect(&app, &tokens.access).await.body, @r#"{"active":true,"token_type":"Bearer","sub":"01a1f866-0d7b-7eaf-92fe-be706064c02d","sid":"01a1f866-0d7b-7553-b8a6-5aacb8ccfbc9","app":"main","iat":1795168800,"exp":1795176000,"jti":"01a1f866-0d7b-7812-b742-7a48e169ca06"}"#);
    app.clock.advance(Duration::from_hours(2));
    assert_eq!(introspect(&app, &tokens.access).await.body, INACTIVE, "expired");
}

#[tokio::test]
async fn introspection_does_not_consume_a_refresh_token() {
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    assert_snapshot!(introspect(&app, &tokens.refresh).await.body, @r#"{"active":true,"token_type":"refresh_token","sub":"01a1f866-0d7b-7eaf-92fe-be706064c02d","sid":"01a1f866-0d7b-7553-b8a6-5aacb8ccfbc9","app":"main","iat":1795168800,"exp":1797760800}"#);
    let next = Tokens::of(&app.refresh(&tokens.refresh).await);
    assert_eq!(introspect(&app, &next.refresh).await.json()["active"], true);
    let repeated = introspect(&app, &tokens.refresh).await;
    assert_eq!(repeated.json()["active"], true, "a refresh within the grace period would succeed");
    assert_eq!(repeated.json()["exp"], 1_795_168_810, "until the end of the grace period");
    app.clock.advance(Duration::from_secs(10));
    assert_eq!(introspect(&app, &tokens.refresh).await.body, INACTIVE, "the token was exchanged");
    assert_eq!(
        introspect(&app, &next.refresh).await.json()["active"],
        true,
        "introspection ends no session"
    );
    assert_eq!(app.refresh(&tokens.refresh).await.status, 401);
    for token in [&next.refresh, &next.access, &tokens.access] {
        assert_eq!(introspect(&app, token).await.body, INACTIVE, "reuse ended the session");
    }
}

#[tokio::test]
async fn tokens_of_a_banned_member_are_inactive() {
    for keeps_sessions in [false, true] {
        let app = TestApp::new();
        let tokens = app.log_in("o1").await;
        if keeps_sessions {
            app.ban_and_keep_sessions().await;
        } else {
            app.ban().await;
        }
        for token in [&tokens.access, &tokens.refresh] {
            assert_eq!(introspect(&app, token).await.body, INACTIVE);
        }
    }
}

#[tokio::test]
async fn unknown_tokens_are_inactive_and_revocable() {
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    for token in [
        "x",
        " ",
        "码",
        "a\0b",
        "\r\n",
        "null",
        SERVICE_KEY,
        &format!("Bearer {}", tokens.access),
        &format!("{} ", tokens.access),
        &"x".repeat(4096),
        &"x".repeat(20_000),
    ] {
        assert_eq!(introspect(&app, token).await.body, INACTIVE, "{token:?}");
        revoke(&app, token).await;
    }
    assert_eq!(app.store.sessions().len(), 1);
}

#[tokio::test]
async fn expired_access_token_revokes_its_session() {
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    app.clock.advance(Duration::from_hours(3));
    revoke(&app, &tokens.access).await;
    assert!(app.store.sessions().is_empty());
}

#[tokio::test]
async fn revoking_either_token_ends_only_its_session() {
    for select in
        [|tokens: &Tokens| tokens.access.clone(), |tokens: &Tokens| tokens.refresh.clone()]
    {
        let app = TestApp::new();
        let tokens = app.log_in("o1").await;
        let other = app.log_in("o1").await;
        for _ in 0..2 {
            revoke(&app, &select(&tokens)).await;
        }
        for token in [&tokens.access, &tokens.refresh] {
            assert_eq!(introspect(&app, token).await.body, INACTIVE);
        }
        let answer = get("/me").bearer(&tokens.access).send(&app).await;
        assert_eq!(answer.failure(), (401, "session_revoked".into()));
        assert_eq!(app.refresh(&tokens.refresh).await.failure().1, "session_revoked");
        assert_eq!(get("/me").bearer(&other.access).send(&app).await.status, 200);
    }
}

#[tokio::test]
async fn service_key_is_accepted_as_bearer_or_basic_credentials() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let form = format!("token={token}");
    let escaped_key = escape(SERVICE_KEY);
    for path in PATHS {
        for call in [
            post(path).bearer(SERVICE_KEY),
            post(path).header("authorization", SERVICE_KEY),
            post(path).basic("orders", SERVICE_KEY),
            post(path).basic("orders", &escaped_key),
            post(path).basic("%6frders", &escaped_key),
        ] {
            let answer = call.form(form.clone()).send(&app).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn introspection_and_revocation_require_service_account() {
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    let form = format!("token={}", tokens.access);
    for path in PATHS {
        for call in [
            post(path),
            post(path).bearer("wrong"),
            post(path).bearer(&tokens.access),
            post(path).bearer(&tokens.refresh),
            post(path).basic("orders", "wrong"),
            post(path).basic("Orders", SERVICE_KEY),
            post(path).basic("", SERVICE_KEY),
            post(path).basic(SERVICE_KEY, ""),
            post(path).basic("orders", &tokens.access),
            post(path).basic("orders", &format!("{SERVICE_KEY} ")),
            post(path).header("authorization", "Basic"),
            post(path).header("authorization", "Basic !!"),
            post(path).header("authorization", "Basic YTpi="),
            post(path).header("authorization", "Digest YTpi"),
            post(path).bearer(SERVICE_KEY).another_header("authorization", "Bearer x"),
        ] {
            let answer = call.form(form.clone()).send(&app).await;
            assert_eq!(answer.failure(), (401, "invalid_client".into()));
            let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
            assert_eq!(challenges, ["Bearer", r#"Basic realm="menshen""#]);
        }
        let client = format!("{form}&client_id=orders&client_secret={SERVICE_KEY}");
        assert_eq!(
            post(path).form(client).send(&app).await.status,
            401,
            "no credentials in the body"
        );
        let query = format!("{path}?access_token={SERVICE_KEY}");
        assert_eq!(
            post(&query).form(form.clone()).send(&app).await.status,
            401,
            "no credentials in the query"
        );
    }
    assert_eq!(get("/me").bearer(&tokens.access).send(&app).await.status, 200);
}

#[tokio::test]
async fn form_requires_one_token_and_ignores_unknown_fields() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let send =
        async |path: &str, form: String| post(path).bearer(SERVICE_KEY).form(form).send(&app).await;
    for form in [
        format!("token={token}"),
        format!("token={token}&token_type_hint=refresh_token"),
        format!("token_type_hint=nonsense&token={token}"),
        format!("token_type_hint=&token={token}&"),
        format!("a=b&a=c&=&&%&token={token}&Token=x&token%00=y&token[]=z"),
        format!("%74oken={}", token.replace('-', "%2d")),
    ] {
        assert_eq!(send(PATHS[0], form.clone()).await.json()["active"], true, "{form}");
    }
    for path in PATHS {
        for (form, description) in [
            (String::new(), "token: is required"),
            ("&".into(), "token: is required"),
            ("token".into(), "token: is required"),
            ("token=".into(), "token: is required"),
            ("Token=x".into(), "token: is required"),
            (json!({ "token": token }).to_string(), "token: is required"),
            (format!("token={token}&token={token}"), "token: is given more than once"),
            (format!("token=&token={token}"), "token: is given more than once"),
            (
                format!("token={token}&token_type_hint=a&token_type_hint=b"),
                "token_type_hint: is given more than once",
            ),
        ] {
            let answer = send(path, form.clone()).await;
            assert_eq!(answer.failure(), (400, "invalid_request".into()), "{form}");
            assert_eq!(answer.json()["error_description"], description, "{form}");
        }
        let query = post(&format!("{path}?token={token}")).bearer(SERVICE_KEY).form("");
        assert_eq!(query.send(&app).await.status, 400, "no token in the query");
    }
    assert_eq!(get("/me").bearer(&token).send(&app).await.status, 200);
}

#[tokio::test]
async fn oauth_routes_accept_only_bounded_utf8_forms() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let form = format!("token={token}");
    let send = async |call: Call| call.bearer(SERVICE_KEY).send(&app).await;
    for good in
        ["application/x-www-form-urlencoded", "Application/X-WWW-Form-URLEncoded; charset=UTF-8"]
    {
        let call = post(PATHS[0]).body(form.clone()).header("content-type", good);
        assert_eq!(send(call).await.json()["active"], true, "{good}");
    }
    for path in PATHS {
        let unsupported = [
            post(path).body(form.clone()),
            post(path).json(&json!({ "token": token })),
            post(path).body(form.clone()).header("content-type", "multipart/form-data; boundary=x"),
            post(path).body(form.clone()).header("content-type", "text/plain"),
            post(path)
                .body(form.clone())
                .header("content-type", "application/x-www-form-urlencoded; charset=gbk"),
            post(path).form(form.clone()).header("content-encoding", "gzip"),
        ];
        for call in unsupported {
            let answer = send(call).await;
            assert_eq!(answer.failure(), (415, "invalid_request".into()));
            assert!(answer.body.contains("application/x-www-form-urlencoded"));
        }
        let answer = send(post(path).form(format!("{form}&a={}", "x".repeat(65_536)))).await;
        assert_eq!(answer.failure(), (413, "invalid_request".into()));
    }
    assert_eq!(get("/me").bearer(&token).send(&app).await.status, 200);
}

#[tokio::test]
async fn oauth_routes_return_oauth_errors() {
    let app = TestApp::new();
    for path in PATHS {
        let answer = get(path).send(&app).await;
        assert_eq!(answer.failure(), (405, "invalid_request".into()));
        assert_eq!(answer.header("allow"), "POST");
        let answer =
            token_request(path, "x").another_header("host", "evil.example").send(&app).await;
        assert_eq!(answer.failure(), (400, "invalid_request".into()));
    }
    assert_eq!(post("/oauth/token").send(&app).await.failure(), (404, "invalid_request".into()));
}

#[tokio::test]
async fn store_failure_during_introspection_is_a_server_error() {
    type Fails = fn() -> StoreError;
    let failures: [Fails; 2] = [|| StoreError::new("store-canary"), || panic!("panic-canary")];
    for fails in failures {
        let app = TestApp::new();
        let tokens = app.log_in("o1").await;
        let broken = TestApp::build_with(|builder| {
            let mut store = MockStore::new();
            let mut sessions = MockSessionReader::new();
            store.expect_begin().returning(move || Err(fails()));
            sessions.expect_find_session().returning(move |_| Err(fails()));
            let sessions = Arc::new(sessions);
            builder.ports.store = Arc::new(store);
            builder.ports.readers.sessions = sessions.clone();
            builder.ports.readers.committed_sessions = sessions;
            builder.ports.token_verifier = app.tokens.clone();
        });
        for path in PATHS {
            for token in [&tokens.access, &tokens.refresh] {
                let answer = token_request(path, token).send(&broken).await;
                assert_eq!(answer.failure(), (500, "server_error".into()), "{path}");
                assert!(!answer.body.contains("canary"), "{}", answer.body);
            }
        }
    }
}
