//! OTLP collector: stores the exported traces byte for byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// An OTLP collector that listens until the test ends.
pub(crate) struct OtlpCollector {
    url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl OtlpCollector {
    /// Starts a collector that accepts every export.
    pub(crate) fn start() -> Self {
        Self::start_with_response(Some(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ))
    }

    /// Starts a collector that accepts connections and never responds.
    pub(crate) fn start_unresponsive() -> Self {
        Self::start_with_response(None)
    }

    fn start_with_response(response: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&bodies);
        thread::spawn(move || {
            let mut open_connections = Vec::new();
            for mut connection in listener.incoming().map_while(Result::ok) {
                match response {
                    None => open_connections.push(connection),
                    Some(response) => {
                        let body = read_body(&connection);
                        received.lock().unwrap().extend(body);
                        // The client may have disconnected, so a failed write is ignored.
                        let _ = connection.write_all(response.as_bytes());
                    }
                }
            }
        });
        Self { url, bodies }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns all received bodies.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bodies.lock().unwrap().concat()
    }

    /// Returns all received spans.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies.lock().unwrap();
        let exports =
            bodies.iter().map(|body| ExportTraceServiceRequest::decode(&body[..]).unwrap());
        let resources = exports.flat_map(|export| export.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

/// Reads the body of the single request of a connection, or `None` if it is incomplete.
fn read_body(connection: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", number)) => length = number.parse().ok()?,
            None if line.trim_end().is_empty() => break,
            Some(_) | None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
