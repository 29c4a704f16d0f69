//! `clear_quota`, `openapi/quota/get`, `get_api_domain_ip`, and quotas as such.

use serde_json::{Value, json};
use wechat_sandbox::config::{Config, LONE_APP, MAIN_APP, MAIN_SECRET};

use crate::client::World;

async fn quota(world: &World, path: &str) -> Value {
    let token = world.token().await;
    let url = format!("/cgi-bin/openapi/quota/get?access_token={token}");
    world.post(&url, &json!({ "cgi_path": path })).await.json()
}

#[tokio::test]
async fn quotas_count_the_calls_of_a_day() {
    let world = World::start().await;
    let token = world.token().await;
    for _ in 0..3 {
        assert_eq!(world.try_token(&token).await.errcode(), 0);
    }
    let answer = quota(&world, "/cgi-bin/get_api_domain_ip").await;
    assert_eq!(answer["errcode"], 0);
    assert_eq!(answer["quota"]["used"], 3);
    let remain = answer["quota"]["daily_limit"].as_u64().unwrap() - 3;
    assert_eq!(answer["quota"]["remain"].as_u64().unwrap(), remain);
    assert!(answer.get("rate_limit").is_none());
    assert_eq!(quota(&world, "/wxa/checksession").await["quota"]["used"], 0);
    world.advance(86_400);
    assert_eq!(quota(&world, "/cgi-bin/get_api_domain_ip").await["quota"]["used"], 0);
}

#[tokio::test]
async fn published_figures_are_told() {
    let world = World::start().await;
    let answer = quota(&world, "/wxa/msg_sec_check").await;
    assert_eq!(answer["quota"]["daily_limit"], 2_000_000);
    assert_eq!(answer["rate_limit"], json!({ "call_count": 4000, "refresh_second": 60 }));
}

#[tokio::test]
async fn some_paths_have_no_quota() {
    let world = World::start().await;
    assert_eq!(quota(&world, "/sns/jscode2session").await["errcode"], 76022);
    for unknown in ["/cgi-bin/nothing", "cgi-bin/token", "https://api.weixin.qq.com/x", ""] {
        assert_eq!(quota(&world, unknown).await["errcode"], 76021, "{unknown}");
    }
}

#[tokio::test]
async fn quotas_are_cleared_ten_times_a_month() {
    let world = World::start().await;
    let token = world.token().await;
    world.try_token(&token).await;
    let url = format!("/cgi-bin/clear_quota?access_token={token}");
    let clear = async || world.post(&url, &json!({ "appid": MAIN_APP })).await;
    assert_eq!(clear().await.text, r#"{"errcode":0,"errmsg":"ok"}"#);
    assert_eq!(quota(&world, "/cgi-bin/get_api_domain_ip").await["quota"]["used"], 0);
    assert_eq!(world.post(&url, &json!({})).await.errcode(), 41002);
    assert_eq!(world.post(&url, &json!({ "appid": LONE_APP })).await.errcode(), 40013);
    for _ in 1..10 {
        assert_eq!(clear().await.errcode(), 0);
    }
    assert_eq!(clear().await.errcode(), 48006);
    world.advance(30 * 86_400);
    let url = format!("/cgi-bin/clear_quota?access_token={}", world.token().await);
    assert_eq!(world.post(&url, &json!({ "appid": MAIN_APP })).await.errcode(), 0);
}

#[tokio::test]
async fn addresses_come_without_an_errcode() {
    let world = World::start().await;
    let token = world.token().await;
    let reply = world.try_token(&token).await;
    assert_eq!(reply.text, r#"{"ip_list":["127.0.0.1"]}"#);
}

#[tokio::test]
async fn a_used_up_quota_is_refused_unless_limits_are_lifted() {
    for (limits, errcode) in [(true, 45009), (false, 0)] {
        let world = World::with(Config { limits, ..Config::default() }).await;
        let path = format!(
            "/cgi-bin/token?grant_type=client_credential&appid={MAIN_APP}&secret={MAIN_SECRET}"
        );
        // The figure for this endpoint, spent without 10,000 round trips.
        let address = world.sandbox.address();
        let spend = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(10_000);
        tokio::task::spawn_blocking(move || pipeline(address, &spend, 10_000)).await.unwrap();
        let reply = world.get(&path).await;
        assert_eq!(reply.errcode(), errcode, "{reply:?}");
        if limits {
            assert!(reply.errmsg().starts_with("reach max api daily quota limit rid: "));
        }
    }
}

/// Sends many requests at once and waits until all are answered.
fn pipeline(address: std::net::SocketAddr, requests: &str, count: usize) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let requests = requests.to_owned();
    let sending = std::thread::spawn(move || writer.write_all(requests.as_bytes()).unwrap());
    let (mut seen, mut tail, mut buffer) = (0, Vec::new(), vec![0; 65_536]);
    while seen < count {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "hung up after {seen}");
        tail.extend_from_slice(&buffer[..read]);
        seen += tail.windows(8).filter(|w| w == b"HTTP/1.1").count();
        tail = tail[tail.len().saturating_sub(7)..].to_vec();
    }
    sending.join().unwrap();
}
