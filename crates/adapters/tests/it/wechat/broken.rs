//! Answers that WeChat, its gateways or the network might give on a bad day: every one is an outage,
//! in time, without a panic, and costs one code at most.

use std::time::Instant;

use tokio::task::JoinSet;

use super::upstream::{Reply, Upstream, ok};
use super::*;

/// An answer with this status line and these headers.
fn http(head: &str, body: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 {head}\r\n\r\n{body}").into())
}

/// Headers that promise more than follows.
fn unfinished(head: &str, body: &str) -> Reply {
    Reply::Unfinished(format!("HTTP/1.1 {head}\r\n\r\n{body}").into())
}

/// The body, made that long by blanks, which JSON allows.
fn padded(good: &str, length: usize) -> String {
    format!("{good}{}", " ".repeat(length - good.len()))
}

/// Replies, each with the name that it fails under.
type Named = Vec<(String, Reply)>;

/// All that is tried where `good` would have been the right body.
fn broken(good: &str) -> Named {
    [texts(good), statuses(good), wires(good)].concat()
}

/// Bodies that came whole.
fn texts(good: &str) -> Named {
    let mut all = Named::new();
    for text in [
        "",
        " ",
        "\r\n\r\n",
        "null",
        "true",
        "42",
        "[]",
        "[{}]",
        "\"ok\"",
        "{}",
        "{",
        "{\"",
        "ok",
        "\u{feff}",
        "\0\0\0\0",
        "<html><body>502 Bad Gateway</body></html>",
        "<xml><return_code><![CDATA[FAIL]]></return_code></xml>",
        "callback({\"errcode\":0})",
        r#"{"errcode":0}"#,
        r#"{"errcode":0,"errmsg":"ok"}"#,
        r#"{"errcode":"busy"}"#,
        r#"{"errcode":true}"#,
        r#"{"errcode":[40029]}"#,
        r#"{"errcode":{"code":40029}}"#,
        r#"{"errcode":40029.5}"#,
        r#"{"errcode":1e400}"#,
        r#"{"errcode":123456789012345678901234567890}"#,
        r#"{"errcode":7777777,"errmsg":"new"}"#,
        r#"{"openid":7,"session_key":7,"access_token":7,"expires_in":7,"phone_info":7}"#,
        r#"{"openid":"o","session_key":"short","access_token":"","phone_info":{}}"#,
        r#"{"openid":[],"session_key":{},"access_token":[],"phone_info":[]}"#,
    ] {
        all.push((format!("body {text:?}"), body(text)));
    }
    for cut in [1, good.len() / 2, good.len() - 1] {
        all.push((format!("body cut at {cut}"), body(&good[..cut])));
    }
    all.push(("two bodies in one".into(), body(format!("{good}{good}"))));
    all.push(("an array around the body".into(), body(format!("[{good}]"))));
    all.push(("64 KiB and one byte".into(), body(padded(good, 65_537))));
    all.push(("10 MB".into(), body(padded(good, 10_000_000))));
    all.push(("deep arrays".into(), body("[".repeat(60_000))));
    all.push(("deep objects".into(), body("{\"a\":".repeat(12_000))));
    let mut binary = ok(&" ".repeat(8));
    binary.truncate(binary.len() - 8);
    binary.extend(b"\x1f\x8b\x08\0\xff\xfe\0\x80");
    all.push(("binary".into(), Reply::Raw(binary)));
    all
}

/// The right body under a status that is not 200.
fn statuses(good: &str) -> Named {
    let codes = [
        201, 202, 203, 204, 206, 300, 304, 400, 401, 403, 404, 408, 412, 429, 500, 502, 503, 504,
        599,
    ];
    let reply = |status| {
        let length = if matches!(status, 204 | 304) { 0 } else { good.len() };
        let head = format!("{status} Odd\r\nContent-Length: {length}");
        (format!("status {status}"), http(&head, &good[..length]))
    };
    codes.map(reply).into()
}

/// Connections on which no sound answer ever stands.
fn wires(good: &str) -> Named {
    let length = good.len();
    [
        ("closed at once", Reply::Raw(Vec::new())),
        ("not http", Reply::Raw(b"SSH-2.0-OpenSSH_9.2p1\r\n".into())),
        ("tls", Reply::Raw(b"\x15\x03\x01\x00\x02\x02\x28".into())),
        ("http/0.9", Reply::Raw(good.into())),
        ("half a status line", Reply::Raw(b"HTTP/1.1 20".into())),
        ("half a head", Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Le".into())),
        ("a status too high", http("1000 Odd", good)),
        ("half a body, closed", http(&format!("200 OK\r\nContent-Length: {}", length + 1), good)),
        ("a negative length", http("200 OK\r\nContent-Length: -1", good)),
        ("a length that is none", http("200 OK\r\nContent-Length: many", good)),
        ("two lengths", http("200 OK\r\nContent-Length: 1\r\nContent-Length: 2", good)),
        ("a chunk of no size", http("200 OK\r\nTransfer-Encoding: chunked", "zz\r\n{}\r\n")),
        ("chunks without end", http("200 OK\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n")),
        ("a space in a name", http("200 OK\r\nContent Length: 2", good)),
        ("silence", Reply::Unfinished(Vec::new())),
        ("half a body, silence", unfinished("200 OK\r\nContent-Length: 999", good)),
        ("only a promise", unfinished("100 Continue", "")),
        ("a head that never ends", Reply::Drip(b"HTTP/1.1 200 OK\r\n".into(), b"X: y\r\n".into())),
        (
            "a body that never ends",
            Reply::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n".into(), b" ".into()),
        ),
        (
            "a flood",
            Reply::Drip(b"HTTP/1.1 200 OK\r\n\r\n".into(), " ".repeat(30_000).into_bytes()),
        ),
        (
            "a million headers",
            Reply::Raw(
                format!("HTTP/1.1 200 OK\r\n{}\r\n{good}", "X: y\r\n".repeat(1_000_000)).into(),
            ),
        ),
    ]
    .map(|(name, reply)| (name.to_owned(), reply))
    .into()
}

/// The code of a call that redeems one; the secret of a token call, which has nothing else of its own.
fn mark(request: &Request) -> String {
    request.json()["secret"].as_str().map_or_else(|| request.code(), str::to_owned)
}

/// Answers calls of `endpoint` with the broken reply that the code names by its place, and the rest well.
async fn meet(endpoint: &'static str, good: Value, limit: Duration) {
    let good = good.to_string();
    let (names, replies): (Vec<_>, Vec<_>) = broken(&good).into_iter().unzip();
    assert!(names.len() >= 60, "{}", names.len());
    let upstream = Upstream::start(move |request| {
        if request.path() != endpoint {
            return well(request);
        }
        let index: usize = mark(request).trim_start_matches("code").parse().unwrap();
        replies[index].clone()
    })
    .await;
    let mut calls = JoinSet::new();
    for (index, name) in names.into_iter().enumerate() {
        let code = format!("code{index}");
        let app = WechatApp { secret: code.clone().into(), ..app() };
        let app = App::new(app, upstream.url(), FixedClock::default());
        calls.spawn(async move {
            let started = Instant::now();
            let unavailable = match endpoint {
                LOGIN => is_unavailable(&app.login(&code).await),
                _ => is_unavailable(&app.phone(&code).await),
            };
            assert!(unavailable, "{name}");
            assert!(started.elapsed() < limit + SLACK, "{name}: {:?}", started.elapsed());
            (code, name)
        });
    }
    let ended = calls.join_all().await;
    let requests = upstream.requests();
    for (code, name) in ended {
        let met = |request: &&Request| request.path() == endpoint && mark(request) == code;
        assert_eq!(requests.iter().filter(met).count(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_broken_answer_to_a_login_is_an_outage() {
    meet(LOGIN, session(), Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_broken_answer_to_a_phone_call_is_an_outage() {
    let good = phone_info(FixedClock::default().now());
    meet(PHONE, good, Duration::from_millis(1500)).await;
}

#[tokio::test]
async fn a_broken_answer_to_a_token_call_is_an_outage() {
    meet(TOKEN, token("71_token"), Duration::from_millis(1500)).await;
}

#[tokio::test]
async fn an_odd_answer_that_can_be_understood_is_understood() {
    let good = session().to_string();
    let length = good.len();
    let bytes: Vec<String> = good.chars().map(String::from).collect();
    let chunks = format!("1\r\n{}\r\n0\r\n\r\n", bytes.join("\r\n1\r\n"));
    let typed = format!("200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}");
    for (name, reply) in [
        ("html", http(&typed, &good)),
        ("no type", http(&format!("200 OK\r\nContent-Length: {length}"), &good)),
        ("a charset", http("200 OK\r\nContent-Type: text/plain; charset=utf-16", &good)),
        ("an end by closing", http("200 OK", &good)),
        ("a claim of gzip", http("200 OK\r\nContent-Encoding: gzip", &good)),
        ("a chunk per byte", http("200 OK\r\nTransfer-Encoding: chunked", &chunks)),
        ("early hints", http("103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK", &good)),
        ("no reason", http("200", &good)),
        ("a cookie", http("200 OK\r\nSet-Cookie: a=b", &good)),
    ] {
        let upstream = Upstream::always(move || reply.clone()).await;
        let verified = App::at(upstream.url()).login("code").await;
        assert_eq!(verified.expect(name).subject, owner(), "{name}");
    }
    let exactly = padded(&good, 65_536);
    let upstream = Upstream::always(move || body(&exactly)).await;
    assert!(App::at(upstream.url()).login("code").await.is_ok(), "64 KiB");
}
