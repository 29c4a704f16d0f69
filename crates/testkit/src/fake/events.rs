//! Events of a request that is always the same.

use std::sync::Arc;

use domain::model::clock::Clock;
use domain::model::request_id::RequestId;
use domain::ports::request_context::RequestContext;
use domain::use_cases::event::factory::EventFactory;

use crate::fake::random::FixedRandom;

/// Is always in the request `test-request`.
#[derive(Debug, Default)]
pub struct FixedRequests;

impl RequestContext for FixedRequests {
    fn request_id(&self) -> Option<RequestId> {
        RequestId::parse("test-request")
    }
}

/// A journal by this clock.
pub fn journal(clock: Arc<dyn Clock>, seed: u64) -> EventFactory {
    EventFactory {
        clock,
        random: Arc::new(FixedRandom::seeded(seed)),
        requests: Arc::new(FixedRequests),
    }
}
