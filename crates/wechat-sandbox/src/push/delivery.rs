//! Delivery of pushes over HTTP, to loopback addresses only.

use std::net::IpAddr;
use std::time::Duration;

use salvo::http::uri::Uri;
use ureq::Agent;

use crate::error::ControlError;
use crate::push::report::Attempt;

/// Server that receives pushes.
pub(super) struct Receiver {
    url: String,
    agent: Agent,
}

/// HTTP call of a push: a query, and for a POST a content type and body.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) query: String,
    pub(super) body: Option<(String, String)>,
}

impl Receiver {
    /// Parses the URL of a receiver. Only loopback addresses are accepted: a test tool that posts
    /// to any address could be abused.
    pub(super) fn parse(url: &str, timeout: Duration) -> Result<Self, ControlError> {
        let uri: Uri = url.parse().map_err(|error| ControlError::new(format!("url: {error}")))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let loopback = host.parse::<IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
        if uri.scheme_str() != Some("http") || !loopback {
            return Err(ControlError::new(
                "url must be http:// with a loopback address, for example 127.0.0.1",
            ));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(timeout))
            .user_agent("Mozilla/4.0")
            .build();
        Ok(Self { url: url.to_owned(), agent: config.new_agent() })
    }

    pub(super) async fn deliver(&self, delivery: Delivery) -> Attempt {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{separator}{}", self.url, delivery.query);
        let agent = self.agent.clone();
        let call = move || -> Result<(u16, String), ureq::Error> {
            let answer = match delivery.body {
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
