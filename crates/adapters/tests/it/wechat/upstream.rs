//! A server on the loopback interface that answers byte by byte what a test wants, also what WeChat and
//! its sandbox never would, and keeps a ledger of what reached it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinHandle;

/// What the server does once it has read a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answers this body the way WeChat does: 200, `text/plain`.
    Body(String),
    /// Writes these bytes as they are, and closes.
    Raw(Vec<u8>),
    /// Writes these bytes and closes the connection only with the test.
    Unfinished(Vec<u8>),
    /// Writes the first bytes, then the second ones again and again, every 20 ms.
    Drip(Vec<u8>, Vec<u8>),
    /// Answers so when the gate is open.
    Behind(Gate, Box<Reply>),
    /// Answers so when as many requests have come as the barrier wants.
    Together(Arc<Barrier>, Box<Reply>),
    /// Answers so after a time.
    Late(Duration, Box<Reply>),
}

/// A body as WeChat would send it.
#[expect(clippy::needless_pass_by_value, reason = "scripts read better without borrows")]
pub(crate) fn body(text: impl ToString) -> Reply {
    Reply::Body(text.to_string())
}

/// A door that answers wait at, until the test opens it.
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

/// A request, as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The request line and the header lines.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    /// The second word of the request line.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap()
    }

    /// A parameter of the query, decoded.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let url = Url::parse("http://host").unwrap().join(self.target()).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The body as JSON, or null.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The code that is to be redeemed, wherever it stands.
    pub(crate) fn code(&self) -> String {
        let in_body = || self.json()["code"].as_str().map(str::to_owned);
        self.param("js_code").or_else(in_body).unwrap_or_default()
    }
}

/// The server; it ends when dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    ledger: watch::Receiver<Vec<Request>>,
    connections: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Starts a server whose answers `answer` chooses.
    pub(crate) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (note, ledger) = watch::channel(Vec::new());
        let (count, connections) = watch::channel(0);
        let (note, answer) = (Arc::new(note), Arc::new(answer));
        let task = tokio::spawn(async move {
            // Connections end with this task.
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                let (note, answer) = (Arc::clone(&note), Arc::clone(&answer));
                open.spawn(async move { serve(stream, &note, &*answer).await });
            }
        });
        Self { address, ledger, connections, task }
    }

    /// A server that answers the same to every request.
    pub(crate) async fn always(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |_| reply()).await
    }

    /// A server that answers in this order, and then no more.
    pub(crate) async fn script(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: Vec<Reply> = replies.into_iter().collect();
        replies.reverse();
        let replies = Mutex::new(replies);
        Self::start(move |_| replies.lock().unwrap().pop().expect("a call more than scripted"))
            .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests that came, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.ledger.borrow().clone()
    }

    /// How many requests came for a path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.ledger.borrow().iter().filter(|request| request.path() == path).count()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.borrow()
    }

    /// Waits until so many requests have come for a path.
    pub(crate) async fn reached(&self, path: &str, count: usize) {
        let come =
            |ledger: &Vec<Request>| ledger.iter().filter(|r| r.path() == path).count() >= count;
        let mut ledger = self.ledger.clone();
        let wait = ledger.wait_for(come);
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the call came").unwrap();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    ledger: &watch::Sender<Vec<Request>>,
    answer: &(impl Fn(&Request) -> Reply + Sync),
) {
    while let Some(request) = read(&mut stream).await {
        ledger.send_modify(|ledger| ledger.push(request.clone()));
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

/// Reads one request; none when the connection ended.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if bytes.starts_with(&[0x16]) {
            // A TLS handshake: not spoken here.
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

/// Writes the reply; says whether the connection serves on.
async fn write(stream: &mut TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::Body(body) => stream.write_all(&ok(&body)).await.is_ok(),
        Reply::Raw(bytes) => {
            // A client that has heard enough is not this server's trouble.
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
        Reply::Behind(..) | Reply::Together(..) | Reply::Late(..) => unreachable!("waited for"),
    }
}

/// A whole answer as WeChat sends it.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
