//! Route of the metrics page for Prometheus.

use salvo::craft::craft;
use salvo::http::header::{CONTENT_TYPE, HeaderValue};
use salvo::oapi::{
    BasicType, Components, Content, EndpointOutRegister, Object, Operation, Response,
};
use salvo::writing::{Text, Writer};
use salvo::{Depot, Request, async_trait};

use crate::auth::authenticated::Authenticated;
use crate::auth::principal::MetricsReader;
use crate::metrics::Metrics;
use crate::metrics::text;

/// Handler of the metrics page.
#[derive(Clone)]
pub struct MetricsApi {
    pub(crate) metrics: Metrics,
}

#[expect(clippy::unused_async, reason = "handlers are async, and this one awaits nothing")]
#[craft]
impl MetricsApi {
    /// Get Prometheus metrics
    ///
    /// Prometheus text format. Requires the key of a service account, unless the operator has made the
    /// metrics public.
    #[craft(endpoint(operation_id = "metrics", tags("health")))]
    pub(crate) async fn metrics(&self, _reader: Authenticated<MetricsReader>) -> MetricsText {
        MetricsText(self.metrics.render())
    }
}

/// All metrics in the Prometheus text format.
pub(crate) struct MetricsText(String);

#[async_trait]
impl Writer for MetricsText {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        res.render(Text::Plain(self.0));
        res.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(text::CONTENT_TYPE));
    }
}

impl EndpointOutRegister for MetricsText {
    fn register(_components: &mut Components, operation: &mut Operation) {
        let content = Content::new(Object::with_type(BasicType::String));
        let response = Response::new("Success.").add_content(text::CONTENT_TYPE, content);
        operation.responses.insert("200", response);
    }
}
