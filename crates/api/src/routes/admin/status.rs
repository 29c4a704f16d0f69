//! Routes for signing keys and WeChat call statistics.

use std::sync::Arc;
use std::time::Duration;

use domain::model::provider::call_stats::{CallStats, HourlyStats};
use domain::model::timestamp::Timestamp;
use domain::use_cases::admin::service_status::{ServiceStatus, ServiceStatusError, SigningKeyInfo};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::auth::role::{Viewer, WithRole};
use crate::openapi::error_responses::ErrorResponse;
use crate::response::envelope::Envelope;
use crate::rfc3339;

/// Handlers for the status of the service.
#[derive(Clone)]
pub struct AdminStatusApi {
    pub(crate) service_status: Arc<ServiceStatus>,
}

type StatusResult<T> = Result<Envelope<T>, ErrorResponse<ServiceStatusError>>;

#[expect(clippy::unused_async, reason = "handlers are async, and one of these awaits nothing")]
#[craft]
impl AdminStatusApi {
    /// List signing keys
    ///
    /// The current key, the next key, and previous keys whose tokens are still valid. Private keys are not
    /// included.
    #[craft(endpoint(operation_id = "listSigningKeys", tags("administrators")))]
    pub(crate) async fn list_signing_keys(
        &self,
        by: WithRole<Viewer>,
    ) -> StatusResult<SigningKeyList> {
        let keys = self.service_status.signing_keys(&by.0).await?;
        Ok(Envelope(SigningKeyList { keys: keys.into_iter().map(SigningKeyData::from).collect() }))
    }

    /// Get hourly WeChat call statistics
    ///
    /// Calls of the last 24 hours by the responding instance, since its start. Other instances have their
    /// own statistics. Use the metrics for permanent statistics of all instances.
    #[craft(endpoint(operation_id = "getWechatCallStatistics", tags("administrators")))]
    pub(crate) async fn get_call_statistics(
        &self,
        by: WithRole<Viewer>,
    ) -> StatusResult<CallStatistics> {
        Ok(Envelope(self.service_status.provider_calls(&by.0)?.into()))
    }
}

/// List of signing keys.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "SigningKeyList"))]
pub(crate) struct SigningKeyList {
    /// Keys, the oldest first.
    keys: Vec<SigningKeyData>,
}

/// Signing key of access tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "SigningKeyData"))]
pub(crate) struct SigningKeyData {
    /// Sequence number.
    number: u32,
    /// Key id, as in the header of tokens.
    #[salvo(schema(example = "pT4uZcdMSnyXpQj9nWcAbgCYxQ6dTqBDQ0ZW3yVyJ2g"))]
    kid: String,
    /// `next`, `current` or `previous`.
    #[salvo(schema(example = "current"))]
    state: &'static str,
    /// Time of publication, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    created_at: String,
    /// Time from which the key signs, UTC; null if it is not scheduled.
    #[salvo(schema(required = true, format = "date-time", example = "2026-11-21T10:00:00Z"))]
    active_from: Option<String>,
    /// Time at which the current key stops signing, or tokens of a previous key become invalid, UTC; null if
    /// it is not scheduled.
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
            active_from: key.active_from.map(rfc3339::seconds),
            ends_at: key.ends_at.map(rfc3339::seconds),
        }
    }
}

/// Calls to WeChat in the last 24 hours.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "CallStatistics"))]
pub(crate) struct CallStatistics {
    /// Start of the responding instance, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    since: String,
    /// Statistics by hour and path, the earliest first; hours without calls are omitted.
    hours: Vec<CallHourData>,
}

/// Calls of one path in one hour.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "CallHourData"))]
pub(crate) struct CallHourData {
    /// Start of the hour, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    hour: String,
    /// Path of the WeChat API.
    #[salvo(schema(example = "/sns/jscode2session"))]
    path: &'static str,
    /// Number of calls by outcome.
    outcomes: Vec<CallOutcomeData>,
    /// Median duration in milliseconds, rounded up to 10, 25, 50, 100, 200, 400, 800, 1200, 2000 or 5000;
    /// null if it is longer.
    #[salvo(schema(required = true, example = 50))]
    median_ms: Option<u64>,
    /// 95th percentile of the duration in milliseconds, rounded up in the same way.
    #[salvo(schema(required = true, example = 200))]
    p95_ms: Option<u64>,
}

/// Number of calls with one outcome.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "CallOutcomeData"))]
pub(crate) struct CallOutcomeData {
    /// `ok`, or the class of the failure as in the metrics.
    #[salvo(schema(example = "busy"))]
    class: &'static str,
    /// Number of calls.
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
        let percentile_ms = |percent| {
            let millis = calls.percentile(percent).as_ref().map(Duration::as_millis);
            millis.and_then(|millis| u64::try_from(millis).ok())
        };
        Self {
            hour: rfc3339::seconds(hour),
            path,
            outcomes: outcomes.map(|(&class, &count)| CallOutcomeData { class, count }).collect(),
            median_ms: percentile_ms(50),
            p95_ms: percentile_ms(95),
        }
    }
}
