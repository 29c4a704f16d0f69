//! Logging to standard output, one line for each event.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Config;
use crate::telemetry::traces::Traces;

/// Installs the configured subscriber, with the export of traces if there is one. Events before this
/// call are lost.
pub fn init(config: &Config, traces: Option<&Traces>) {
    tracing_subscriber::registry().with(traces.map(Traces::layer)).with(lines(config)).init();
}

/// Returns the layer that writes the lines. Of all spans only the request appears in them: its id
/// identifies everything that happens within it.
fn lines<S>(config: &Config) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let events_and_requests =
        filter_fn(|metadata| metadata.is_event() || metadata.name() == "request");
    let filter = EnvFilter::new(&config.log_filter).and(events_and_requests);
    // Colours only for terminals, not for files.
    let lines = tracing_subscriber::fmt::layer().with_ansi(io::stdout().is_terminal());
    if config.log_json {
        lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
    } else {
        lines.with_filter(filter).boxed()
    }
}
