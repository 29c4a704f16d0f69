//! Listening and serving until told to stop.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use salvo::Service;
use salvo::conn::tcp::TcpAcceptor;
use tokio::net::TcpListener;

/// How long requests under way may take when the server stops. A login is answered within four seconds.
const FAREWELL: Duration = Duration::from_secs(10);

/// An address the service already listens on; connections wait until it is served.
pub struct Server(TcpAcceptor, SocketAddr);

impl Server {
    /// Listens. Port 0 means any free one.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self(TcpAcceptor::try_from(listener)?, address))
    }

    /// The address, with the port that was found.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.1
    }

    /// Serves until `stop` is done, then lets requests under way finish, for ten seconds at most.
    pub async fn serve(self, service: Service, stop: impl Future<Output = ()>) -> io::Result<()> {
        let server = salvo::Server::new(self.0);
        let handle = server.handle();
        let serving = server.try_serve(service);
        let stopping = async {
            stop.await;
            handle.stop_graceful(FAREWELL);
        };
        tokio::pin!(serving, stopping);
        tokio::select! {
            ended = &mut serving => ended,
            () = stopping => serving.await,
        }
    }
}
