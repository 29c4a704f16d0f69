//! Properties of every response: envelope, request ids, languages, headers, unknown paths and CORS.

use api::config::{ApiConfig, Origin};
use insta::assert_snapshot;
use salvo::http::Method;
use serde_json::json;

use crate::call::{Call, get, post};
use crate::harness::TestApp;

#[tokio::test]
async fn failure_envelope_has_error_id_and_request_id() {
    let app = TestApp::new();
    let answer = post("/login").json(&json!({ "code": "unknown" })).send(&app).await;
    assert_snapshot!(answer.body, @r#"{"code":401,"msg":"登录凭证无效或已过期，请重新登录","data":null,"operationTime":"2026-11-20T10:00:00Z","error":"login_code_invalid","requestId":"test-request"}"#);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

#[tokio::test]
async fn messages_follow_accept_language() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    for (languages, good, bad) in [
        ("zh-CN,en;q=0.9", "操作成功", "认证失败，请先登录"),
        ("fr", "操作成功", "认证失败，请先登录"),
        ("en-US,en;q=0.9,zh;q=0.8", "Success", "Authentication failed, please log in"),
    ] {
        let answer =
            get("/me").bearer(&token).header("accept-language", languages).send(&app).await;
        assert_eq!(answer.json()["msg"], good);
        let answer = get("/me").header("accept-language", languages).send(&app).await;
        assert_eq!(answer.json()["msg"], bad);
    }
}

#[tokio::test]
async fn valid_request_id_is_kept_and_invalid_one_replaced() {
    let app = TestApp::new();
    for id in ["abcd-123", &"x".repeat(64), "019AA0D5-8e00-7c3a-9f51-6a1b2c3d4e5f"] {
        let answer = get("/me").header("x-request-id", id).send(&app).await;
        assert_eq!(answer.header("x-request-id"), id);
    }
    let mut seen = Vec::new();
    for id in [
        "",
        "short",
        &"x".repeat(65),
        "with space",
        "a_b_c_d_e",
        "<script>x</script>",
        "请求请求请求",
    ] {
        let answer = get("/me").header("x-request-id", id).send(&app).await;
        let fresh = uuid::Uuid::parse_str(answer.header("x-request-id")).unwrap();
        assert_eq!(fresh.get_version_num(), 7);
        seen.push(fresh);
    }
    let answer = get("/me").another_header("x-request-id", "another-id").send(&app).await;
    seen.push(answer.header("x-request-id").parse().unwrap());
    seen.dedup();
    assert_eq!(seen.len(), 8, "every generated id is different");
}

#[tokio::test]
async fn unknown_path_is_not_found() {
    let app = TestApp::new();
    for path in [
        "/",
        "/Login",
        "/login/x",
        "/me/x",
        "/%6ce",
        "/login%00",
        "/..%2fme",
        "/health",
        "/docs/none.js",
    ] {
        let answer = get(path).send(&app).await;
        assert_eq!(answer.failure(), (404, "not_found".into()), "{path}");
    }
    assert_eq!(get("/me/../x").header("accept", "text/html").send(&app).await.status, 404);
}

#[tokio::test]
async fn wrong_method_returns_allow_header() {
    let app = TestApp::new();
    for (method, path, allow) in [
        (Method::GET, "/login", "POST"),
        (Method::OPTIONS, "/login", "POST"),
        (Method::TRACE, "/login", "POST"),
        (Method::PUT, "/me", "DELETE, GET, PATCH, POST"),
        (Method::GET, "/token/refresh", "POST"),
        (Method::GET, "/logout", "POST"),
        (Method::GET, "/me/sessions/x", "DELETE"),
        (Method::POST, "/.well-known/jwks.json", "GET"),
        (Method::DELETE, "/health/live", "GET"),
        (Method::from_bytes(b"BREW").unwrap(), "/me", "DELETE, GET, PATCH, POST"),
    ] {
        let answer = Call::new(method, path).send(&app).await;
        assert_eq!(answer.failure(), (405, "invalid_request".into()), "{path}");
        assert_eq!(answer.header("allow"), allow);
    }
    let overridden = Call::new(Method::PUT, "/me").header("x-http-method-override", "PATCH");
    assert_eq!(overridden.send(&app).await.status, 405);
}

#[tokio::test]
async fn failed_head_request_has_no_body() {
    let app = TestApp::new();
    for path in ["/nowhere", "/me"] {
        let request = salvo::test::TestClient::head(format!("http://localhost{path}"));
        let response = request.add_header("host", "localhost", true).send(&app.service).await;
        assert!(response.body.is_none(), "{path}");
        assert!(response.status_code.unwrap().is_client_error());
    }
}

#[tokio::test]
async fn openapi_document_and_swagger_ui_are_served() {
    let app = TestApp::new();
    let document = get("/openapi.json").send(&app).await;
    assert_eq!(document.json(), serde_json::to_value(api::openapi::openapi()).unwrap());
    assert_eq!(get("/docs").send(&app).await.header("location"), "/docs/");
    let page = get("/docs/").send(&app).await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.body.contains("../openapi.json"));
    let files = ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js"];
    for file in files {
        assert!(page.body.contains(&format!("\"./{file}\"")), "{file}");
        assert_eq!(get(&format!("/docs/{file}")).send(&app).await.status, 200);
    }
    assert!(!page.body.contains("://"), "no file is loaded from another host");
}

fn app_with_cors_origin() -> TestApp {
    TestApp::build_with(|builder| {
        builder.config = ApiConfig {
            cors_origins: vec![Origin::parse("https://a.example").unwrap()],
            ..ApiConfig::default()
        }
    })
}

#[tokio::test]
async fn cors_allows_configured_origins() {
    let app = app_with_cors_origin();
    let preflight = Call::new(Method::OPTIONS, "/me")
        .header("origin", "https://a.example")
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization,content-type");
    let answer = preflight.send(&app).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.example");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,POST,PUT,PATCH,DELETE");
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    for call in [get("/me"), get("/nowhere"), get("/health/live")] {
        let answer = call.header("origin", "https://a.example").send(&app).await;
        assert_eq!(answer.header("access-control-allow-origin"), "https://a.example");
        assert_eq!(answer.header("access-control-expose-headers"), "x-request-id,retry-after");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test]
async fn cors_rejects_other_origins() {
    let calls = |origin| {
        let preflight =
            Call::new(Method::OPTIONS, "/me").header("access-control-request-method", "GET");
        [get("/health/live"), preflight].map(|call| call.header("origin", origin))
    };
    for origin in ["https://b.example", "http://a.example", "https://a.example.evil", "null", "*"] {
        for call in calls(origin) {
            let answer = call.send(&app_with_cors_origin()).await;
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
        }
    }
    for call in calls("https://a.example") {
        let answer = call.send(&TestApp::new()).await;
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "no origin is allowed by default"
        );
    }
}
