//! The service itself, as administrators see it: its keys, and its calls to WeChat.

use std::sync::Arc;
use std::time::Duration;

use domain::model::provider::call_stats::{CallStats, HourlyStats};
use domain::model::timestamp::Timestamp;
use domain::use_cases::admin::service_status::{ServiceStatus, SigningKeyInfo, WatchServiceError};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::openapi::error_responses::ErrorResponse;
use crate::response::envelope::Envelope;
use crate::rfc3339;
use crate::routes::admin::{Viewer, WithRole};

/// Routes about the service.
#[derive(Clone)]
pub struct AdminStatusApi {
    pub(crate) watch: Arc<ServiceStatus>,
}

type Answer<T> = Result<Envelope<T>, ErrorResponse<WatchServiceError>>;

#[expect(clippy::unused_async, reason = "a handler is async, even one that only tells counts")]
#[craft]
impl AdminStatusApi {
    /// List the keys of access tokens
    ///
    /// Which one signs, which one comes next and which are still believed. Nothing of it is secret.
    #[craft(endpoint(operation_id = "listKeys", tags("administrators")))]
    pub(crate) async fn keys(&self, by: WithRole<Viewer>) -> Answer<SigningKeyList> {
        let keys = self.watch.signing_keys(&by.0).await?;
        Ok(Envelope(SigningKeyList { keys: keys.into_iter().map(SigningKeyData::from).collect() }))
    }

    /// Count the calls to WeChat, hour by hour
    ///
    /// Those of the last day, as far as the instance that answers made them: others made others, and it
    /// forgets them when it ends. What lasts is in the metrics.
    #[craft(endpoint(operation_id = "readCalls", tags("administrators")))]
    pub(crate) async fn wechat(&self, by: WithRole<Viewer>) -> Answer<CallStatistics> {
        Ok(Envelope(self.watch.provider_calls(&by.0)?.into()))
    }
}

/// All keys that sign access tokens.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "SigningKeyList"))]
pub(crate) struct SigningKeyList {
    /// Each of them, in the order in which they were made.
    keys: Vec<SigningKeyData>,
}

/// A key that signs access tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "SigningKeyData"))]
pub(crate) struct SigningKeyData {
    /// Its place in the order in which keys were made.
    number: u32,
    /// How tokens name it.
    #[salvo(schema(example = "pT4uZcdMSnyXpQj9nWcAbgCYxQ6dTqBDQ0ZW3yVyJ2g"))]
    kid: String,
    /// `next`, `current` or `previous`.
    #[salvo(schema(example = "current"))]
    state: &'static str,
    /// Since when it is published, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    created_at: String,
    /// Since or from when it signs, UTC; null where that is not known yet.
    #[salvo(schema(required = true, format = "date-time", example = "2026-11-21T10:00:00Z"))]
    signs_from: Option<String>,
    /// When the current one's turn ends, or tokens of a previous one are believed no more, UTC; null
    /// where that is not known.
    #[salvo(schema(required = true, format = "date-time", example = "2026-12-21T10:00:00Z"))]
    ends_at: Option<String>,
}

impl From<SigningKeyInfo> for SigningKeyData {
    fn from(key: SigningKeyInfo) -> Self {
        Self {
            number: key.number,
            kid: key.id,
            state: key.state.name(),
            created_at: rfc3339::seconds(key.created_at),
            signs_from: key.signs_from.map(rfc3339::seconds),
            ends_at: key.ends_at.map(rfc3339::seconds),
        }
    }
}

/// The calls to WeChat of the last day.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "CallStatistics"))]
pub(crate) struct CallStatistics {
    /// Since when the instance that answers counts: when it began, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    since: String,
    /// The hours in which there were calls, the earliest first, each call apart.
    hours: Vec<CallHourData>,
}

/// The calls of one kind within one hour.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "CallHourData"))]
pub(crate) struct CallHourData {
    /// When the hour began, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    hour: String,
    /// Which call it was: its path at WeChat.
    #[salvo(schema(example = "/sns/jscode2session"))]
    path: &'static str,
    /// How they ended.
    outcomes: Vec<CallOutcomeData>,
    /// Milliseconds within which half of them had ended, rounded up to 10, 25, 50, 100, 200, 400, 800,
    /// 1200, 2000 or 5000; null where it took longer.
    #[salvo(schema(required = true, example = 50))]
    median_ms: Option<u64>,
    /// Milliseconds within which 95 of a hundred had ended, rounded up likewise.
    #[salvo(schema(required = true, example = 200))]
    p95_ms: Option<u64>,
}

/// How many calls ended in one way.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "CallOutcomeData"))]
pub(crate) struct CallOutcomeData {
    /// `ok`, or the kind of failure, as in the metrics.
    #[salvo(schema(example = "busy"))]
    class: &'static str,
    /// How many.
    count: u64,
}

impl From<CallStats> for CallStatistics {
    fn from(calls: CallStats) -> Self {
        let hours = calls.hours().map(CallHourData::from).collect();
        Self { since: rfc3339::seconds(calls.since), hours }
    }
}

impl From<(Timestamp, &'static str, &HourlyStats)> for CallHourData {
    fn from((hour, path, calls): (Timestamp, &'static str, &HourlyStats)) -> Self {
        let outcomes = calls.outcomes.iter();
        let within = |percent| {
            let millis = calls.percentile(percent).as_ref().map(Duration::as_millis);
            millis.and_then(|millis| u64::try_from(millis).ok())
        };
        Self {
            hour: rfc3339::seconds(hour),
            path,
            outcomes: outcomes.map(|(&class, &count)| CallOutcomeData { class, count }).collect(),
            median_ms: within(50),
            p95_ms: within(95),
        }
    }
}
