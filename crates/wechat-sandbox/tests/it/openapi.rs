//! `clear_quota`, `openapi/quota/get`, `get_api_domain_ip` and the quotas themselves.

use serde_json::{Value, json};
use wechat_sandbox::config::{Config, LONE_APP, MAIN_APP, MAIN_SECRET};

use crate::harness::Harness;

async fn quota(harness: &Harness, path: &str) -> Value {
    let token = harness.token().await;
    let url = format!("/cgi-bin/openapi/quota/get?access_token={token}");
    harness.post(&url, &json!({ "cgi_path": path })).await.json()
}

#[tokio::test]
async fn quota_counts_calls_per_day() {
    let harness = Harness::start().await;
    let token = harness.token().await;
    for _ in 0..3 {
        assert_eq!(harness.try_token(&token).await.errcode(), 0);
    }
    let answer = quota(&harness, "/cgi-bin/get_api_domain_ip").await;
    assert_eq!(answer["errcode"], 0);
    assert_eq!(answer["quota"]["used"], 3);
    let remain = answer["quota"]["daily_limit"].as_u64().unwrap() - 3;
    assert_eq!(answer["quota"]["remain"].as_u64().unwrap(), remain);
    assert!(answer.get("rate_limit").is_none());
    assert_eq!(quota(&harness, "/wxa/checksession").await["quota"]["used"], 0);
    harness.advance(86_400);
    assert_eq!(quota(&harness, "/cgi-bin/get_api_domain_ip").await["quota"]["used"], 0);
}

#[tokio::test]
async fn quota_returns_published_limits() {
    let harness = Harness::start().await;
    let answer = quota(&harness, "/wxa/msg_sec_check").await;
    assert_eq!(answer["quota"]["daily_limit"], 2_000_000);
    assert_eq!(answer["rate_limit"], json!({ "call_count": 4000, "refresh_second": 60 }));
}

#[tokio::test]
async fn unknown_paths_and_sns_have_no_quota() {
    let harness = Harness::start().await;
    assert_eq!(quota(&harness, "/sns/jscode2session").await["errcode"], 76022);
    for unknown in ["/cgi-bin/nothing", "cgi-bin/token", "https://api.weixin.qq.com/x", ""] {
        assert_eq!(quota(&harness, unknown).await["errcode"], 76021, "{unknown}");
    }
}

#[tokio::test]
async fn clear_quota_works_ten_times_a_month() {
    let harness = Harness::start().await;
    let token = harness.token().await;
    harness.try_token(&token).await;
    let url = format!("/cgi-bin/clear_quota?access_token={token}");
    let clear = async || harness.post(&url, &json!({ "appid": MAIN_APP })).await;
    assert_eq!(clear().await.text, r#"{"errcode":0,"errmsg":"ok"}"#);
    assert_eq!(quota(&harness, "/cgi-bin/get_api_domain_ip").await["quota"]["used"], 0);
    assert_eq!(harness.post(&url, &json!({})).await.errcode(), 41002);
    assert_eq!(harness.post(&url, &json!({ "appid": LONE_APP })).await.errcode(), 40013);
    for _ in 1..10 {
        assert_eq!(clear().await.errcode(), 0);
    }
    assert_eq!(clear().await.errcode(), 48006);
    harness.advance(30 * 86_400);
    let url = format!("/cgi-bin/clear_quota?access_token={}", harness.token().await);
    assert_eq!(harness.post(&url, &json!({ "appid": MAIN_APP })).await.errcode(), 0);
}

#[tokio::test]
async fn api_domain_ip_has_no_errcode() {
    let harness = Harness::start().await;
    let token = harness.token().await;
    let reply = harness.try_token(&token).await;
    assert_eq!(reply.text, r#"{"ip_list":["127.0.0.1"]}"#);
}

#[tokio::test]
async fn exhausted_quota_fails_unless_limits_are_lifted() {
    for (limits, errcode) in [(true, 45009), (false, 0)] {
        let harness = Harness::with(Config { limits, ..Config::default() }).await;
        let path = format!(
            "/cgi-bin/token?grant_type=client_credential&appid={MAIN_APP}&secret={MAIN_SECRET}"
        );
        // The whole quota of this endpoint is used up without 10,000 round trips.
        let address = harness.sandbox.address();
        let requests = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(10_000);
        tokio::task::spawn_blocking(move || pipeline(address, &requests, 10_000)).await.unwrap();
        let reply = harness.get(&path).await;
        assert_eq!(reply.errcode(), errcode, "{reply:?}");
        if limits {
            assert!(reply.errmsg().starts_with("reach max api daily quota limit rid: "));
        }
    }
}

/// Sends requests over one connection without waiting, then reads until all are answered.
fn pipeline(address: std::net::SocketAddr, requests: &str, count: usize) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let requests = requests.to_owned();
    let sender = std::thread::spawn(move || writer.write_all(requests.as_bytes()).unwrap());
    let mut answers = 0;
    let mut tail = Vec::new();
    let mut buffer = vec![0; 65_536];
    while answers < count {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "connection closed after {answers} answers");
        tail.extend_from_slice(&buffer[..read]);
        answers += tail.windows(8).filter(|w| w == b"HTTP/1.1").count();
        tail = tail[tail.len().saturating_sub(7)..].to_vec();
    }
    sender.join().unwrap();
}
