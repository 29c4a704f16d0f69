//! HTTP server on the loopback interface that sends exactly the bytes that a test specifies, including invalid
//! responses, and records the requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinHandle;

/// Reaction of the server to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Sends this body as WeChat does: 200, `text/plain`.
    Body(String),
    /// Writes these bytes and closes the connection.
    Raw(Vec<u8>),
    /// Writes these bytes and keeps the connection open until the test ends.
    Unfinished(Vec<u8>),
    /// Writes the first bytes, then the second ones every 20 ms.
    Drip(Vec<u8>, Vec<u8>),
    /// Sends the reply when the gate is open.
    Behind(Gate, Box<Reply>),
    /// Sends the reply when the barrier has been reached by enough requests.
    Together(Arc<Barrier>, Box<Reply>),
    /// Sends the reply after a delay.
    Late(Duration, Box<Reply>),
}

/// Reply with a body, sent as WeChat does.
#[expect(clippy::needless_pass_by_value, reason = "scripts read better without borrows")]
pub(crate) fn body(text: impl ToString) -> Reply {
    Reply::Body(text.to_string())
}

/// Gate that holds replies back until the test opens it.
#[derive(Clone)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn behind(&self, reply: Reply) -> Reply {
        Reply::Behind(self.clone(), Box::new(reply))
    }

    async fn passed(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

/// Request as received.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Request line and header lines.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    /// Second word of the request line.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap()
    }

    /// Decoded parameter of the query.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let url = Url::parse("http://host").unwrap().join(self.target()).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Body as JSON, or null.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Code to redeem, from the query or the body.
    pub(crate) fn code(&self) -> String {
        let in_body = || self.json()["code"].as_str().map(str::to_owned);
        self.param("js_code").or_else(in_body).unwrap_or_default()
    }
}

/// HTTP server, stopped on drop.
pub(crate) struct Upstream {
    address: SocketAddr,
    requests_rx: watch::Receiver<Vec<Request>>,
    connections: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Starts a server that replies with the result of `answer`.
    pub(crate) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests_tx, requests_rx) = watch::channel(Vec::new());
        let (count, connections) = watch::channel(0);
        let requests_tx = Arc::new(requests_tx);
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            // The connections end with this task.
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                let requests_tx = Arc::clone(&requests_tx);
                let answer = Arc::clone(&answer);
                open.spawn(async move { serve(stream, &requests_tx, &*answer).await });
            }
        });
        Self { address, requests_rx, connections, task }
    }

    /// Starts a server with the same reply to every request.
    pub(crate) async fn always(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |_| reply()).await
    }

    /// Starts a server with these replies in order. One more request fails the test.
    pub(crate) async fn script(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: Vec<Reply> = replies.into_iter().collect();
        replies.reverse();
        let replies = Mutex::new(replies);
        Self::start(move |_| replies.lock().unwrap().pop().expect("more requests than scripted"))
            .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Requests in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests_rx.borrow().clone()
    }

    /// Number of requests for a path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.requests_rx.borrow().iter().filter(|request| request.path() == path).count()
    }

    /// Number of connections.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.borrow()
    }

    /// Waits for this number of requests for a path.
    pub(crate) async fn reached(&self, path: &str, count: usize) {
        let has_arrived =
            |requests: &Vec<Request>| requests.iter().filter(|r| r.path() == path).count() >= count;
        let mut requests_rx = self.requests_rx.clone();
        let wait = requests_rx.wait_for(has_arrived);
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .expect("the expected request")
            .unwrap();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    requests_tx: &watch::Sender<Vec<Request>>,
    answer: &(impl Fn(&Request) -> Reply + Sync),
) {
    while let Some(request) = read(&mut stream).await {
        requests_tx.send_modify(|requests| requests.push(request.clone()));
        let mut reply = answer(&request);
        loop {
            reply = match reply {
                Reply::Behind(gate, then) => {
                    gate.passed().await;
                    *then
                }
                Reply::Together(barrier, then) => {
                    barrier.wait().await;
                    *then
                }
                Reply::Late(time, then) => {
                    tokio::time::sleep(time).await;
                    *then
                }
                Reply::Body(_) | Reply::Raw(_) | Reply::Unfinished(_) | Reply::Drip(..) => break,
            };
        }
        if !write(&mut stream, reply).await {
            return;
        }
    }
}

/// Reads one request. Returns `None` when the connection ends.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if bytes.starts_with(&[0x16]) {
            // The client starts a TLS handshake, which this server does not support.
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(Request { head: head.to_owned(), body: body.to_owned() });
        }
    }
}

/// Writes the reply. Returns true if the connection can be used for another request.
async fn write(stream: &mut TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::Body(body) => stream.write_all(&ok(&body)).await.is_ok(),
        Reply::Raw(bytes) => {
            // The client may close the connection before it has read everything.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            false
        }
        Reply::Unfinished(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending().await
        }
        Reply::Drip(first, then) => {
            let mut next = first;
            while stream.write_all(&next).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                next.clone_from(&then);
            }
            false
        }
        Reply::Behind(..) | Reply::Together(..) | Reply::Late(..) => {
            unreachable!("unwrapped by the caller")
        }
    }
}

/// Complete response as WeChat sends it.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
