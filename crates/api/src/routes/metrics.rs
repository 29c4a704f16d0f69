//! What monitoring reads.

use salvo::craft::craft;
use salvo::http::header::{CONTENT_TYPE, HeaderValue};
use salvo::oapi::{
    BasicType, Components, Content, EndpointOutRegister, Object, Operation, Response,
};
use salvo::writing::{Text, Writer};
use salvo::{Depot, Request, async_trait};

use crate::auth::{Authenticated, MetricsReader};
use crate::metrics::Metrics;
use crate::metrics::text;

/// The route of monitoring.
#[derive(Clone)]
pub struct MetricsApi {
    pub(crate) metrics: Metrics,
}

#[expect(clippy::unused_async, reason = "a handler is async, even one that only counts")]
#[craft]
impl MetricsApi {
    /// Tell what was counted
    ///
    /// In Prometheus' text format. With a service key as bearer, unless the operator has made it public.
    #[craft(endpoint(operation_id = "metrics", tags("health")))]
    pub(crate) async fn metrics(&self, _scraper: Authenticated<MetricsReader>) -> Page {
        Page(self.metrics.page())
    }
}

/// The page of all metrics.
pub(crate) struct Page(String);

#[async_trait]
impl Writer for Page {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        res.render(Text::Plain(self.0));
        res.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(text::CONTENT_TYPE));
    }
}

impl EndpointOutRegister for Page {
    fn register(_components: &mut Components, operation: &mut Operation) {
        let page = Content::new(Object::with_type(BasicType::String));
        let response = Response::new("The metrics.").add_content(text::CONTENT_TYPE, page);
        operation.responses.insert("200", response);
    }
}
