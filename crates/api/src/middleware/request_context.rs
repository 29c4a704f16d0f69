//! What is known of one request and its answer from the first moment on.

use std::sync::Arc;

use domain::model::clock::Clock;
use domain::model::random::Random;
use domain::model::request_id::RequestId;
use salvo::Depot;
use salvo::http::HeaderMap;

use crate::request::language::Language;
use crate::request::limits::BodyLimits;
use crate::response::error_format::ErrorFormat;
use crate::rfc3339;

/// One request and its answer.
pub(crate) struct RequestContext {
    /// Names the request in the answer and in the log.
    pub(crate) request_id: RequestId,
    /// In which language the client is answered.
    pub(crate) language: Language,
    /// In which form the client is told of a failure.
    pub(crate) error_format: ErrorFormat,
    /// How much of a body is waited for, and how long.
    pub(crate) limits: BodyLimits,
    pub(crate) clock: Arc<dyn Clock>,
}

impl RequestContext {
    /// The exchange that this depot is the depot of.
    pub(crate) fn of(depot: &Depot) -> Option<&Self> {
        depot.get_typed::<Self>().ok()
    }

    /// The time now, as an answer carries it.
    pub(crate) fn operation_time(&self) -> String {
        rfc3339::seconds(self.clock.now())
    }
}

/// The id that a client or a proxy gave its request, when it is short and plain, or else a new one: a
/// UUID of version 7.
pub(crate) fn request_id(headers: &HeaderMap, clock: &dyn Clock, random: &dyn Random) -> RequestId {
    let mut given = headers.get_all("x-request-id").iter();
    let only = given.next().filter(|_| given.next().is_none());
    let plain = only.and_then(|id| id.to_str().ok()).and_then(RequestId::parse);
    plain.unwrap_or_else(|| RequestId::generate(clock.now(), random))
}
