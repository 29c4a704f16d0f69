//! Control API over HTTP: users, apps, codes, encrypted data, clock and reset.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use ureq::http::Method;
use wechat_sandbox::config::{LONE_APP, MAIN_APP, SECOND_APP};

use crate::harness::{Harness, hex};

#[tokio::test]
async fn default_users_are_alice_and_bob() {
    let harness = Harness::start().await;
    let users = harness.get("/_sandbox/users").await.json();
    assert_eq!(users[0]["user"], "alice");
    assert_eq!(users[0]["phone"], "13800138000");
    assert_eq!(users[1]["user"], "bob");
}

#[tokio::test]
async fn users_are_created_and_changed() {
    let harness = Harness::start().await;
    let made = harness.post("/_sandbox/users", &json!({ "phone": "13712345678" })).await.json();
    assert_eq!(made["user"], "u1");
    assert_eq!(made["nickname"], "u1");
    let made = harness.post("/_sandbox/users", &json!({ "nickname": "小明" })).await.json();
    assert_eq!((&made["user"], &made["nickname"]), (&json!("u2"), &json!("小明")));
    assert_eq!(made["phone"], Value::Null);
    let change = json!({ "user": "u2", "phone": "13700000000", "blocked": true });
    let changed = harness.send(Method::PATCH, "/_sandbox/users", Some(&change.to_string())).await;
    assert_eq!(changed.json()["phone"], "13700000000");
    let code = harness.post("/_sandbox/codes/login", &json!({ "user": "u2" })).await.field("code");
    assert_eq!(harness.redeem(&code).await.errcode(), 40226);
    let change = json!({ "user": "u2", "phone": null, "blocked": false }).to_string();
    let changed = harness.send(Method::PATCH, "/_sandbox/users", Some(&change)).await.json();
    assert_eq!((&changed["phone"], &changed["nickname"]), (&Value::Null, &json!("小明")));
    assert_eq!(harness.redeem(&code).await.errcode(), 0);
}

#[tokio::test]
async fn codes_default_to_the_first_app() {
    let harness = Harness::start().await;
    let code = harness.post("/_sandbox/codes/login", &json!({ "user": "alice" })).await;
    assert_eq!(code.json().as_object().unwrap().len(), 1, "{}", code.text);
    let code = code.field("code");
    assert!(code.len() == 32 && code.bytes().all(|b| b.is_ascii_alphanumeric()), "{code}");
    assert_eq!(harness.redeem(&code).await.errcode(), 0);
    let other = json!({ "user": "alice", "appid": SECOND_APP });
    let code = harness.post("/_sandbox/codes/login", &other).await.field("code");
    assert_eq!(harness.redeem(&code).await.errcode(), 40029);
    let code =
        harness.post("/_sandbox/codes/phone", &json!({ "user": "alice" })).await.field("code");
    assert!(code.len() == 64 && code.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    let many = json!({ "user": "alice", "count": 3 });
    let many = harness.post("/_sandbox/codes/login", &many).await.json();
    assert_eq!(many["codes"].as_array().unwrap().len(), 3);
    assert_eq!(many["code"], many["codes"][0]);
}

#[tokio::test]
async fn apps_are_added_and_changed() {
    let harness = Harness::start().await;
    let app = json!({ "appid": "wx0000000000000001", "secret": "s" });
    assert_eq!(harness.post("/_sandbox/apps", &app).await.status, 200);
    assert_eq!(harness.post("/_sandbox/apps", &app).await.status, 400, "the app exists already");
    let code = json!({ "user": "alice", "appid": "wx0000000000000001" });
    let code = harness.post("/_sandbox/codes/login", &code).await.field("code");
    let session = harness.redeem_in("wx0000000000000001", "s", &code).await;
    assert!(session.errcode() == 0 && !session.text.contains("unionid"));
    let bind = json!({ "appid": LONE_APP, "open_platform": "sandbox", "secret": "new" });
    let bound = harness.send(Method::PATCH, "/_sandbox/apps", Some(&bind.to_string())).await.json();
    assert_eq!(bound["open_platform"], "sandbox");
    let code = harness.sandbox.login_code("alice", LONE_APP).unwrap();
    let old = harness.redeem_in(LONE_APP, wechat_sandbox::config::LONE_SECRET, &code).await;
    assert_eq!(old.errcode(), 40125);
    assert!(harness.redeem_in(LONE_APP, "new", &code).await.text.contains("unionid"));
    assert_eq!(harness.get("/_sandbox/apps").await.json().as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn encrypted_data_decrypts_with_the_session_key() {
    let harness = Harness::start().await;
    let key = harness.login("alice").await.field("session_key");
    let profile = harness.post("/_sandbox/encrypt", &json!({ "user": "alice" })).await;
    let data = decrypt(&profile.json(), &key);
    assert_eq!(data["nickName"], "Alice");
    assert_eq!(data["watermark"]["appid"], MAIN_APP);
    let time = data["watermark"]["timestamp"].as_u64().unwrap();
    assert!(harness.sandbox.now().abs_diff(time) <= 10);
    assert!(data.get("openId").is_none(), "the profile contains no ids");

    let raw = profile.field("rawData");
    assert!(!raw.contains("watermark") && raw.contains("Alice"));
    let signed = Sha1::digest(format!("{raw}{key}"));
    assert_eq!(profile.field("signature"), hex(&signed));

    let phone = json!({ "user": "alice", "kind": "phone" });
    let phone = decrypt(&harness.post("/_sandbox/encrypt", &phone).await.json(), &key);
    assert_eq!(phone["purePhoneNumber"], "13800138000");
    assert_eq!(phone["countryCode"], "86");

    let foreign = json!({ "appid": LONE_APP, "timestamp": 1 });
    let own = json!({ "user": "alice", "data": { "a": 1, "watermark": foreign } });
    let own = decrypt(&harness.post("/_sandbox/encrypt", &own).await.json(), &key);
    assert_eq!(own, json!({ "a": 1, "watermark": foreign }));
}

#[tokio::test]
async fn encryption_uses_the_session_key_of_the_last_code() {
    let harness = Harness::start().await;
    let old = harness.login("alice").await.field("session_key");
    harness.advance(600);
    let code = harness.code("alice");
    let sealed = harness.post("/_sandbox/encrypt", &json!({ "user": "alice" })).await.json();
    let new = harness.redeem(&code).await.field("session_key");
    assert_ne!(old, new);
    assert_eq!(decrypt(&sealed, &new)["nickName"], "Alice");
}

#[tokio::test]
async fn clock_advances() {
    let harness = Harness::start().await;
    let before = harness.get("/_sandbox/clock").await.json()["now"].as_u64().unwrap();
    let moved = harness.post("/_sandbox/clock", &json!({ "advance_seconds": 86_400 })).await.json();
    assert!((86_400..86_410).contains(&(moved["now"].as_u64().unwrap() - before)));
    let far = json!({ "advance_seconds": u64::MAX });
    assert_eq!(harness.post("/_sandbox/clock", &far).await.status, 200);
    assert_eq!(harness.redeem("x").await.errcode(), 40029, "the clock does not overflow");
}

#[tokio::test]
async fn reset_restores_the_first_start() {
    let harness = Harness::start().await;
    let code = harness.code("alice");
    let token = harness.token().await;
    let openid = harness.login("alice").await.field("openid");
    harness.post("/_sandbox/users", &json!({})).await;
    harness.post("/_sandbox/faults", &json!({ "path": "/cgi-bin/token", "drop": true })).await;
    let bind = json!({ "appid": LONE_APP, "open_platform": "sandbox" }).to_string();
    harness.send(Method::PATCH, "/_sandbox/apps", Some(&bind)).await;
    harness.advance(86_400);
    assert_eq!(harness.send(Method::POST, "/_sandbox/reset", None).await.status, 200);
    assert!(harness.sandbox.log(None).is_empty() && harness.sandbox.faults().is_empty());
    assert_eq!(harness.get("/_sandbox/users").await.json().as_array().unwrap().len(), 2);
    let apps = harness.get("/_sandbox/apps").await.json();
    let lone = apps.as_array().unwrap().iter().find(|app| app["app_id"] == LONE_APP).unwrap();
    assert_eq!(lone["open_platform"], Value::Null);
    let real = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(harness.sandbox.now().abs_diff(real.as_secs()) <= 10);
    assert_eq!(harness.redeem(&code).await.errcode(), 40029);
    assert_eq!(harness.try_token(&token).await.errcode(), 40001);
    assert_eq!(harness.login("alice").await.field("openid"), openid, "the users are the same");
}

#[tokio::test]
async fn invalid_requests_return_400_with_a_message() {
    let harness = Harness::start().await;
    let rows = [
        ("users", json!({ "name": "x" }), "unknown field `name`"),
        ("users", json!({ "phone": "+86 138" }), "digits only"),
        ("users", json!({ "country_code": "" }), "digits only"),
        ("users", json!({ "user": "alice" }), "taken"),
        ("apps", json!({ "appid": "wx1" }), "missing field `secret`"),
        ("apps", json!({ "appid": "wx1", "secret": "s", "encoding_aes_key": "short" }), "43"),
        ("codes/login", json!({}), "missing field `user`"),
        ("codes/login", json!({ "user": "unknown" }), "no such user `unknown`"),
        ("codes/login", json!({ "user": "alice", "appid": "wx0" }), "no such app `wx0`"),
        ("codes/login", json!({ "user": "alice", "count": 0 }), "count must be 1 to"),
        ("codes/phone", json!({ "user": "alice", "app": "x" }), "unknown field `app`"),
        ("encrypt", json!({ "user": "alice" }), "get a login code"),
        ("encrypt", json!({ "user": "alice", "kind": "x" }), "unknown variant"),
        ("clock", json!({ "advance_seconds": -1 }), "invalid value"),
        ("clock", json!({}), "missing field `advance_seconds`"),
        ("reset", json!({ "hard": true }), "unknown field `hard`"),
    ];
    for (route, body, why) in rows {
        let reply = harness.post(&format!("/_sandbox/{route}"), &body).await;
        assert_eq!(
            (reply.status, reply.content_type.as_str()),
            (400, "application/json; charset=utf-8")
        );
        assert!(reply.field("error").contains(why), "{route} {body} gave {}", reply.text);
    }
    let broken = harness.send(Method::POST, "/_sandbox/users", Some("{")).await;
    assert_eq!(broken.status, 400);
    for path in ["/_sandbox/nothing", "/_sandbox", "/_sandbox/reset"] {
        let reply = harness.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.field("error").contains("no such route"));
    }
}

#[tokio::test]
async fn index_lists_endpoints_and_routes() {
    let harness = Harness::start().await;
    let page = harness.get("/").await;
    assert_eq!(page.status, 200);
    for listed in ["/sns/jscode2session", "/wxa/msg_sec_check", "/_sandbox/codes/login"] {
        assert!(page.text.contains(listed), "{listed}");
    }
}

#[tokio::test]
async fn browser_gets_the_virtual_phone_and_its_files() {
    let harness = Harness::start().await;
    let accept = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = harness.get_accepting(accept, "/").await;
    assert_eq!((page.status, page.content_type.as_str()), (200, "text/html; charset=utf-8"));
    let parts: Vec<_> =
        page.text.split('"').filter(|part| part.starts_with("/_sandbox/")).collect();
    assert_eq!(parts, ["/_sandbox/page/page.css", "/_sandbox/page/phone.js"]);
    for (path, content_type) in parts.into_iter().zip(["text/css", "text/javascript"]) {
        let part = harness.get(path).await;
        assert_eq!(part.status, 200, "{path}");
        assert_eq!(part.content_type, format!("{content_type}; charset=utf-8"));
    }
}

fn decrypt(sealed: &Value, session_key: &str) -> Value {
    let bytes = |text: &str| STANDARD.decode(text).unwrap();
    let key: [u8; 16] = bytes(session_key).try_into().unwrap();
    let iv: [u8; 16] = bytes(sealed["iv"].as_str().unwrap()).try_into().unwrap();
    let data = bytes(sealed["encryptedData"].as_str().unwrap());
    let cipher = cbc::Decryptor::<aes::Aes128>::new(&key.into(), &iv.into());
    serde_json::from_slice(&cipher.decrypt_padded_vec::<Pkcs7>(&data).unwrap()).unwrap()
}
