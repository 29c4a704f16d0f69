//! Listening and serving until told to stop.

pub(crate) mod acceptor;
pub mod drain;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use salvo::Service;
use salvo::fuse::FuseConfig;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::server::acceptor::ClosingAcceptor;

/// How long requests under way may take when the server stops. A login is answered within four seconds.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server stays after its listener has closed before it says farewell: hyper ends a connection
/// that has not yet brought a byte as soon as it is told to stop, though a request may be on its way, since
/// the kernel had accepted the connection.
const LINGER: Duration = Duration::from_millis(500);

/// How long the head of a request may take to arrive, and how long a connection may wait for the next
/// one. Proxies that keep connections should give them up sooner.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// An address the service already listens on; connections wait until it is served.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    fuse: FuseConfig,
}

impl Server {
    /// Listens. Port 0 means any free one.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let fuse = FuseConfig::default().with_http1_header_timeout(HEADER_TIMEOUT);
        Ok(Self { listener, address, fuse })
    }

    /// Gives heads of requests another time to arrive than [`HEADER_TIMEOUT`].
    #[must_use]
    pub fn header_timeout(self, timeout: Duration) -> Self {
        Self { fuse: self.fuse.with_http1_header_timeout(timeout), ..self }
    }

    /// The address, with the port that was found.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done, then accepts nothing new, serves for half a second what the connections of
    /// before bring, and lets requests under way finish, for ten seconds at most.
    pub async fn serve(
        self,
        service: Service,
        stop: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let (acceptor, closed) = ClosingAcceptor::new(self.listener, stop, self.fuse)?;
        let server = salvo::Server::new(acceptor);
        let handle = server.handle();
        let serving = server.try_serve(service);
        tokio::pin!(serving);
        let last_call = async {
            // Never without a word: the acceptor lives as long as it is served from.
            let _ = closed.await;
            sleep(LINGER).await;
        };
        tokio::select! {
            ended = &mut serving => ended,
            () = last_call => {
                handle.stop_graceful(SHUTDOWN_TIMEOUT);
                serving.await
            }
        }
    }
}
