//! Invalid responses of WeChat, its gateways or the network. Each is an outage, within the timeout, without a panic,
//! and uses up at most one code.

use std::time::Instant;

use tokio::task::JoinSet;

use super::upstream::{Reply, Upstream, ok};
use super::*;

/// Response with this status line, these headers and this body.
fn http(head: &str, body: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 {head}\r\n\r\n{body}").into())
}

/// Response that announces more than it contains.
fn unfinished(head: &str, body: &str) -> Reply {
    Reply::Unfinished(format!("HTTP/1.1 {head}\r\n\r\n{body}").into())
}

/// Body padded to this length with spaces, which JSON allows.
fn padded(valid: &str, length: usize) -> String {
    format!("{valid}{}", " ".repeat(length - valid.len()))
}

/// Replies with their descriptions.
type NamedReplies = Vec<(String, Reply)>;

/// Invalid replies to a request for which `valid` is a valid body.
fn invalid_replies(valid: &str) -> NamedReplies {
    [bodies(valid), statuses(valid), connections(valid)].concat()
}

/// Complete responses with invalid bodies.
fn bodies(valid: &str) -> NamedReplies {
    let mut all = NamedReplies::new();
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
    for cut in [1, valid.len() / 2, valid.len() - 1] {
        all.push((format!("body cut at {cut}"), body(&valid[..cut])));
    }
    all.push(("two bodies in one".into(), body(format!("{valid}{valid}"))));
    all.push(("an array around the body".into(), body(format!("[{valid}]"))));
    all.push(("64 KiB and one byte".into(), body(padded(valid, 65_537))));
    all.push(("10 MB".into(), body(padded(valid, 10_000_000))));
    all.push(("deep arrays".into(), body("[".repeat(60_000))));
    all.push(("deep objects".into(), body("{\"a\":".repeat(12_000))));
    let mut binary = ok(&" ".repeat(8));
    binary.truncate(binary.len() - 8);
    binary.extend(b"\x1f\x8b\x08\0\xff\xfe\0\x80");
    all.push(("binary".into(), Reply::Raw(binary)));
    all
}

/// Valid body with a status other than 200.
fn statuses(valid: &str) -> NamedReplies {
    let codes = [
        201, 202, 203, 204, 206, 300, 304, 400, 401, 403, 404, 408, 412, 429, 500, 502, 503, 504,
        599,
    ];
    let reply = |status| {
        let length = if matches!(status, 204 | 304) { 0 } else { valid.len() };
        let head = format!("{status} Odd\r\nContent-Length: {length}");
        (format!("status {status}"), http(&head, &valid[..length]))
    };
    codes.map(reply).into()
}

/// Connections without a valid HTTP response.
fn connections(valid: &str) -> NamedReplies {
    let length = valid.len();
    [
        ("closed at once", Reply::Raw(Vec::new())),
        ("not http", Reply::Raw(b"SSH-2.0-OpenSSH_9.2p1\r\n".into())),
        ("tls", Reply::Raw(b"\x15\x03\x01\x00\x02\x02\x28".into())),
        ("http/0.9", Reply::Raw(valid.into())),
        ("half a status line", Reply::Raw(b"HTTP/1.1 20".into())),
        ("half a head", Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Le".into())),
        ("a status too high", http("1000 Odd", valid)),
        ("half a body, closed", http(&format!("200 OK\r\nContent-Length: {}", length + 1), valid)),
        ("a negative length", http("200 OK\r\nContent-Length: -1", valid)),
        ("a length that is none", http("200 OK\r\nContent-Length: many", valid)),
        ("two lengths", http("200 OK\r\nContent-Length: 1\r\nContent-Length: 2", valid)),
        ("a chunk of no size", http("200 OK\r\nTransfer-Encoding: chunked", "zz\r\n{}\r\n")),
        ("chunks without end", http("200 OK\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n")),
        ("a space in a name", http("200 OK\r\nContent Length: 2", valid)),
        ("silence", Reply::Unfinished(Vec::new())),
        ("half a body, silence", unfinished("200 OK\r\nContent-Length: 999", valid)),
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
                format!("HTTP/1.1 200 OK\r\n{}\r\n{valid}", "X: y\r\n".repeat(1_000_000)).into(),
            ),
        ),
    ]
    .map(|(name, reply)| (name.to_owned(), reply))
    .into()
}

/// Value that identifies a request: the code to redeem, or the app secret of an access token request.
fn request_mark(request: &Request) -> String {
    request.json()["secret"].as_str().map_or_else(|| request.code(), str::to_owned)
}

/// Sends every invalid reply to one call of `endpoint`, chosen by the index in the code. Other endpoints succeed.
async fn check_invalid_replies(endpoint: &'static str, valid: Value, timeout: Duration) {
    let valid = valid.to_string();
    let (names, replies): (Vec<_>, Vec<_>) = invalid_replies(&valid).into_iter().unzip();
    assert!(names.len() >= 60, "{}", names.len());
    let upstream = Upstream::start(move |request| {
        if request.path() != endpoint {
            return success(request);
        }
        let index: usize = request_mark(request).trim_start_matches("code").parse().unwrap();
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
            assert!(started.elapsed() < timeout + SLACK, "{name}: {:?}", started.elapsed());
            (code, name)
        });
    }
    let finished = calls.join_all().await;
    let requests = upstream.requests();
    for (code, name) in finished {
        let matches =
            |request: &&Request| request.path() == endpoint && request_mark(request) == code;
        assert_eq!(requests.iter().filter(matches).count(), 1, "{name}");
    }
}

#[tokio::test]
async fn invalid_login_response_is_an_outage() {
    check_invalid_replies(LOGIN, session(), Duration::from_secs(2)).await;
}

#[tokio::test]
async fn invalid_phone_response_is_an_outage() {
    let valid = phone_info(FixedClock::default().now());
    check_invalid_replies(PHONE, valid, Duration::from_millis(1500)).await;
}

#[tokio::test]
async fn invalid_access_token_response_is_an_outage() {
    check_invalid_replies(TOKEN, token("71_token"), Duration::from_millis(1500)).await;
}

#[tokio::test]
async fn unusual_but_valid_responses_are_accepted() {
    let valid = session().to_string();
    let length = valid.len();
    let bytes: Vec<String> = valid.chars().map(String::from).collect();
    let chunks = format!("1\r\n{}\r\n0\r\n\r\n", bytes.join("\r\n1\r\n"));
    let typed = format!("200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}");
    for (name, reply) in [
        ("html", http(&typed, &valid)),
        ("no type", http(&format!("200 OK\r\nContent-Length: {length}"), &valid)),
        ("a charset", http("200 OK\r\nContent-Type: text/plain; charset=utf-16", &valid)),
        ("an end by closing", http("200 OK", &valid)),
        ("a claim of gzip", http("200 OK\r\nContent-Encoding: gzip", &valid)),
        ("a chunk per byte", http("200 OK\r\nTransfer-Encoding: chunked", &chunks)),
        ("early hints", http("103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK", &valid)),
        ("no reason", http("200", &valid)),
        ("a cookie", http("200 OK\r\nSet-Cookie: a=b", &valid)),
    ] {
        let upstream = Upstream::always(move || reply.clone()).await;
        let identity = App::at(upstream.url()).login("code").await;
        assert_eq!(identity.expect(name).subject, owner(), "{name}");
    }
    let exactly = padded(&valid, 65_536);
    let upstream = Upstream::always(move || body(&exactly)).await;
    assert!(App::at(upstream.url()).login("code").await.is_ok(), "64 KiB");
}
