//! Malformed request bodies and heads.

use serde_json::{Value, json};

use crate::call::{Call, post};
use crate::harness::TestApp;

fn login() -> Call {
    post("/login")
}

async fn body_fault(app: &TestApp, body: impl Into<Vec<u8>>) -> String {
    login().raw_json(body).send(app).await.fault("body")
}

#[tokio::test]
async fn body_is_one_json_object_in_utf8() {
    let app = TestApp::new();
    for body in [
        " ",
        "{",
        "{}}",
        "{} {}",
        "nul",
        "{'code':'x'}",
        "{\"code\":}",
        "{\"code\":\"\\ud800\"}",
        "{\"code\":1e999}",
        "{\"code\":\"a\nb\"}",
        "\u{feff}{\"code\":\"x\"}",
    ] {
        assert_eq!(body_fault(&app, body).await, "is not valid JSON", "{body:?}");
    }
    for body in ["null", "[]", "[{\"code\":\"x\"}]", "\"x\"", "1", "true"] {
        assert_eq!(body_fault(&app, body).await, "is not a JSON object", "{body:?}");
    }
    assert_eq!(body_fault(&app, b"{\"code\":\"\xff\"}".to_vec()).await, "is not UTF-8");
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    assert_eq!(body_fault(&app, deep).await, "is not valid JSON");
    assert_eq!(app.provider.calls(), []);
}

#[tokio::test]
async fn duplicate_and_unknown_fields_are_rejected() {
    let app = TestApp::new();
    let code = app.login_code("o1");
    let twice = format!(r#"{{"code":"{code}","code":"{code}"}}"#);
    assert_eq!(login().raw_json(twice).send(&app).await.fault("code"), "is given more than once");
    let twice = format!(r#"{{"code":null,"code":"{code}"}}"#);
    assert_eq!(login().raw_json(twice).send(&app).await.fault("code"), "is given more than once");
    let answer = login()
        .json(&json!({ "code": code, "Code": 1, "a b": 2, "138001380000": 3 }))
        .send(&app)
        .await;
    let expected = json!({ "Code": "is unknown", "body": "has unknown fields" });
    assert_eq!(answer.json()["fields"], expected, "names with other characters are not repeated");
    let many: Value = (0..1000)
        .map(|i| (format!("k{}", "x".repeat(i % 30)) + &i.to_string(), json!(i)))
        .collect();
    assert_eq!(login().json(&many).send(&app).await.fault("code"), "is required");
    assert_eq!(app.provider.calls(), []);
}

#[tokio::test]
async fn nul_characters_are_rejected() {
    let app = TestApp::new();
    for field in ["code", "phoneCode", "nickName", "app"] {
        let mut body = json!({ "code": app.login_code("o1") });
        body[field] = json!("a\u{0}b");
        let answer = login().json(&body).send(&app).await;
        assert_eq!(answer.fault(field), "contains a NUL character");
    }
}

#[tokio::test]
async fn only_uncompressed_utf8_json_is_accepted() {
    let app = TestApp::new();
    let body = || json!({ "code": app.login_code("o1") }).to_string();
    for good in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        let answer = login().body(body()).header("content-type", good).send(&app).await;
        assert_eq!(answer.status, 200, "{good}: {}", answer.body);
    }
    for bad in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/merge-patch+json",
        "application/json; charset=gbk",
        "application/json; version=2",
        "application/jsonx",
        "json",
        "",
        "*/*",
    ] {
        let answer = login().body(body()).header("content-type", bad).send(&app).await;
        assert_eq!(answer.failure(), (415, "unsupported_media_type".into()), "{bad}");
    }
    let unsupported = [
        login().body(body()),
        login().raw_json(body()).another_header("content-type", "text/plain"),
        login().raw_json(body()).header("content-encoding", "gzip"),
        login()
            .raw_json(body())
            .header("content-encoding", "identity")
            .another_header("content-encoding", "br"),
    ];
    for call in unsupported {
        assert_eq!(call.send(&app).await.failure(), (415, "unsupported_media_type".into()));
    }
    let answer = login().raw_json(body()).header("content-encoding", "identity").send(&app).await;
    assert_eq!(answer.status, 200);
    assert_eq!(login().send(&app).await.fault("body"), "is required");
    assert_eq!(login().raw_json("").send(&app).await.fault("body"), "is required");
}

#[tokio::test]
async fn body_length_is_limited() {
    let app = TestApp::build_with(|builder| builder.config.body_limit = 100);
    let body = |length: usize| {
        let fixed = json!({ "code": "" }).to_string().len();
        json!({ "code": "x".repeat(length - fixed) }).to_string()
    };
    assert_eq!(
        login().raw_json(body(100)).send(&app).await.status,
        401,
        "the body is read and its code is refused"
    );
    for call in [
        login().raw_json(body(101)),
        login().raw_json(body(100_000)),
        login().raw_json("").header("content-length", "101"),
        login().raw_json("").header("content-length", "18446744073709551615"),
    ] {
        let answer = call.send(&app).await;
        assert_eq!(answer.failure(), (413, "payload_too_large".into()));
        assert_eq!(answer.header("connection"), "close");
    }
}

#[tokio::test]
async fn ambiguous_request_head_is_rejected() {
    let app = TestApp::new();
    let answer = login().another_header("host", "evil.example").send(&app).await;
    assert_eq!(answer.fault("host"), "must be present exactly once");
    assert_eq!(answer.header("connection"), "close");
    let answer =
        salvo::test::TestClient::get("http://localhost/health/live").send(&app.service).await;
    assert_eq!(answer.status_code.unwrap().as_u16(), 400, "no `Host` header");
    let both = login().header("content-length", "2").header("transfer-encoding", "chunked");
    let answer = both.send(&app).await;
    assert_eq!(answer.fault("content-length"), "must not be combined with transfer-encoding");
    assert_eq!(answer.header("connection"), "close");
}
