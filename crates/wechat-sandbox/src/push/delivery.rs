//! The HTTP call of a push, to this machine and nowhere else.

use std::net::IpAddr;
use std::time::Duration;

use salvo::http::uri::Uri;
use ureq::Agent;

use crate::control::Refused;
use crate::push::Attempt;

/// The server that receives pushes.
pub(super) struct Receiver {
    url: String,
    agent: Agent,
}

/// A call: a query, and for a POST a content type and body.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) query: String,
    pub(super) body: Option<(String, String)>,
}

impl Receiver {
    /// A test tool that posts to any address it is told would be a gift to strangers, so only
    /// loopback addresses are taken.
    pub(super) fn parse(url: &str, deadline: Duration) -> Result<Self, Refused> {
        let uri: Uri = url.parse().map_err(|error| Refused::new(format!("url: {error}")))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let loopback = host.parse::<IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
        if uri.scheme_str() != Some("http") || !loopback {
            return Err(Refused::new("url must be http:// and of this machine, like 127.0.0.1"));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(deadline))
            .user_agent("Mozilla/4.0")
            .build();
        Ok(Self { url: url.to_owned(), agent: config.new_agent() })
    }

    pub(super) async fn deliver(&self, request: Request) -> Attempt {
        let joint = if self.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{joint}{}", self.url, request.query);
        let agent = self.agent.clone();
        let call = move || -> Result<(u16, String), ureq::Error> {
            let answer = match request.body {
                Some((content_type, body)) => agent.post(url).content_type(content_type).send(body),
                None => agent.get(url).call(),
            };
            let mut answer = answer?;
            let body = answer.body_mut().read_to_string()?;
            Ok((answer.status().as_u16(), body))
        };
        match tokio::task::spawn_blocking(call).await {
            Ok(Ok((status, answer))) => {
                Attempt { status: Some(status), answer: Some(answer), error: None }
            }
            Ok(Err(error)) => failed(&error),
            Err(error) => failed(&error),
        }
    }
}

fn failed(error: &dyn std::error::Error) -> Attempt {
    Attempt { status: None, answer: None, error: Some(error.to_string()) }
}
