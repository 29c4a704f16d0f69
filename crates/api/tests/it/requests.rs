//! Bodies and heads that are not what they should be.

use serde_json::{Value, json};

use crate::call::{Call, post};
use crate::house::House;

fn login() -> Call {
    post("/login")
}

async fn body_fault(house: &House, body: impl Into<Vec<u8>>) -> String {
    login().raw_json(body).send(house).await.fault("body")
}

#[tokio::test]
async fn a_body_is_one_json_object_in_utf_8() {
    let house = House::new();
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
        assert_eq!(body_fault(&house, body).await, "is not valid JSON", "{body:?}");
    }
    for body in ["null", "[]", "[{\"code\":\"x\"}]", "\"x\"", "1", "true"] {
        assert_eq!(body_fault(&house, body).await, "is not a JSON object", "{body:?}");
    }
    assert_eq!(body_fault(&house, b"{\"code\":\"\xff\"}".to_vec()).await, "is not UTF-8");
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    assert_eq!(body_fault(&house, deep).await, "is not valid JSON");
    assert_eq!(house.provider.calls(), []);
}

#[tokio::test]
async fn a_field_is_given_once_and_known() {
    let house = House::new();
    let code = house.login_code("o1");
    let twice = format!(r#"{{"code":"{code}","code":"{code}"}}"#);
    assert_eq!(login().raw_json(twice).send(&house).await.fault("code"), "is given more than once");
    let twice = format!(r#"{{"code":null,"code":"{code}"}}"#);
    assert_eq!(login().raw_json(twice).send(&house).await.fault("code"), "is given more than once");
    let answer = login()
        .json(&json!({ "code": code, "Code": 1, "a b": 2, "138001380000": 3 }))
        .send(&house)
        .await;
    let told =
        json!({ "Code": "is unknown", "body": "has unknown fields" });
    assert_eq!(answer.json()["fields"], told, "what is no name is not repeated");
    let many: Value = (0..1000)
        .map(|i| (format!("k{}", "x".repeat(i % 30)) + &i.to_string(), json!(i)))
        .collect();
    assert_eq!(login().json(&many).send(&house).await.fault("code"), "is required");
    assert_eq!(house.provider.calls(), []);
}

#[tokio::test]
async fn a_nul_is_refused_in_every_text() {
    let house = House::new();
    for field in ["code", "phoneCode", "nickName", "app"] {
        let mut body = json!({ "code": house.login_code("o1") });
        body[field] = json!("a\u{0}b");
        let answer = login().json(&body).send(&house).await;
        assert_eq!(answer.fault(field), "contains a NUL character");
    }
}

#[tokio::test]
async fn only_json_in_utf_8_without_coding_is_understood() {
    let house = House::new();
    let body = || json!({ "code": house.login_code("o1") }).to_string();
    for good in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        let answer = login().body(body()).header("content-type", good).send(&house).await;
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
        let answer = login().body(body()).header("content-type", bad).send(&house).await;
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
        assert_eq!(call.send(&house).await.failure(), (415, "unsupported_media_type".into()));
    }
    let answer = login().raw_json(body()).header("content-encoding", "identity").send(&house).await;
    assert_eq!(answer.status, 200);
    assert_eq!(login().send(&house).await.fault("body"), "is required");
    assert_eq!(login().raw_json("").send(&house).await.fault("body"), "is required");
}

#[tokio::test]
async fn a_body_has_a_longest_length() {
    let house = House::planned(|plan| plan.config.body_limit = 100);
    let body = |length: usize| {
        let fixed = json!({ "code": "" }).to_string().len();
        json!({ "code": "x".repeat(length - fixed) }).to_string()
    };
    assert_eq!(
        login().raw_json(body(100)).send(&house).await.status,
        401,
        "read, and refused as a code"
    );
    for call in [
        login().raw_json(body(101)),
        login().raw_json(body(100_000)),
        login().raw_json("").header("content-length", "101"),
        login().raw_json("").header("content-length", "18446744073709551615"),
    ] {
        let answer = call.send(&house).await;
        assert_eq!(answer.failure(), (413, "payload_too_large".into()));
        assert_eq!(answer.header("connection"), "close");
    }
}

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused() {
    let house = House::new();
    let answer = login().another_header("host", "evil.example").send(&house).await;
    assert_eq!(answer.fault("host"), "must be present exactly once");
    assert_eq!(answer.header("connection"), "close");
    let answer =
        salvo::test::TestClient::get("http://localhost/health/live").send(&house.service).await;
    assert_eq!(answer.status_code.unwrap().as_u16(), 400, "no Host");
    let both = login().header("content-length", "2").header("transfer-encoding", "chunked");
    let answer = both.send(&house).await;
    assert_eq!(answer.fault("content-length"), "must not be combined with transfer-encoding");
    assert_eq!(answer.header("connection"), "close");
}
