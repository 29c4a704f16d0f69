//! Accepts connections until told to stop, and then still those that clients take for accepted.

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

/// A listener that closes when `stop` is done.
///
/// The kernel completes connections by itself. Those that wait when the listener is closed are reset,
/// with whatever request is in them: salvo's own acceptor would leave them waiting until the server has
/// ended, and lose them then.
pub(crate) struct ClosingAcceptor<Stop> {
    open: Option<TcpListener>,
    stop: Pin<Box<Stop>>,
    /// Accepted when the listener was closed.
    last: VecDeque<(TcpStream, SocketAddr)>,
    closed: Option<oneshot::Sender<()>>,
    address: SocketAddr,
    fuse: FuseConfig,
}

type Connection = Accepted<TcpCoupler<StraightStream<TcpStream>>, StraightStream<TcpStream>>;

impl<Stop: Future<Output = ()> + Send> ClosingAcceptor<Stop> {
    /// Accepts from `listener` until `stop` is done; the receiver learns when no connection will come any
    /// more.
    pub(crate) fn new(
        listener: TcpListener,
        stop: Stop,
        fuse: FuseConfig,
    ) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (closed, told) = oneshot::channel();
        let address = listener.local_addr()?;
        let (stop, last) = (Box::pin(stop), VecDeque::new());
        let acceptor =
            Self { open: Some(listener), stop, last, closed: Some(closed), address, fuse };
        Ok((acceptor, told))
    }

    fn connection(&self, stream: TcpStream, remote: SocketAddr) -> Connection {
        let (fuse, control) = (Some(self.fuse), ConnCtrl::new());
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
            self.last = close(listener)?;
        }
        if let Some((stream, remote)) = self.last.pop_front() {
            return Ok(self.connection(stream, remote));
        }
        if let Some(closed) = self.closed.take() {
            // Whoever serves no more need not be told.
            let _ = closed.send(());
        }
        pending().await
    }
}

/// Closes a listener and answers with what the kernel had accepted for it.
///
/// Asked directly: the runtime may not have heard yet of a connection that is there.
fn close(listener: TcpListener) -> io::Result<VecDeque<(TcpStream, SocketAddr)>> {
    let (listener, mut accepted) = (listener.into_std()?, VecDeque::new());
    loop {
        match listener.accept() {
            Ok((stream, remote)) => {
                stream.set_nonblocking(true)?;
                accepted.push_back((TcpStream::from_std(stream)?, remote));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(accepted),
            // That one has gone again.
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
    async fn what_the_kernel_had_accepted_is_served_before_the_listener_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Nobody has accepted them, nor has the runtime had a chance to hear of them.
        let clients: Vec<Client> = (0..5).map(|_| Client::connect(address).unwrap()).collect();
        let stopped = std::future::ready(());
        let (mut acceptor, mut told) =
            ClosingAcceptor::new(listener, stopped, FuseConfig::default()).unwrap();
        let mut served = Vec::new();
        loop {
            tokio::select! {
                biased;
                connection = acceptor.accept(None) => served.push(connection.unwrap().remote_addr.into_std().unwrap()),
                _ = &mut told => break,
            }
        }
        let clients: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        assert_eq!(served, clients);
        let refused = Client::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}
