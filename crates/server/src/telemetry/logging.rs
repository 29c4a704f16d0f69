//! Logging to standard output, one line for each event.
//!
//! A thread of its own writes the lines. If the reader of standard output stalls, lines are dropped and
//! counted, and requests go on.

use std::fmt;
use std::io::{self, IsTerminal};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;
use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Config;
use crate::telemetry::traces::Traces;

/// Maximum number of lines that wait for standard output.
const MAX_QUEUED_LINES: usize = 2_000;

/// Installed logging. Dropping it writes the queued lines.
pub struct Logging {
    _writer: WorkerGuard,
    dropped: DroppedLines,
}

/// Number of lines that were dropped because standard output stalled.
#[derive(Clone, Debug)]
struct DroppedLines(ErrorCounter);

impl Logging {
    /// Installs the configured subscriber, with the export of traces if there is one. Events before this
    /// call are lost.
    #[must_use]
    pub fn install(config: &Config, traces: Option<&Traces>) -> Self {
        let (lines, writer) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(MAX_QUEUED_LINES)
            .thread_name("log")
            .finish(io::stdout());
        let dropped = DroppedLines(lines.error_counter());
        let lines = layer(config, lines);
        tracing_subscriber::registry().with(traces.map(Traces::layer)).with(lines).init();
        Self { _writer: writer, dropped }
    }

    /// Registers the metric of dropped lines.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.dropped.clone()));
    }
}

impl Collector for DroppedLines {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let lines = ConstCounter::new(u64::try_from(self.0.dropped_lines()).unwrap_or(u64::MAX));
        let help = "Log lines dropped because standard output was not read";
        let metric =
            encoder.encode_descriptor("log_lines_dropped", help, None, lines.metric_type())?;
        lines.encode(metric)
    }
}

/// Returns the layer that writes the lines. Of all spans only the request appears in them: its id
/// identifies everything that happens within it.
fn layer<S>(config: &Config, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let events_and_requests =
        filter_fn(|metadata| metadata.is_event() || metadata.name() == "request");
    let filter = EnvFilter::new(&config.log_filter).and(events_and_requests);
    let lines = tracing_subscriber::fmt::layer()
        // Colours only for terminals, not for files.
        .with_ansi(io::stdout().is_terminal())
        .with_writer(writer);
    if config.log_json {
        lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
    } else {
        lines.with_filter(filter).boxed()
    }
}
