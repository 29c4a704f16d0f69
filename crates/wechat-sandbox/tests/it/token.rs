//! `/cgi-bin/token`, `/cgi-bin/stable_token`, and what a token is worth elsewhere.

use serde_json::{Value, json};
use ureq::http::Method;
use wechat_sandbox::config::{MAIN_APP, MAIN_SECRET};

use crate::client::{Reply, World};

async fn plain(world: &World) -> Reply {
    let query = format!("grant_type=client_credential&appid={MAIN_APP}&secret={MAIN_SECRET}");
    world.get(&format!("/cgi-bin/token?{query}")).await
}

#[tokio::test]
async fn a_token_is_what_real_ones_look_like() {
    let world = World::start().await;
    for reply in [plain(&world).await, world.stable(false).await] {
        assert_eq!(reply.content_type, "application/json; encoding=utf-8");
        assert!(!reply.text.contains("errcode"), "{}", reply.text);
        assert_eq!(reply.json()["expires_in"], 7200);
        let token = reply.field("access_token");
        assert!(token.len() >= 136 && token.len() <= 512 && token.as_bytes()[2] == b'_', "{token}");
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        assert_eq!(world.try_token(&token).await.errcode(), 0);
    }
}

#[tokio::test]
async fn the_plain_token_is_new_every_time_and_the_old_one_good_for_five_minutes() {
    let world = World::start().await;
    let old = plain(&world).await.field("access_token");
    let new = plain(&world).await.field("access_token");
    assert_ne!(old, new);
    world.advance(295);
    assert_eq!(world.try_token(&old).await.errcode(), 0);
    world.advance(5);
    assert_eq!(world.try_token(&old).await.errcode(), 40001);
    assert_eq!(world.try_token(&new).await.errcode(), 0);
}

#[tokio::test]
async fn every_way_a_token_can_be_bad_has_its_error() {
    let world = World::start().await;
    let expired = plain(&world).await.field("access_token");
    world.advance(7200);
    let rows = [
        (expired.as_str(), 42001, "access_token expired rid: "),
        ("", 41001, "access_token missing rid: "),
        ("garbage", 40014, "invalid access_token rid: "),
        (&format!("77_{}", "a".repeat(133)), 40001, "invalid credential, access_token is invalid"),
    ];
    for (token, errcode, words) in rows {
        let reply = world.try_token(token).await;
        assert_eq!((reply.status, reply.errcode()), (200, errcode), "{token}");
        assert!(reply.errmsg().starts_with(words), "{}", reply.text);
        assert!(world.is_rid(reply.errmsg().rsplit(' ').next().unwrap()));
    }
    let stale = world.try_token(&format!("77_{}", "a".repeat(133))).await.errmsg();
    assert!(
        stale.contains("getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r")
    );
}

#[tokio::test]
async fn the_stable_token_stays_until_its_last_five_minutes() {
    let world = World::start().await;
    let first = world.token().await;
    world.advance(6890);
    let again = world.stable(false).await;
    assert_eq!(again.field("access_token"), first);
    let left = again.json()["expires_in"].as_u64().unwrap();
    assert!((300..=310).contains(&left), "{left}");
    world.advance(10);
    let second = world.stable(false).await;
    assert_ne!(second.field("access_token"), first);
    assert_eq!(second.json()["expires_in"], 7200);
    assert_eq!(world.try_token(&first).await.errcode(), 0, "both are good in the hand-over");
    world.advance(300);
    assert_eq!(world.try_token(&first).await.errcode(), 42001);
    assert_eq!(world.try_token(&second.field("access_token")).await.errcode(), 0);
}

#[tokio::test]
async fn a_forced_refresh_ends_the_last_token_at_once() {
    let world = World::start().await;
    let first = world.token().await;
    let second = world.stable(true).await.field("access_token");
    assert_ne!(first, second);
    assert_eq!(world.try_token(&first).await.errcode(), 40001);
    assert_eq!(world.try_token(&second).await.errcode(), 0);
}

#[tokio::test]
async fn refreshes_are_forced_30_seconds_apart_or_do_not_happen() {
    let world = World::start().await;
    let first = world.stable(true).await.field("access_token");
    world.advance(25);
    assert_eq!(world.stable(true).await.field("access_token"), first);
    world.advance(5);
    assert_ne!(world.stable(true).await.field("access_token"), first);
}

#[tokio::test]
async fn refreshes_are_forced_20_times_a_day_or_do_not_happen() {
    let world = World::start().await;
    // The test takes 20 minutes of the sandbox's day, so begin where there is room for them.
    let into_day = (world.sandbox.now() + 8 * 3600) % 86_400;
    world.advance(86_400 - into_day);
    let mut last = world.token().await;
    for _ in 0..20 {
        world.advance(60);
        let token = world.stable(true).await.field("access_token");
        assert_ne!(token, last);
        last = token;
    }
    world.advance(60);
    assert_eq!(world.stable(true).await.field("access_token"), last);
    world.advance(86_400 - 21 * 60);
    let new_day = world.stable(true).await.field("access_token");
    world.advance(60);
    assert_ne!(world.stable(true).await.field("access_token"), new_day);
}

#[tokio::test]
async fn the_two_endpoints_do_not_touch_each_other() {
    let world = World::start().await;
    let stable = world.token().await;
    let plain_token = plain(&world).await.field("access_token");
    assert_ne!(stable, plain_token);
    world.stable(true).await;
    plain(&world).await;
    world.advance(290);
    assert_eq!(world.try_token(&plain_token).await.errcode(), 0, "good for its five minutes");
    assert_eq!(world.try_token(&stable).await.errcode(), 40001, "forced out");
    let current = world.token().await;
    for _ in 0..3 {
        plain(&world).await;
    }
    assert_eq!(world.token().await, current);
}

#[tokio::test]
async fn the_plain_endpoint_checks_its_parameters() {
    let world = World::start().await;
    let (grant, appid) = ("grant_type=client_credential", format!("appid={MAIN_APP}"));
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
        let reply = world.get(&format!("/cgi-bin/token?{query}")).await;
        assert_eq!(reply.errcode(), errcode, "{query}");
        assert!(reply.errmsg().contains(" rid: ") && !reply.errmsg().contains(", rid: "));
    }
    let path = format!("/cgi-bin/token?{grant}&{appid}&{secret}");
    assert_eq!(world.send(Method::POST, &path, Some("")).await.errcode(), 41002);
}

#[tokio::test]
async fn the_stable_endpoint_takes_json_by_post_and_nothing_else() {
    let world = World::start().await;
    let good = json!({"grant_type": "client_credential", "appid": MAIN_APP, "secret": MAIN_SECRET});
    let without = |field: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        body.to_string()
    };
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
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
        (good.to_string(), 0),
    ];
    for (body, errcode) in rows {
        let reply = world.send(Method::POST, "/cgi-bin/stable_token", Some(&body)).await;
        assert_eq!((reply.status, reply.errcode()), (200, errcode), "{body}");
    }
    let query = format!("grant_type=client_credential&appid={MAIN_APP}&secret={MAIN_SECRET}");
    let path = format!("/cgi-bin/stable_token?{query}");
    assert_eq!(world.get(&path).await.errcode(), 43002);
    assert_eq!(world.post(&path, &json!({})).await.errcode(), 41002, "the query does not count");
}

#[tokio::test]
async fn the_token_is_looked_at_before_the_method_and_the_body() {
    let world = World::start().await;
    let token = world.token().await;
    let path = "/wxa/business/getuserphonenumber";
    assert_eq!(world.get(path).await.errcode(), 41001);
    assert_eq!(world.get(&format!("{path}?access_token={token}")).await.errcode(), 43002);
    let post = |body| world.send(Method::POST, "/wxa/business/getuserphonenumber", Some(body));
    assert_eq!(post("").await.errcode(), 41001);
    assert_eq!(post(&json!({"access_token": token}).to_string()).await.errcode(), 41001);
    let post = async |body| {
        world.send(Method::POST, &format!("{path}?access_token={token}"), Some(body)).await
    };
    assert_eq!(post("").await.errcode(), 44002);
    assert_eq!(post("code=1").await.errcode(), 47001);
    assert_eq!(post("[]").await.errcode(), 47001);
}

#[tokio::test]
async fn a_path_that_does_not_exist_is_an_invalid_url() {
    let world = World::start().await;
    for path in ["/cgi-bin/nothing", "/wxa/nothing", "/sns/nothing", "/nothing"] {
        let reply = world.get(path).await;
        assert_eq!((reply.status, reply.errcode()), (200, 40066), "{path}");
    }
}
