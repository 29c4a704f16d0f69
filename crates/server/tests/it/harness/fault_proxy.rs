//! TCP proxy between the program and one of its servers, which injects faults into the connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// Fault of one connection. The server's side is closed in every case, so that the server rolls back and
/// releases its locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The program's side is closed.
    Cut,
    /// The program's side is reset.
    Reset,
    /// The program's side stays open and silent, as if the server's machine had vanished.
    Swallow,
}

/// Proxy with faults; it closes its connections when it is dropped.
pub(crate) struct FaultProxy {
    proxy: Arc<Proxy>,
    url: String,
    listening: JoinHandle<()>,
}

/// State that the connections share.
struct Proxy {
    settings: watch::Sender<Settings>,
    /// Number of accepted connections.
    accepted: AtomicU64,
    /// Number of messages that are still forwarded, and the fault of the connection of the next one.
    armed: Mutex<Option<(usize, Fault)>>,
}

#[derive(Clone)]
struct Settings {
    /// Address of the server for new connections.
    target: String,
    /// True if nothing is forwarded, and new connections are accepted but not connected to the server.
    is_frozen: bool,
    /// Delay of each message.
    delay: Duration,
    /// Fault of all connections with smaller numbers.
    severed: Option<(u64, Fault)>,
}

impl FaultProxy {
    /// Starts in front of the server of this URL.
    pub(crate) async fn start(server_url: &str) -> Self {
        let target = authority(server_url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let url = server_url.replacen(&target, &address, 1);
        let settings = Settings { target, is_frozen: false, delay: Duration::ZERO, severed: None };
        let proxy = Arc::new(Proxy {
            settings: watch::Sender::new(settings),
            accepted: AtomicU64::new(0),
            armed: Mutex::new(None),
        });
        let listening = tokio::spawn(accept(listener, Arc::clone(&proxy)));
        Self { proxy, url, listening }
    }

    /// Returns the URL of the server with the address of this proxy.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Connects new connections to the server of this URL.
    pub(crate) fn switch_to(&self, server_url: &str) {
        self.proxy
            .settings
            .send_modify(|settings| authority(server_url).clone_into(&mut settings.target));
    }

    /// Injects a fault into all current connections. New ones are served.
    pub(crate) fn sever(&self, fault: Fault) {
        let accepted = self.proxy.accepted.load(Ordering::SeqCst);
        self.proxy.settings.send_modify(|settings| settings.severed = Some((accepted, fault)));
    }

    /// Holds back all messages and all new connections until the thaw, which forwards them.
    pub(crate) fn freeze(&self) {
        self.proxy.settings.send_modify(|settings| settings.is_frozen = true);
    }

    /// Ends a freeze.
    pub(crate) fn thaw(&self) {
        self.proxy.settings.send_modify(|settings| settings.is_frozen = false);
    }

    /// Delays every message.
    pub(crate) fn delay(&self, delay: Duration) {
        self.proxy.settings.send_modify(|settings| settings.delay = delay);
    }

    /// Injects a fault instead of forwarding the message after the next `forwarded` ones. A message is sent in
    /// one piece by either side of any connection.
    pub(crate) fn fault_after(&self, forwarded: usize, fault: Fault) {
        *self.proxy.armed.lock().unwrap() = Some((forwarded, fault));
    }

    /// Removes the fault of [`fault_after`](Self::fault_after). Returns true if it was not injected yet.
    pub(crate) fn disarm(&self) -> bool {
        self.proxy.armed.lock().unwrap().take().is_some()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Proxy {
    /// Counts a message. Returns the fault if it is to be injected instead.
    fn count_message(&self) -> Option<Fault> {
        let mut armed = self.armed.lock().unwrap();
        let (forwarded, fault) = (*armed)?;
        *armed = forwarded.checked_sub(1).map(|forwarded| (forwarded, fault));
        armed.is_none().then_some(fault)
    }
}

/// Returns host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap()
}

async fn accept(listener: TcpListener, proxy: Arc<Proxy>) {
    // The connections are closed with the set when this task is aborted.
    let mut connections = JoinSet::new();
    loop {
        let (client, _): (TcpStream, SocketAddr) = listener.accept().await.unwrap();
        let number = proxy.accepted.fetch_add(1, Ordering::SeqCst);
        connections.spawn(serve(client, number, Arc::clone(&proxy)));
        while connections.try_join_next().is_some() {}
    }
}

/// Forwards the messages of one connection until it is closed or has a fault.
async fn serve(mut client: TcpStream, number: u64, proxy: Arc<Proxy>) {
    let mut settings = proxy.settings.subscribe();
    let has_fault = |settings: &Settings| settings.severed.is_some_and(|(end, _)| number < end);
    let fault = tokio::select! {
        settings = settings.wait_for(has_fault) => settings.unwrap().severed.unwrap().1,
        fault = exchange(&mut client, &proxy) => fault,
    };
    match fault {
        Fault::Cut => {}
        Fault::Reset => client.set_zero_linger().unwrap(),
        Fault::Swallow => {
            let mut buffer = [0; 1024];
            while client.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
        }
    }
}

async fn exchange(client: &mut TcpStream, proxy: &Proxy) -> Fault {
    let mut settings = proxy.settings.subscribe();
    let target = settings.wait_for(|settings| !settings.is_frozen).await.unwrap().target.clone();
    let Ok(mut server) = TcpStream::connect(target).await else { return Fault::Reset };
    server.set_nodelay(true).unwrap();
    client.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::select! {
        fault = forward(from_client, to_server, proxy) => fault,
        fault = forward(from_server, to_client, proxy) => fault,
    }
}

/// Forwards the messages of one direction. Returns the fault that ends the connection.
async fn forward(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, proxy: &Proxy) -> Fault {
    let mut settings = proxy.settings.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return Fault::Cut };
        let delay = settings.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        settings.wait_for(|settings| !settings.is_frozen).await.unwrap();
        if let Some(fault) = proxy.count_message() {
            return fault;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return Fault::Cut;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Instant;

    use tokio::time::timeout;

    use super::*;

    /// Server that responds to each message with its name and the message.
    async fn start_server(name: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("test://user@{}/database", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut buffer = [0; 64];
                    while let Ok(length @ 1..) = connection.read(&mut buffer).await {
                        let response = [name.as_bytes(), &buffer[..length]].concat();
                        connection.write_all(&response).await.unwrap();
                    }
                });
            }
        });
        url
    }

    async fn connect(proxy: &FaultProxy) -> TcpStream {
        TcpStream::connect(authority(proxy.url())).await.unwrap()
    }

    async fn send(connection: &mut TcpStream) -> std::io::Result<String> {
        connection.write_all(b"?").await?;
        let mut buffer = [0; 64];
        let length = connection.read(&mut buffer).await?;
        Ok(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// Returns true if the connection does not respond.
    async fn is_silent(connection: &mut TcpStream) -> bool {
        timeout(Duration::from_millis(100), send(connection)).await.is_err()
    }

    #[tokio::test]
    async fn severed_connections_have_the_fault_and_new_ones_are_served() {
        let proxy = FaultProxy::start(&start_server("a").await).await;
        for fault in [Fault::Cut, Fault::Reset, Fault::Swallow] {
            let mut old = connect(&proxy).await;
            assert_eq!(send(&mut old).await.unwrap(), "a?");
            proxy.sever(fault);
            match fault {
                Fault::Cut => assert_eq!(old.read(&mut [0]).await.unwrap(), 0),
                Fault::Reset => {
                    let error = old.read(&mut [0]).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                }
                Fault::Swallow => assert!(is_silent(&mut old).await),
            }
            assert_eq!(send(&mut connect(&proxy).await).await.unwrap(), "a?");
        }
    }

    #[tokio::test]
    async fn frozen_messages_and_connections_continue_after_the_thaw_at_the_new_server() {
        let proxy = FaultProxy::start(&start_server("a").await).await;
        let mut old = connect(&proxy).await;
        assert_eq!(send(&mut old).await.unwrap(), "a?");
        proxy.freeze();
        let mut new = connect(&proxy).await;
        assert!(is_silent(&mut old).await);
        assert!(is_silent(&mut new).await);
        proxy.switch_to(&start_server("b").await);
        proxy.thaw();
        let mut buffer = [0; 64];
        for (connection, expected) in [(&mut old, "a?"), (&mut new, "b?")] {
            let length = connection.read(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], *expected.as_bytes());
        }
    }

    #[tokio::test]
    async fn fault_is_injected_once_at_its_message() {
        let proxy = FaultProxy::start(&start_server("a").await).await;
        proxy.fault_after(3, Fault::Cut);
        let mut connection = connect(&proxy).await;
        assert_eq!(send(&mut connection).await.unwrap(), "a?");
        assert_eq!(send(&mut connection).await.unwrap(), "", "the fourth message is a response");
        assert!(!proxy.disarm());
        let mut connection = connect(&proxy).await;
        for _ in 0..5 {
            assert_eq!(send(&mut connection).await.unwrap(), "a?");
        }
    }

    #[tokio::test]
    async fn messages_are_delayed() {
        let proxy = FaultProxy::start(&start_server("a").await).await;
        proxy.delay(Duration::from_millis(50));
        let begun = Instant::now();
        assert_eq!(send(&mut connect(&proxy).await).await.unwrap(), "a?");
        assert!(begun.elapsed() >= Duration::from_millis(100));
    }
}
