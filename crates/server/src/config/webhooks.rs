//! Webhook receivers: one table `[webhooks.<name>]` each.

use std::sync::Arc;
use std::time::Duration;

use adapters::webhook::WebhookUrl;
use adapters::webhook::signature::WebhookSecret;
use domain::model::event::EventKind;
use domain::model::event::delivery::ReceiverName;
use secrecy::ExposeSecret;

use super::reader::Reader;

/// Default of `max_age` in seconds: five days.
const DEFAULT_MAX_AGE_SECONDS: u32 = 432_000;

/// A webhook receiver.
#[derive(Debug)]
pub struct WebhookConfig {
    /// Name in this service.
    pub name: ReceiverName,
    /// Address of the receiver.
    pub url: WebhookUrl,
    /// Secrets that sign the messages: the current one, then the former one.
    pub secrets: Arc<[WebhookSecret]>,
    /// Kinds of events that are delivered.
    pub events: Vec<EventKind>,
    /// Age of an event after which delivery is abandoned.
    pub max_age: Duration,
}

/// Reads all receivers.
pub(super) fn webhooks(reader: &Reader<'_>, production: bool) -> Vec<WebhookConfig> {
    let names = reader.names("webhooks").into_iter();
    names.filter_map(|name| webhook(reader, &name, production)).collect()
}

fn webhook(reader: &Reader<'_>, name: &str, production: bool) -> Option<WebhookConfig> {
    let key = |field: &str| format!("webhooks.{name}.{field}");
    let url = reader.required_secret(&key("url"), "the address of the receiver");
    let url = url.and_then(|url| {
        reader.checked(&key("url"), WebhookUrl::parse(url.expose_secret(), production))
    });
    let made = "make one with `echo whsec_$(openssl rand -base64 32)`";
    let secret = reader.required_secret(&key("secret"), made);
    let former = reader.secret(&key("former_secret"));
    let secrets = [("secret", secret), ("former_secret", former)].into_iter();
    let secrets = secrets.filter_map(|(field, secret)| {
        reader.checked(&key(field), WebhookSecret::parse(secret?.expose_secret()))
    });
    let secrets = secrets.collect();
    let max_age = reader.whole_or(&key("max_age"), DEFAULT_MAX_AGE_SECONDS, 3_600..=2_592_000);
    Some(WebhookConfig {
        secrets,
        events: events(reader, &key("events")),
        max_age: Duration::from_secs(max_age.into()),
        name: reader.checked(&format!("webhooks.{name}"), ReceiverName::parse(name))?,
        url: url?,
    })
}

/// Reads a list of event kinds; all kinds if it is empty.
fn events(reader: &Reader<'_>, key: &str) -> Vec<EventKind> {
    let names = reader.list(key);
    if names.is_empty() {
        return EventKind::ALL.to_vec();
    }
    let kinds = names.iter().map(|name| EventKind::from_name(name)).collect::<Option<_>>();
    kinds.unwrap_or_else(|| {
        let known = EventKind::NAMES.join(", ");
        reader.reject(key, format!("must be of these: {known}"));
        vec![]
    })
}
