//! A webhook of the running server, and what is made of it to be refused.

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

/// The bytes of the secret that the server is told.
const SECRET: [u8; 32] = *b"a secret of the documented tests";

/// Prints the signature of the second argument under the first.
const SIGN: &str = "import base64 as b, hashlib, hmac, sys
mac = hmac.new(b.b64decode(sys.argv[1]), sys.argv[2].encode(), hashlib.sha256)
print('v1,' + b.b64encode(mac.digest()).decode())";

/// How long the server may take to tell of a login.
const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver of webhooks that takes the first message.
pub(super) struct Receiver {
    url: String,
    message: Channel<Message>,
}

/// A message as it is checked.
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
            let taken = listener.accept().ok().and_then(|(stream, _)| take(stream));
            taken.map(|message| sender.send(message))
        });
        Ok(Self { url, message })
    }

    /// What the server is told of it.
    pub(super) fn settings(&self) -> [(&'static str, String); 2] {
        let secret = secret(&SECRET);
        [
            ("MENSHEN_WEBHOOKS__DOCS__URL", self.url.clone()),
            ("MENSHEN_WEBHOOKS__DOCS__SECRET", secret),
        ]
    }

    /// The message that came.
    pub(super) fn message(&self) -> Result<Message> {
        self.message.recv_timeout(PATIENCE).context("no webhook came")
    }
}

/// The good message first: that it is accepted shows that the others are not refused for want of a
/// package or a secret.
pub(super) fn cases(sh: &Shell, good: &Message, member: &str) -> Result<[Case; 9]> {
    let printed = format!("member.registered {member}");
    let case = |what, message: Message, secret_bytes: &[u8], is_good: bool| Case {
        what,
        arguments: vec![message.id, message.timestamp, message.signatures],
        input: message.body,
        settings: vec![("MENSHEN_WEBHOOK_SECRET", secret(secret_bytes))],
        printed: is_good.then(|| printed.clone()),
    };
    let message = || good.clone();
    let signed_as = |signatures: String| Message { signatures, ..message() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let sent_at = |seconds: u64| {
        let message = Message { timestamp: seconds.to_string(), ..message() };
        anyhow::Ok(Message { signatures: message.sign(sh, &SECRET)?, ..message })
    };
    let changed = Message { body: good.body.replace("registered", "erased"), ..message() };
    let two = format!("v1,{} {}", STANDARD.encode([7; 32]), good.signatures);
    let others = good.sign(sh, &[7; 32])?;
    ensure!(good.sign(sh, &SECRET)? == good.signatures, "{good:?}: Python signs it otherwise");
    Ok([
        case("a good message", message(), &SECRET, true),
        case("the second of two signatures is ours", signed_as(two), &SECRET, true),
        case("one word of the body changed", changed, &SECRET, false),
        case("another id", Message { id: "other".to_owned(), ..message() }, &SECRET, false),
        case("sent ten minutes ago", sent_at(now - 600)?, &SECRET, false),
        case("sent in ten minutes", sent_at(now + 600)?, &SECRET, false),
        case("no signature", signed_as(String::new()), &SECRET, false),
        case("signed with another secret", signed_as(others), &SECRET, false),
        case("checked with another secret", message(), &[7; 32], false),
    ])
}

impl Message {
    /// The signature that Python makes.
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

/// Reads a request, and says that it was taken; nothing when it breaks off.
fn take(mut stream: TcpStream) -> Option<Message> {
    let (mut text, mut chunk) = (String::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        text.push_str(str::from_utf8(chunk.get(..read)?).ok()?);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let found = head.lines().filter_map(|line| line.split_once(": "));
            let mut found = found.filter(|(found, _)| found.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.to_owned())
        };
        if body.len() >= header("content-length")?.parse().ok()? {
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
            let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
            let (signatures, body) = (header("webhook-signature")?, body.to_owned());
            return Some(Message { id, timestamp, signatures, body });
        }
    }
}
