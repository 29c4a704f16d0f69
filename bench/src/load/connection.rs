//! A persistent HTTP connection.

use anyhow::{Result, ensure};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::http::read_body;

pub(super) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(super) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a request and returns the body of its response. Any status but 200 is an error, so that
    /// failures are not measured as responses.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        self.0.ready().await?;
        let (head, body) = self.0.send_request(request).await?.into_parts();
        let body = read_body(body).await?;
        let start = String::from_utf8_lossy(body.get(..body.len().min(300)).unwrap_or_default());
        ensure!(head.status == 200, "{}: {start}", head.status);
        Ok(body)
    }
}
