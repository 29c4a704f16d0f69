//! One connection that is kept.

use anyhow::{Result, ensure};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::http::whole;

pub(super) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(super) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// What is answered with 200; all else is an error, so that no failure counts as an answer.
    pub(super) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        self.0.ready().await?;
        let (head, body) = self.0.send_request(request).await?.into_parts();
        let body = whole(body).await?;
        let said = String::from_utf8_lossy(body.get(..body.len().min(300)).unwrap_or_default());
        ensure!(head.status == 200, "{}: {said}", head.status);
        Ok(body)
    }
}
