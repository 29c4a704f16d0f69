//! Webhook delivery: each event is a signed HTTP request as specified by <https://www.standardwebhooks.com>.

pub mod signature;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::event::DomainEvent;
use domain::model::timestamp::Timestamp;
use domain::ports::event_sink::{DELIVERY_TIMEOUT, DeliveryError, EventSink};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use time::UtcDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use crate::http_client::{client_builder, is_loopback};
use crate::webhook::signature::{WebhookSecret, signatures};

/// Maximum time for connecting, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Format of timestamps: RFC 3339 with milliseconds.
const TIMESTAMP_FORMAT: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// URL of a webhook receiver. `Debug` shows nothing, because the URL may contain a secret.
#[derive(Clone)]
pub struct WebhookUrl(Url);

/// Error of parsing a webhook URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookUrlError {
    /// The text is not an HTTP URL.
    #[error("must be a URL like https://crm.example.com/menshen")]
    NotAUrl,
    /// The URL contains a user, a password or a fragment.
    #[error(
        "must have neither user, password nor fragment: the signature authenticates the sender"
    )]
    ForbiddenPart,
    /// The connection would not be encrypted.
    #[error("must start with https:// in production, unless the host is this machine")]
    InsecureScheme,
}

impl WebhookUrl {
    /// Parses a configured URL. In production, events leave the machine encrypted only.
    pub fn parse(raw: &str, production: bool) -> Result<Self, WebhookUrlError> {
        // The parser's error is dropped: it gives little detail, and the text may contain a secret.
        let url = Url::parse(raw).ok().filter(Url::has_host).ok_or(WebhookUrlError::NotAUrl)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(WebhookUrlError::ForbiddenPart);
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if !production || is_loopback(&url) => Ok(Self(url)),
            "http" => Err(WebhookUrlError::InsecureScheme),
            _ => Err(WebhookUrlError::NotAUrl),
        }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl")
    }
}

/// Event sink that sends events to one webhook receiver.
pub struct Webhook {
    client: Client,
    url: WebhookUrl,
    secrets: Arc<[WebhookSecret]>,
}

/// Body of a webhook request.
#[derive(Serialize)]
struct Message {
    r#type: &'static str,
    timestamp: String,
    data: Data,
}

/// Ids of the members concerned by the event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    member_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_member_id: Option<String>,
}

/// Error of a receiver that responded without accepting the event.
#[derive(Debug, thiserror::Error)]
#[error("the receiver responded with HTTP status {}", .0.as_u16())]
struct UnexpectedStatus(StatusCode);

impl Webhook {
    /// Creates a client for a receiver without sending anything. Messages are signed with each of the secrets.
    ///
    /// # Errors
    /// TLS cannot be set up, usually because the package ca-certificates is missing.
    pub fn new(url: WebhookUrl, secrets: Arc<[WebhookSecret]>) -> Result<Self, reqwest::Error> {
        let client = client_builder(CONNECT_TIMEOUT, DELIVERY_TIMEOUT)
            .user_agent(concat!("menshen/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { client: client.map_err(reqwest::Error::without_url)?, url, secrets })
    }

    /// Checks that the receiver responds at all, with any status.
    pub async fn check_reachable(&self) -> Result<(), reqwest::Error> {
        let response = self.client.head(self.url.0.clone()).send().await;
        response.map(drop).map_err(reqwest::Error::without_url)
    }
}

#[async_trait]
impl EventSink for Webhook {
    async fn deliver(&self, event: &DomainEvent, now: Timestamp) -> Result<(), DeliveryError> {
        let id = event.id.to_string();
        let sent_at = now.unix_seconds().to_string();
        let body = serde_json::to_string(&message(event)?).map_err(DeliveryError::new)?;
        let signatures = signatures(&self.secrets, &id, &sent_at, &body);
        let request = self
            .client
            .post(self.url.0.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", sent_at)
            .header("webhook-signature", signatures)
            .body(body);
        let response = request.send().await;
        let status = response.map_err(|error| DeliveryError::new(error.without_url()))?.status();
        if !status.is_success() {
            return Err(DeliveryError::new(UnexpectedStatus(status)));
        }
        Ok(())
    }
}

fn message(event: &DomainEvent) -> Result<Message, DeliveryError> {
    let nanos = i128::from(event.at.unix_millis()) * 1_000_000;
    let at = UtcDateTime::from_unix_timestamp_nanos(nanos).map_err(DeliveryError::new)?;
    Ok(Message {
        r#type: event.kind.name(),
        timestamp: at.format(TIMESTAMP_FORMAT).map_err(DeliveryError::new)?,
        data: Data {
            member_id: event.member.0.to_string(),
            merged_member_id: event.merged_member.map(|other| other.0.to_string()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_requires_https_except_on_loopback() {
        for (url, development, production) in [
            ("https://crm.example/hooks?key=canary", None, None),
            ("http://127.0.0.1:8080", None, None),
            ("http://[::1]/", None, None),
            ("http://crm:8080/", None, Some(WebhookUrlError::InsecureScheme)),
            ("http://localhost.evil.example", None, Some(WebhookUrlError::InsecureScheme)),
        ] {
            assert_eq!(WebhookUrl::parse(url, false).err(), development, "{url}");
            assert_eq!(WebhookUrl::parse(url, true).err(), production, "{url}");
        }
    }

    #[test]
    fn webhook_url_has_no_credentials_or_fragment_and_is_not_shown() {
        for bad in ["", "crm.example", "ftp://crm.example", "file:///etc/passwd", "https://"] {
            assert_eq!(
                WebhookUrl::parse(bad, false).err(),
                Some(WebhookUrlError::NotAUrl),
                "{bad}"
            );
        }
        for bad in ["https://user@host", "https://:canary@host", "https://host/#canary"] {
            let error = WebhookUrl::parse(bad, false).unwrap_err();
            assert_eq!(error, WebhookUrlError::ForbiddenPart, "{bad}");
        }
        let url = WebhookUrl::parse("https://host/canary", true).unwrap();
        assert!(!format!("{url:?}").contains("canary"));
    }
}
