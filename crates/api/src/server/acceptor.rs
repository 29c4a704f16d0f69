//! Acceptor that closes its listener without losing connections in the accept queue.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;

use salvo::conn::tcp::TcpCoupler;
use salvo::conn::{Accepted, Acceptor, ConnCtrl, Holding, StraightStream};
use salvo::fuse::{ArcFusePolicy, FuseConfig};
use salvo::http::uri::Scheme;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Acceptor that closes its listener when `stop` completes.
///
/// The kernel establishes connections before the program accepts them. When a listener is closed, the
/// connections in its queue are reset, together with their requests. Salvo's own acceptor leaves them in
/// the queue until the server ends; this one accepts them first.
pub(crate) struct ClosingAcceptor<Stop> {
    open: Option<TcpListener>,
    stop: Pin<Box<Stop>>,
    /// Connections that were in the queue when the listener was closed.
    queued: VecDeque<(TcpStream, SocketAddr)>,
    closed: Option<oneshot::Sender<()>>,
    address: SocketAddr,
    fuse: FuseConfig,
}

type Connection = Accepted<TcpCoupler<StraightStream<TcpStream>>, StraightStream<TcpStream>>;

impl<Stop: Future<Output = ()> + Send> ClosingAcceptor<Stop> {
    /// Creates an acceptor that accepts from `listener` until `stop` completes. The returned receiver is
    /// notified after the last connection.
    pub(crate) fn new(
        listener: TcpListener,
        stop: Stop,
        fuse: FuseConfig,
    ) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (closed_sender, closed_receiver) = oneshot::channel();
        let acceptor = Self {
            address: listener.local_addr()?,
            open: Some(listener),
            stop: Box::pin(stop),
            queued: VecDeque::new(),
            closed: Some(closed_sender),
            fuse,
        };
        Ok((acceptor, closed_receiver))
    }

    fn connection(&self, stream: TcpStream, remote: SocketAddr) -> Connection {
        let fuse = Some(self.fuse);
        let control = ConnCtrl::new();
        Accepted {
            coupler: TcpCoupler::new(),
            stream: StraightStream::new(stream, fuse, control.clone(), None),
            fuse_config: fuse,
            conn_ctrl: control,
            local_addr: self.address.into(),
            remote_addr: remote.into(),
            http_scheme: Scheme::HTTP,
        }
    }
}

impl<Stop: Future<Output = ()> + Send> Acceptor for ClosingAcceptor<Stop> {
    type Coupler = TcpCoupler<Self::Stream>;
    type Stream = StraightStream<TcpStream>;

    fn holdings(&self) -> &[Holding] {
        &[]
    }

    async fn accept(&mut self, _policy: Option<ArcFusePolicy>) -> io::Result<Connection> {
        if let Some(listener) = &self.open {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, remote) = accepted?;
                    return Ok(self.connection(stream, remote));
                }
                () = &mut self.stop => {}
            }
        }
        if let Some(listener) = self.open.take() {
            self.queued = close(listener)?;
        }
        if let Some((stream, remote)) = self.queued.pop_front() {
            return Ok(self.connection(stream, remote));
        }
        if let Some(closed) = self.closed.take() {
            // The receiver is gone if the server has already ended.
            let _ = closed.send(());
        }
        pending().await
    }
}

/// Closes a listener and returns the connections in its queue.
///
/// It accepts from the kernel directly, because the runtime may not have been notified of a connection.
fn close(listener: TcpListener) -> io::Result<VecDeque<(TcpStream, SocketAddr)>> {
    let listener = listener.into_std()?;
    let mut queued = VecDeque::new();
    loop {
        match listener.accept() {
            Ok((stream, remote)) => {
                stream.set_nonblocking(true)?;
                queued.push_back((TcpStream::from_std(stream)?, remote));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(queued),
            // The client has disconnected.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as Client;

    use super::*;

    #[tokio::test]
    async fn connections_in_the_accept_queue_are_served_before_the_listener_closes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // They are in the queue of the kernel; the runtime has not been notified of them.
        let clients: Vec<Client> = (0..5).map(|_| Client::connect(address).unwrap()).collect();
        let stopped = std::future::ready(());
        let (mut acceptor, mut closed) =
            ClosingAcceptor::new(listener, stopped, FuseConfig::default()).unwrap();
        let mut served = Vec::new();
        loop {
            tokio::select! {
                biased;
                connection = acceptor.accept(None) => served.push(connection.unwrap().remote_addr.into_std().unwrap()),
                _ = &mut closed => break,
            }
        }
        let clients: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        assert_eq!(served, clients);
        let refused = Client::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}
