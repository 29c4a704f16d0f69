//! Where traces go: to an OpenTelemetry collector, in batches, and nowhere unless one is configured.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Telemetry;

/// How long the collector may take to accept a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the program waits at its end for the last batch to arrive.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long spans are gathered before they are sent.
const GATHERING: Duration = Duration::from_secs(1);

/// The crates whose spans are exported: of others it is not known what they hold.
const OURS: [&str; 4] = ["adapters", "api", "domain", "server"];

/// The spans that wait for the collector. What it does not take in time is dropped: requests never wait
/// for it.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Prepares for the collector that is configured; it need not be there.
    ///
    /// # Errors
    /// When the endpoint is no URL, or no HTTP client can be made.
    pub fn start(telemetry: &Telemetry) -> anyhow::Result<Self> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", telemetry.otlp_endpoint.trim_end_matches('/')))
            .with_timeout(EXPORT_TIMEOUT)
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .build()
            .context("telemetry.otlp_endpoint")?;
        let batches = BatchConfigBuilder::default().with_scheduled_delay(GATHERING).build();
        let processor = BatchSpanProcessor::builder(Exporter::new(exporter));
        let sampler = Sampler::TraceIdRatioBased(telemetry.sample_ratio);
        let resource = Resource::builder_empty().with_attributes([
            KeyValue::new("service.name", "menshen"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ]);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor.with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(resource.build());
        Ok(Self(provider.build()))
    }

    /// What takes the spans of our own crates, and nothing else: no event of the log, no span of others.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let ours = |metadata: &Metadata<'_>| {
            let target = metadata.target();
            let owner = target.split_once("::").map_or(target, |(owner, _)| owner);
            metadata.is_span() && OURS.contains(&owner)
        };
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("menshen"))
            .with_context_activation(false)
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(ours).with_max_level_hint(LevelFilter::INFO))
    }

    /// Sends what is left, as far as the collector takes it in time.
    pub fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FAREWELL) {
            tracing::warn!(error = error.to_string(), "the last traces did not arrive");
        }
    }
}

/// The way to the collector, which tells once when it breaks and once when it is mended.
#[derive(Debug)]
struct Exporter {
    way: opentelemetry_otlp::SpanExporter,
    broken: AtomicBool,
}

impl Exporter {
    fn new(way: opentelemetry_otlp::SpanExporter) -> Self {
        Self { way, broken: AtomicBool::new(false) }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.way.export(batch).await;
        let was_broken = self.broken.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !was_broken => {
                tracing::warn!(
                    error = error.to_string(),
                    "traces do not arrive, and are dropped meanwhile"
                );
            }
            Ok(()) if was_broken => tracing::info!("traces arrive again"),
            Ok(()) | Err(_) => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.way.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.way.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.way.set_resource(resource);
    }
}
