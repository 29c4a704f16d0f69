//! Event factory with a fixed request id.

use std::sync::Arc;

use domain::model::request_id::RequestId;
use domain::ports::request_context::RequestContext;
use domain::use_cases::event::factory::EventFactory;

use crate::fake::random::FixedRandom;

/// Request context with the id `test-request`.
#[derive(Debug, Default)]
pub struct FixedRequests;

impl RequestContext for FixedRequests {
    fn request_id(&self) -> Option<RequestId> {
        RequestId::parse("test-request")
    }
}

/// Returns an event factory with randomness from this seed.
#[must_use]
pub fn event_factory(seed: u64) -> EventFactory {
    EventFactory {
        random: Arc::new(FixedRandom::seeded(seed)),
        request_context: Arc::new(FixedRequests),
    }
}
