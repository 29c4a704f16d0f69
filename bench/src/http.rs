//! Minimal HTTP server, and helpers for its responses.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::Result;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Response with a complete body.
pub(crate) type Reply = Response<Full<Bytes>>;

/// Serves requests until the process is killed.
pub(crate) async fn serve<Handler, Response>(listen: SocketAddr, handler: Handler) -> Result<()>
where
    Handler: Fn(Request<Incoming>) -> Response + Clone + Send + 'static,
    Response: Future<Output = Result<Reply>> + Send,
{
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let handler = handler.clone();
        let service = service_fn(move |request| {
            let reply = handler(request);
            async move { Ok::<_, Infallible>(reply.await.unwrap_or_else(|e| internal_error(&e))) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Reads a complete body.
pub(crate) async fn read_body(body: Incoming) -> Result<Bytes> {
    Ok(body.collect().await?.to_bytes())
}

/// Returns a successful response in JSON.
pub(crate) fn json(body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    let json = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(CONTENT_TYPE, json);
    reply
}

/// Returns a failure. The load generator stops when it receives one.
pub(crate) fn failure(status: StatusCode, message: &str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(message.to_owned())));
    *reply.status_mut() = status;
    reply
}

fn internal_error(error: &anyhow::Error) -> Reply {
    failure(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}"))
}

/// Returns the value of a query or form parameter, without decoding.
pub(crate) fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))
}
