//! Context of a request: its id, language, error format and body limits.

use std::sync::Arc;

use domain::model::clock::Clock;
use domain::model::random::Random;
use domain::model::rate_limit::Network;
use domain::model::request_id::RequestId;
use salvo::Depot;
use salvo::http::HeaderMap;

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::request::language::Language;
use crate::request::limits::BodyLimits;
use crate::response::error_format::ErrorFormat;
use crate::rfc3339;

/// Context of a request and its response.
pub(crate) struct RequestContext {
    /// Id in the response and in the log.
    pub(crate) request_id: RequestId,
    /// Network of the client.
    pub(crate) network: Network,
    /// Language of messages.
    pub(crate) language: Language,
    /// Format of error bodies.
    pub(crate) error_format: ErrorFormat,
    /// Limits of the request body.
    pub(crate) body_limits: BodyLimits,
    pub(crate) clock: Arc<dyn Clock>,
}

impl RequestContext {
    /// Returns the context that the request lifecycle middleware has stored.
    pub(crate) fn of(depot: &Depot) -> Result<&Self, ApiError> {
        let missing = || ApiError::new(ErrorId::Internal).with_cause("request has no context");
        depot.get_typed::<Self>().map_err(|_| missing())
    }

    /// Returns the current time in the format of `operationTime`.
    pub(crate) fn operation_time(&self) -> String {
        rfc3339::seconds(self.clock.now())
    }
}

/// Returns the id in the only `x-request-id` of the request, if it is valid, otherwise a new UUID of
/// version 7.
pub(crate) fn request_id(headers: &HeaderMap, clock: &dyn Clock, random: &dyn Random) -> RequestId {
    let mut values = headers.get_all("x-request-id").iter();
    let only = values.next().filter(|_| values.next().is_none());
    let valid = only.and_then(|id| id.to_str().ok()).and_then(RequestId::parse);
    valid.unwrap_or_else(|| RequestId::generate(clock.now(), random))
}
