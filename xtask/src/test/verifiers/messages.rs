//! A webhook of the running server, and manipulated copies of it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver as Channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xshell::{Shell, cmd};

use super::Case;
use crate::{cargo, toolchains};

/// Bytes of the secret that is configured for the server.
const SECRET: [u8; 32] = *b"a secret of the documented tests";

/// Python program that prints the signature of its second argument with the key in its first.
const SIGN: &str = "import base64 as b, hashlib, hmac, sys
mac = hmac.new(b.b64decode(sys.argv[1]), sys.argv[2].encode(), hashlib.sha256)
print('v1,' + b.b64encode(mac.digest()).decode())";

/// Maximum time until the webhook of a login arrives.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// A webhook endpoint that receives one message.
pub(super) struct Receiver {
    url: String,
    message: Channel<Message>,
}

/// A message with its headers.
#[derive(Clone, Debug)]
pub(super) struct Message {
    id: String,
    timestamp: String,
    signatures: String,
    body: String,
}

impl Receiver {
    pub(super) fn listen() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/hooks", listener.local_addr()?);
        let (sender, message) = mpsc::channel();
        thread::spawn(move || {
            let received = listener.accept().ok().and_then(|(stream, _)| receive(stream));
            received.map(|message| sender.send(message))
        });
        Ok(Self { url, message })
    }

    /// Returns the server's settings for this endpoint.
    pub(super) fn settings(&self) -> [(&'static str, String); 2] {
        let secret = secret(&SECRET);
        [
            ("MENSHEN_WEBHOOKS__DOCS__URL", self.url.clone()),
            ("MENSHEN_WEBHOOKS__DOCS__SECRET", secret),
        ]
    }

    /// Waits for the message.
    pub(super) fn message(&self) -> Result<Message> {
        self.message.recv_timeout(MESSAGE_TIMEOUT).context("no webhook arrived")
    }
}

/// Returns the cases. The valid message is the first one: if it is accepted, a missing package or
/// secret is not the reason why the others are rejected.
pub(super) fn cases(sh: &Shell, valid: &Message, member: &str) -> Result<[Case; 9]> {
    let expected = format!("member.registered {member}");
    let case = |name, message: Message, secret_bytes: &[u8], is_valid: bool| Case {
        name,
        arguments: vec![message.id, message.timestamp, message.signatures],
        input: message.body,
        settings: vec![("MENSHEN_WEBHOOK_SECRET", secret(secret_bytes))],
        expected: is_valid.then(|| expected.clone()),
    };
    let message = || valid.clone();
    let signed_as = |signatures: String| Message { signatures, ..message() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let sent_at = |seconds: u64| {
        let message = Message { timestamp: seconds.to_string(), ..message() };
        anyhow::Ok(Message { signatures: message.sign(sh, &SECRET)?, ..message })
    };
    let changed = Message { body: valid.body.replace("registered", "erased"), ..message() };
    let two = format!("v1,{} {}", STANDARD.encode([7; 32]), valid.signatures);
    let other_signature = valid.sign(sh, &[7; 32])?;
    let signature = valid.sign(sh, &SECRET)?;
    ensure!(signature == valid.signatures, "{valid:?}: Python computes the signature {signature}");
    Ok([
        case("valid message", message(), &SECRET, true),
        case("two signatures, the second one valid", signed_as(two), &SECRET, true),
        case("body changed", changed, &SECRET, false),
        case("id changed", Message { id: "other".to_owned(), ..message() }, &SECRET, false),
        case("sent ten minutes ago", sent_at(now - 600)?, &SECRET, false),
        case("sent in ten minutes", sent_at(now + 600)?, &SECRET, false),
        case("no signature", signed_as(String::new()), &SECRET, false),
        case("signed with another secret", signed_as(other_signature), &SECRET, false),
        case("verified with another secret", message(), &[7; 32], false),
    ])
}

impl Message {
    /// Computes the signature with Python.
    fn sign(&self, sh: &Shell, secret: &[u8]) -> Result<String> {
        let python = toolchains::python(sh, &cargo::scratch("verifiers")?.join("signer"), &[])?;
        let signed = format!("{}.{}.{}", self.id, self.timestamp, self.body);
        let run = cmd!(sh, "{python} -c {SIGN}").arg(STANDARD.encode(secret)).arg(signed);
        Ok(run.quiet().read()?)
    }
}

fn secret(bytes: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(bytes))
}

/// Reads a request and responds with status 204; `None` if the connection is closed early.
fn receive(mut stream: TcpStream) -> Option<Message> {
    let mut text = String::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        text.push_str(str::from_utf8(chunk.get(..read)?).ok()?);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let mut headers = head.lines().filter_map(|line| line.split_once(": "));
            let found = headers.find(|(header, _)| header.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_owned())
        };
        if body.len() >= header("content-length")?.parse().ok()? {
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
            return Some(Message {
                id: header("webhook-id")?,
                timestamp: header("webhook-timestamp")?,
                signatures: header("webhook-signature")?,
                body: body.to_owned(),
            });
        }
    }
}
