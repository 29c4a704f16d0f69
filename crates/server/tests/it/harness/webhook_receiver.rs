//! Webhook receiver with a scripted sequence of responses.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Maximum time until all events are delivered after the receiver has recovered, on a busy machine. The
/// claim of a killed instance expires after a minute.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(90);

/// Response of the receiver to a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ResponseMode {
    /// Accepts the event.
    Accept,
    /// Responds with this status.
    Status(u16),
    /// Accepts the event and disconnects before the response.
    LoseResponse,
    /// Disconnects without accepting the event.
    Disconnect,
    /// Never responds.
    Hang,
    /// Redirects to another path.
    Redirect,
    /// Accepts the event and sends less than `Content-Length`. The program evaluates only the status.
    TruncateBody,
    /// Accepts the event after half a second.
    AcceptSlowly,
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
    is_accepted: bool,
}

impl Request {
    /// Id of the event.
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns the kind of the event and the member's id.
    pub(crate) fn event(&self) -> (String, String) {
        let message = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&message["type"]), text(&message["data"]["memberId"]))
    }

    /// Returns true if one of the signatures was made with this secret.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let secret = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        let timestamp = &self.headers["webhook-timestamp"];
        mac.update(format!("{}.{timestamp}.{}", self.id(), self.body).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
    }
}

/// A webhook receiver on this machine; stopped when dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Responses to the next requests, in reverse order. All later requests are accepted.
    modes: Vec<ResponseMode>,
    requests: Vec<Request>,
}

impl Receiver {
    pub(crate) async fn start(modes: &[ResponseMode]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let modes = modes.iter().rev().copied().collect();
        let state = Arc::new(Mutex::new(State { modes, ..State::default() }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks/canary-in-the-path?key=canary-in-the-query", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Returns the accepted events of each member in order, as id and kind. Immediate repetitions are left out.
    pub(crate) fn accepted(&self) -> HashMap<String, Vec<(String, String)>> {
        let mut accepted = HashMap::<_, Vec<(String, String)>>::new();
        for request in self.requests().iter().filter(|request| request.is_accepted) {
            let (kind, member) = request.event();
            let events = accepted.entry(member).or_default();
            if events.last().is_none_or(|(id, _)| id != request.id()) {
                events.push((request.id().to_owned(), kind));
            }
        }
        accepted
    }

    /// Returns the kinds of the accepted events of a member in order.
    pub(crate) fn kinds_of(&self, member: &str) -> Vec<String> {
        let events = self.accepted().remove(member).unwrap_or_default();
        events.into_iter().map(|(_, kind)| kind).collect()
    }

    /// Waits until the condition is true.
    pub(crate) async fn wait_until(&self, description: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !condition(self) {
            assert!(
                Instant::now() < deadline,
                "{description} not received: {:#?}",
                self.accepted()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let next_mode = || state.lock().unwrap().modes.pop().unwrap_or(ResponseMode::Accept);
    while let Some(request) = read(&mut stream).await {
        let mode = next_mode();
        let is_accepted = matches!(
            mode,
            ResponseMode::Accept
                | ResponseMode::AcceptSlowly
                | ResponseMode::LoseResponse
                | ResponseMode::TruncateBody
        );
        state.lock().unwrap().requests.push(Request { is_accepted, ..request });
        let response = match mode {
            ResponseMode::Accept => "204 No Content\r\n\r\n".to_owned(),
            ResponseMode::AcceptSlowly => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                "204 No Content\r\n\r\n".to_owned()
            }
            ResponseMode::Status(status) => {
                format!("{status} Scripted\r\ncontent-length: 0\r\n\r\n")
            }
            ResponseMode::Redirect => {
                "307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"
                    .to_owned()
            }
            ResponseMode::TruncateBody => "200 OK\r\ncontent-length: 9\r\n\r\n".to_owned(),
            ResponseMode::Hang => std::future::pending().await,
            ResponseMode::LoseResponse | ResponseMode::Disconnect => return,
        };
        let _ = stream.write_all(format!("HTTP/1.1 {response}").as_bytes()).await;
        if mode == ResponseMode::TruncateBody {
            return;
        }
    }
}

/// Reads one request, or `None` when the connection ended.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let headers: HashMap<String, String> = headers.collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Some(Request { path, headers, body: body.to_owned(), is_accepted: false });
        }
    }
}
