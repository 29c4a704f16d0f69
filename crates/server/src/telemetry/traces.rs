//! Export of traces to an OpenTelemetry collector, in batches; off unless one is configured.

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

/// Maximum time for the collector to accept a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum time for the export of the last batch on exit.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Time between two batches.
const BATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Crates with exported spans. Spans of other crates may contain anything.
const OURS: [&str; 4] = ["adapters", "api", "domain", "server"];

/// Queue of spans for the collector. Spans that it does not accept in time are dropped: requests never
/// wait for it.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Prepares the export to the configured collector, which need not run yet.
    pub fn start(telemetry: &Telemetry) -> anyhow::Result<Self> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", telemetry.otlp_endpoint.trim_end_matches('/')))
            .with_timeout(EXPORT_TIMEOUT)
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .build()
            .context("telemetry.otlp_endpoint")?;
        let batches = BatchConfigBuilder::default().with_scheduled_delay(BATCH_INTERVAL).build();
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

    /// Returns the layer that exports the spans of our own crates; neither log events nor spans of
    /// other crates.
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

    /// Exports the remaining spans, as far as the collector accepts them in time.
    pub fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(SHUTDOWN_TIMEOUT) {
            tracing::warn!(error = error.to_string(), "export of the last traces failed");
        }
    }
}

/// Exporter that logs the first failure and the recovery.
#[derive(Debug)]
struct Exporter {
    inner: opentelemetry_otlp::SpanExporter,
    is_failing: AtomicBool,
}

impl Exporter {
    fn new(inner: opentelemetry_otlp::SpanExporter) -> Self {
        Self { inner, is_failing: AtomicBool::new(false) }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.inner.export(batch).await;
        let was_failing = self.is_failing.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !was_failing => {
                tracing::warn!(
                    error = error.to_string(),
                    "export of traces failed, dropping them meanwhile"
                );
            }
            Ok(()) if was_failing => tracing::info!("export of traces works again"),
            Ok(()) | Err(_) => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
