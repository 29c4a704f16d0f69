//! Where log events go: to standard output, one line each.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Config;
use crate::telemetry::traces::Traces;

/// Installs the subscriber the configuration asks for, with the traces that leave where there are any;
/// events before this call are lost.
pub fn init(config: &Config, traces: Option<&Traces>) {
    tracing_subscriber::registry().with(traces.map(Traces::layer)).with(lines(config)).init();
}

/// Writes the lines. Of all spans only the request has a place in them: whatever else happens inside of
/// it is logged with its id.
fn lines<S>(config: &Config) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let told = filter_fn(|metadata| metadata.is_event() || metadata.name() == "request");
    let filter = EnvFilter::new(&config.log_filter).and(told);
    // Colours are for eyes, not for files.
    let lines = tracing_subscriber::fmt::layer().with_ansi(io::stdout().is_terminal());
    if config.log_json {
        lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
    } else {
        lines.with_filter(filter).boxed()
    }
}
