//! Behaviour of connections, tested with raw bytes on a socket.

use std::future::pending;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use api::server::{HEADER_TIMEOUT, Server};
use tokio::sync::oneshot;

use crate::harness::TestApp;

/// Maximum duration of a test step, also on a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Serves the app on a free port of the loopback interface.
async fn serve(app: TestApp) -> SocketAddr {
    serve_with(app, HEADER_TIMEOUT).await
}

async fn serve_with(app: TestApp, header_timeout: Duration) -> SocketAddr {
    let server = Server::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = server.address();
    tokio::spawn(server.header_timeout(header_timeout).serve(app.service, pending()));
    address
}

/// Sends these bytes and returns the response up to the end of the connection, or `None` if the server keeps
/// the connection open.
async fn exchange(address: SocketAddr, request: impl Into<Vec<u8>>) -> Option<String> {
    let request = request.into();
    let read = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            // A server may reset a connection with unread bytes.
            _ => Some(String::from_utf8(answer).unwrap()),
        }
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

fn count_responses(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn open_connection_is_served_during_shutdown() {
    let server = Server::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap() };
    let serving = tokio::spawn(server.serve(TestApp::new().service, stopped));
    let mut early = TcpStream::connect(address).unwrap();
    stop.send(()).unwrap();
    let closed = async {
        while TcpStream::connect(address).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, closed).await.unwrap();
    // The pause gives the server time to end idle connections, if it did so at shutdown.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let read = move || {
        early.set_read_timeout(Some(TIMEOUT)).unwrap();
        early.write_all(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = String::new();
        early.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = tokio::task::spawn_blocking(read).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn request_with_one_host_is_served() {
    let address = serve(TestApp::new()).await;
    let text =
        exchange(address, "GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    let text = exchange(address, "GET /health/live HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(text.starts_with("HTTP/1.0 200 OK\r\n"), "{text}");
}

#[tokio::test]
async fn missing_or_duplicate_host_closes_the_connection() {
    let address = serve(TestApp::new()).await;
    for hosts in ["", "Host: a\r\nHost: a\r\n", "Host: a\r\nX: y\r\nhost: b\r\n"] {
        let request = format!(
            "GET /health/live HTTP/1.1\r\n{hosts}\r\nGET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let text = exchange(address, request).await.expect("closed");
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
        assert!(text.contains("connection: close"), "{text}");
        assert!(text.contains(r#""error":"invalid_request""#), "{text}");
        assert_eq!(count_responses(&text), 1, "{text}");
    }
}

#[tokio::test]
async fn content_length_with_chunked_encoding_cannot_smuggle_a_request() {
    let address = serve(TestApp::new()).await;
    let smuggled = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    for heads in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{heads}\r\n0\r\n\r\n{smuggled}"
        );
        let text = exchange(address, request).await.expect("closed");
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
        assert_eq!(count_responses(&text), 1, "{text}");
    }
}

#[tokio::test]
async fn malformed_heads_get_one_response_and_close() {
    let address = serve(TestApp::new()).await;
    let long = "x".repeat(1_000_000);
    for head in [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1, 2",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "X : y",
        "X: a\0b",
        "X: a\r\n folded",
        &format!("X: {long}"),
        &"X: y\r\n".repeat(2000),
    ] {
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: a\r\n{}\r\n\r\nxGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            head.trim_end()
        );
        let text = exchange(address, request).await.expect("closed");
        assert!(count_responses(&text) <= 1, "{}", &text[..200.min(text.len())]);
        assert!(!text.starts_with("HTTP/1.1 2"), "{text}");
    }
    let text =
        exchange(address, "GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
}

#[tokio::test]
async fn incomplete_head_times_out() {
    assert!(HEADER_TIMEOUT <= Duration::from_secs(10));
    let address = serve_with(TestApp::new(), Duration::from_millis(100)).await;
    let started = Instant::now();
    let whole = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    for begun in ["", "G", "GET /health/live HTTP/1.1\r\nHost: a\r\nX: "] {
        let text = exchange(address, begun).await.expect("closed");
        assert!(!text.contains("200 OK"), "{text}");
        let text = exchange(address, format!("{whole}{begun}")).await.expect("closed");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    }
    assert!(started.elapsed() < TIMEOUT);
}

#[tokio::test]
async fn incomplete_body_times_out() {
    let app =
        TestApp::build_with(|builder| builder.config.body_timeout = Duration::from_millis(100));
    let address = serve(app).await;
    let started = Instant::now();
    for framing in ["Content-Length: 20\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{framing}"
        );
        let text = exchange(address, request).await.expect("closed");
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
        assert!(text.contains(r#""fields":{"body":"did not arrive within 0.1 s"}"#), "{text}");
    }
    assert!(started.elapsed() < TIMEOUT);
}

#[tokio::test]
async fn oversized_body_is_rejected() {
    let address = serve(TestApp::new()).await;
    let head = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let announced = format!("{head}Content-Length: 100000000\r\n\r\n{{");
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    let streamed = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(3));
    for request in [announced, streamed] {
        let text = exchange(address, request).await.expect("closed");
        assert!(text.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{text}");
        assert!(text.contains("connection: close"), "{text}");
        assert!(text.contains(r#""error":"payload_too_large""#), "{text}");
    }
}
