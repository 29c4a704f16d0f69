//! Receivers of webhooks: each event is a signed request, as <https://www.standardwebhooks.com> has it.

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

use crate::http_client::{client, is_loopback};
use crate::webhook::signature::{WebhookSecret, signatures};

/// How long connecting may take, TLS included.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// RFC 3339 to the millisecond.
const TIME: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Where a receiver listens. It may hold what only the receiver should know, so that `Debug` tells none
/// of it.
#[derive(Clone)]
pub struct WebhookUrl(Url);

/// The text does not say where a receiver listens.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookUrlError {
    /// It is no URL.
    #[error("must be a URL like https://crm.example.com/menshen")]
    NotAUrl,
    /// It holds a user or a fragment.
    #[error("must have neither user, password nor fragment: the signature says who calls")]
    TooMuch,
    /// Others could read what is sent there.
    #[error("must start with https:// in production, unless the host is this machine's own")]
    NotSecret,
}

impl WebhookUrl {
    /// Takes a URL as configured. In production what is sent leaves the machine encrypted only.
    pub fn parse(raw: &str, production: bool) -> Result<Self, WebhookUrlError> {
        // The parser's error says little, and the text may hold a secret.
        let url = Url::parse(raw).ok().filter(Url::has_host).ok_or(WebhookUrlError::NotAUrl)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(WebhookUrlError::TooMuch);
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if !production || is_loopback(&url) => Ok(Self(url)),
            "http" => Err(WebhookUrlError::NotSecret),
            _ => Err(WebhookUrlError::NotAUrl),
        }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl")
    }
}

/// One receiver.
pub struct Webhook {
    client: Client,
    url: WebhookUrl,
    secrets: Arc<[WebhookSecret]>,
}

/// An event as it is sent.
#[derive(Serialize)]
struct Message {
    r#type: &'static str,
    timestamp: String,
    data: Data,
}

/// Whom it is about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    member_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_member_id: Option<String>,
}

/// The receiver answered, but not that it took the event.
#[derive(Debug, thiserror::Error)]
#[error("answered with HTTP status {}", .0.as_u16())]
struct Declined(StatusCode);

impl Webhook {
    /// Prepares the way to a receiver; nothing is sent yet. Messages are signed with each of the secrets.
    ///
    /// # Errors
    /// When TLS cannot be set up, mostly for want of the package ca-certificates.
    pub fn new(url: WebhookUrl, secrets: Arc<[WebhookSecret]>) -> Result<Self, reqwest::Error> {
        let client = client(CONNECT_MAX, DELIVERY_TIMEOUT);
        let client = client.user_agent(concat!("menshen/", env!("CARGO_PKG_VERSION"))).build();
        Ok(Self { client: client.map_err(reqwest::Error::without_url)?, url, secrets })
    }

    /// Whether somebody answers there at all, whatever they say.
    pub async fn reach(&self) -> Result<(), reqwest::Error> {
        let answer = self.client.head(self.url.0.clone()).send().await;
        answer.map(drop).map_err(reqwest::Error::without_url)
    }
}

#[async_trait]
impl EventSink for Webhook {
    async fn deliver(&self, event: &DomainEvent, now: Timestamp) -> Result<(), DeliveryError> {
        let (id, sent_at) = (event.id.to_string(), now.unix_seconds().to_string());
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
        let answer = request.send().await;
        let status = answer.map_err(|error| DeliveryError::new(error.without_url()))?.status();
        if status.is_success() { Ok(()) } else { Err(DeliveryError::new(Declined(status))) }
    }
}

fn message(event: &DomainEvent) -> Result<Message, DeliveryError> {
    let nanos = i128::from(event.at.unix_millis()) * 1_000_000;
    let at = UtcDateTime::from_unix_timestamp_nanos(nanos).map_err(DeliveryError::new)?;
    Ok(Message {
        r#type: event.kind.name(),
        timestamp: at.format(TIME).map_err(DeliveryError::new)?,
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
    fn in_production_events_leave_the_machine_encrypted_only() {
        for (url, development, production) in [
            ("https://crm.example/hooks?key=canary", None, None),
            ("http://127.0.0.1:8080", None, None),
            ("http://[::1]/", None, None),
            ("http://crm:8080/", None, Some(WebhookUrlError::NotSecret)),
            ("http://localhost.evil.example", None, Some(WebhookUrlError::NotSecret)),
        ] {
            assert_eq!(WebhookUrl::parse(url, false).err(), development, "{url}");
            assert_eq!(WebhookUrl::parse(url, true).err(), production, "{url}");
        }
    }

    #[test]
    fn a_url_says_where_the_receiver_is_and_does_not_show() {
        for bad in ["", "crm.example", "ftp://crm.example", "file:///etc/passwd", "https://"] {
            assert_eq!(
                WebhookUrl::parse(bad, false).err(),
                Some(WebhookUrlError::NotAUrl),
                "{bad}"
            );
        }
        for bad in ["https://user@host", "https://:canary@host", "https://host/#canary"] {
            let error = WebhookUrl::parse(bad, false).unwrap_err();
            assert_eq!(error, WebhookUrlError::TooMuch, "{bad}");
        }
        let url = WebhookUrl::parse("https://host/canary", true).unwrap();
        assert!(!format!("{url:?}").contains("canary"));
    }
}
