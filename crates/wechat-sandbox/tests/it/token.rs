//! `/cgi-bin/token`, `/cgi-bin/stable_token`, and the token check at other endpoints.

use serde_json::{Value, json};
use ureq::http::Method;
use wechat_sandbox::config::{MAIN_APP, MAIN_SECRET};

use crate::harness::{Harness, Reply};

async fn plain(harness: &Harness) -> Reply {
    let query = format!("grant_type=client_credential&appid={MAIN_APP}&secret={MAIN_SECRET}");
    harness.get(&format!("/cgi-bin/token?{query}")).await
}

#[tokio::test]
async fn access_token_has_the_observed_format() {
    let harness = Harness::start().await;
    for reply in [plain(&harness).await, harness.stable(false).await] {
        assert_eq!(reply.content_type, "application/json; encoding=utf-8");
        assert!(!reply.text.contains("errcode"), "{}", reply.text);
        assert_eq!(reply.json()["expires_in"], 7200);
        let token = reply.field("access_token");
        assert!(token.len() >= 136 && token.len() <= 512 && token.as_bytes()[2] == b'_', "{token}");
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        assert_eq!(harness.try_token(&token).await.errcode(), 0);
    }
}

#[tokio::test]
async fn plain_token_is_new_every_time_and_the_old_one_valid_for_five_minutes() {
    let harness = Harness::start().await;
    let old = plain(&harness).await.field("access_token");
    let new = plain(&harness).await.field("access_token");
    assert_ne!(old, new);
    harness.advance(295);
    assert_eq!(harness.try_token(&old).await.errcode(), 0);
    harness.advance(5);
    assert_eq!(harness.try_token(&old).await.errcode(), 40001);
    assert_eq!(harness.try_token(&new).await.errcode(), 0);
}

#[tokio::test]
async fn invalid_access_tokens_have_their_errors() {
    let harness = Harness::start().await;
    let expired = plain(&harness).await.field("access_token");
    harness.advance(7200);
    let rows = [
        (expired.as_str(), 42001, "access_token expired rid: "),
        ("", 41001, "access_token missing rid: "),
        ("garbage", 40014, "invalid access_token rid: "),
        (&format!("77_{}", "a".repeat(133)), 40001, "invalid credential, access_token is invalid"),
    ];
    for (token, errcode, message) in rows {
        let reply = harness.try_token(token).await;
        assert_eq!((reply.status, reply.errcode()), (200, errcode), "{token}");
        assert!(reply.errmsg().starts_with(message), "{}", reply.text);
        assert!(harness.is_rid(reply.errmsg().rsplit(' ').next().unwrap()));
    }
    let stale = harness.try_token(&format!("77_{}", "a".repeat(133))).await.errmsg();
    assert!(
        stale.contains("getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r")
    );
}

#[tokio::test]
async fn stable_token_is_kept_until_its_last_five_minutes() {
    let harness = Harness::start().await;
    let first = harness.token().await;
    harness.advance(6890);
    let again = harness.stable(false).await;
    assert_eq!(again.field("access_token"), first);
    let remaining = again.json()["expires_in"].as_u64().unwrap();
    assert!((300..=310).contains(&remaining), "{remaining}");
    harness.advance(10);
    let second = harness.stable(false).await;
    assert_ne!(second.field("access_token"), first);
    assert_eq!(second.json()["expires_in"], 7200);
    assert_eq!(
        harness.try_token(&first).await.errcode(),
        0,
        "both tokens are valid in the handover window"
    );
    harness.advance(300);
    assert_eq!(harness.try_token(&first).await.errcode(), 42001);
    assert_eq!(harness.try_token(&second.field("access_token")).await.errcode(), 0);
}

#[tokio::test]
async fn forced_refresh_invalidates_the_previous_token_at_once() {
    let harness = Harness::start().await;
    let first = harness.token().await;
    let second = harness.stable(true).await.field("access_token");
    assert_ne!(first, second);
    assert_eq!(harness.try_token(&first).await.errcode(), 40001);
    assert_eq!(harness.try_token(&second).await.errcode(), 0);
}

#[tokio::test]
async fn forced_refresh_has_no_effect_within_30_seconds() {
    let harness = Harness::start().await;
    let first = harness.stable(true).await.field("access_token");
    harness.advance(25);
    assert_eq!(harness.stable(true).await.field("access_token"), first);
    harness.advance(5);
    assert_ne!(harness.stable(true).await.field("access_token"), first);
}

#[tokio::test]
async fn forced_refresh_has_no_effect_after_20_times_a_day() {
    let harness = Harness::start().await;
    // The test advances the clock by 20 minutes, so it starts at the beginning of a day.
    let into_day = (harness.sandbox.now() + 8 * 3600) % 86_400;
    harness.advance(86_400 - into_day);
    let mut last = harness.token().await;
    for _ in 0..20 {
        harness.advance(60);
        let token = harness.stable(true).await.field("access_token");
        assert_ne!(token, last);
        last = token;
    }
    harness.advance(60);
    assert_eq!(harness.stable(true).await.field("access_token"), last);
    harness.advance(86_400 - 21 * 60);
    let new_day = harness.stable(true).await.field("access_token");
    harness.advance(60);
    assert_ne!(harness.stable(true).await.field("access_token"), new_day);
}

#[tokio::test]
async fn plain_and_stable_tokens_are_independent() {
    let harness = Harness::start().await;
    let stable = harness.token().await;
    let plain_token = plain(&harness).await.field("access_token");
    assert_ne!(stable, plain_token);
    harness.stable(true).await;
    plain(&harness).await;
    harness.advance(290);
    assert_eq!(harness.try_token(&plain_token).await.errcode(), 0, "valid in its handover window");
    assert_eq!(
        harness.try_token(&stable).await.errcode(),
        40001,
        "superseded by the forced refresh"
    );
    let current = harness.token().await;
    for _ in 0..3 {
        plain(&harness).await;
    }
    assert_eq!(harness.token().await, current);
}

#[tokio::test]
async fn plain_endpoint_checks_its_parameters() {
    let harness = Harness::start().await;
    let grant = "grant_type=client_credential";
    let appid = format!("appid={MAIN_APP}");
    let secret = format!("secret={MAIN_SECRET}");
    let rows = [
        (format!("{grant}&{secret}"), 41002),
        (format!("{grant}&{appid}"), 41004),
        (format!("{appid}&{secret}"), 40002),
        (format!("grant_type=authorization_code&{appid}&{secret}"), 40002),
        (format!("{grant}&appid=wx0&{secret}"), 40013),
        (format!("{grant}&{appid}&secret=x"), 40001),
    ];
    for (query, errcode) in rows {
        let reply = harness.get(&format!("/cgi-bin/token?{query}")).await;
        assert_eq!(reply.errcode(), errcode, "{query}");
        assert!(reply.errmsg().contains(" rid: ") && !reply.errmsg().contains(", rid: "));
    }
    let path = format!("/cgi-bin/token?{grant}&{appid}&{secret}");
    assert_eq!(harness.send(Method::POST, &path, Some("")).await.errcode(), 41002);
}

#[tokio::test]
async fn stable_endpoint_accepts_json_by_post_only() {
    let harness = Harness::start().await;
    let valid =
        json!({"grant_type": "client_credential", "appid": MAIN_APP, "secret": MAIN_SECRET});
    let without = |field: &str| {
        let mut body = valid.clone();
        body.as_object_mut().unwrap().remove(field);
        body.to_string()
    };
    let with = |field: &str, value: Value| {
        let mut body = valid.clone();
        body[field] = value;
        body.to_string()
    };
    let rows = [
        (String::new(), 44002),
        ("{".into(), 47001),
        (format!("grant_type=client_credential&appid={MAIN_APP}&secret={MAIN_SECRET}"), 47001),
        (with("force_refresh", json!("yes")), 47001),
        (without("appid"), 41002),
        (without("secret"), 41004),
        (with("secret", json!("")), 41004),
        (without("grant_type"), 40002),
        (with("grant_type", json!("x")), 40002),
        (with("appid", json!("wx0")), 40013),
        (with("secret", json!("x")), 40001),
        (with("unknown", json!(1)), 0),
        (valid.to_string(), 0),
    ];
    for (body, errcode) in rows {
        let reply = harness.send(Method::POST, "/cgi-bin/stable_token", Some(&body)).await;
        assert_eq!((reply.status, reply.errcode()), (200, errcode), "{body}");
    }
    let query = format!("grant_type=client_credential&appid={MAIN_APP}&secret={MAIN_SECRET}");
    let path = format!("/cgi-bin/stable_token?{query}");
    assert_eq!(harness.get(&path).await.errcode(), 43002);
    assert_eq!(harness.post(&path, &json!({})).await.errcode(), 41002, "the query is ignored");
}

#[tokio::test]
async fn token_is_checked_before_method_and_body() {
    let harness = Harness::start().await;
    let token = harness.token().await;
    let path = "/wxa/business/getuserphonenumber";
    assert_eq!(harness.get(path).await.errcode(), 41001);
    assert_eq!(harness.get(&format!("{path}?access_token={token}")).await.errcode(), 43002);
    let post = |body| harness.send(Method::POST, "/wxa/business/getuserphonenumber", Some(body));
    assert_eq!(post("").await.errcode(), 41001);
    assert_eq!(post(&json!({"access_token": token}).to_string()).await.errcode(), 41001);
    let post = async |body| {
        harness.send(Method::POST, &format!("{path}?access_token={token}"), Some(body)).await
    };
    assert_eq!(post("").await.errcode(), 44002);
    assert_eq!(post("code=1").await.errcode(), 47001);
    assert_eq!(post("[]").await.errcode(), 47001);
}

#[tokio::test]
async fn unknown_path_fails_with_invalid_url() {
    let harness = Harness::start().await;
    for path in ["/cgi-bin/nothing", "/wxa/nothing", "/sns/nothing", "/nothing"] {
        let reply = harness.get(path).await;
        assert_eq!((reply.status, reply.errcode()), (200, 40066), "{path}");
    }
}
