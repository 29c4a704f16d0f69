//! A bare HTTP server and the little that answers need.

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

pub(crate) type Answer = Response<Full<Bytes>>;

/// Serves until killed.
pub(crate) async fn serve<Handle, Handled>(listen: SocketAddr, handle: Handle) -> Result<()>
where
    Handle: Fn(Request<Incoming>) -> Handled + Clone + Send + 'static,
    Handled: Future<Output = Result<Answer>> + Send,
{
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let handle = handle.clone();
        let service = service_fn(move |request| {
            let handled = handle(request);
            async move { Ok::<_, Infallible>(handled.await.unwrap_or_else(|e| failed(&e))) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// All of a body.
pub(crate) async fn whole(body: Incoming) -> Result<Bytes> {
    Ok(body.collect().await?.to_bytes())
}

/// A good answer.
pub(crate) fn json(body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

/// An answer that the load will stop at.
pub(crate) fn refused(status: StatusCode, why: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(why.to_owned())));
    *answer.status_mut() = status;
    answer
}

fn failed(error: &anyhow::Error) -> Answer {
    refused(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}"))
}

/// The value of a parameter that needs no decoding.
pub(crate) fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))
}
