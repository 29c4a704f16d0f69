//! HTTP server with graceful shutdown.

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

/// Maximum time that requests have to complete when the server stops. A login takes at most 4 s.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Time between the closing of the listener and the graceful shutdown of connections.
///
/// The kernel may have accepted a connection whose first request is still on its way. hyper closes
/// connections without any received byte as soon as the graceful shutdown starts.
const LINGER: Duration = Duration::from_millis(500);

/// Maximum time for the head of a request to arrive, and maximum idle time of a connection between two
/// requests. Proxies should use a shorter keep-alive timeout.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Server that listens on an address. Connections wait until [`Server::serve`] is called.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    fuse: FuseConfig,
}

impl Server {
    /// Binds the address. Port 0 selects a free port.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let fuse = FuseConfig::default().with_http1_header_timeout(HEADER_TIMEOUT);
        Ok(Self { listener, address, fuse })
    }

    /// Replaces [`HEADER_TIMEOUT`].
    #[must_use]
    pub fn header_timeout(self, timeout: Duration) -> Self {
        Self { fuse: self.fuse.with_http1_header_timeout(timeout), ..self }
    }

    /// Returns the bound address, with the selected port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` completes.
    ///
    /// Then it accepts no new connections, serves requests on existing ones for another 0.5 s, and gives
    /// running requests up to 10 s to complete.
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
        let linger = async {
            // Cannot fail: the sender lives in the acceptor, which outlives this future.
            let _ = closed.await;
            sleep(LINGER).await;
        };
        tokio::select! {
            ended = &mut serving => ended,
            () = linger => {
                handle.stop_graceful(SHUTDOWN_TIMEOUT);
                serving.await
            }
        }
    }
}
