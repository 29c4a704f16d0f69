//! Single flight of logins: concurrent requests with the same idempotency key are executed once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::fingerprint::Fingerprint;
use crate::model::login::redemption::IDEMPOTENCY_WINDOW;
use crate::model::timestamp::Timestamp;
use crate::use_cases::login::attempt::RedeemedCodes;
use crate::use_cases::login::error::LoginError;

/// Maximum number of failed logins whose redeemed codes are kept. Further ones need new codes.
const MAX_FAILED: usize = 10_000;

/// Outcome of a login. The response itself is in the store.
pub(super) type Outcome = Result<(), Arc<LoginError>>;

/// Idempotent logins of this instance that are in progress, and those that failed within the idempotency
/// window.
///
/// They are kept in memory; the store has what must survive the process.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<HashMap<Fingerprint, Entry>>);

/// State of a login code.
#[derive(Debug)]
struct Entry {
    request: Fingerprint,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    InProgress(watch::Receiver<Option<Outcome>>),
    Failed { codes: RedeemedCodes, at: Timestamp },
}

/// Result of [`InFlight::acquire`].
pub(super) enum Slot<'a> {
    /// No other request uses the login code: the caller executes the login.
    Acquired(InFlightGuard<'a>),
    /// The same request is in progress.
    SameRequest(PendingOutcome),
    /// Another request with the same login code is in progress, or has failed and may be retried.
    OtherRequest(Option<PendingOutcome>),
}

/// Exclusive right to execute a login. If it is dropped without [`Self::finish`], the next request
/// acquires it.
pub(super) struct InFlightGuard<'a> {
    in_flight: &'a InFlight,
    code: Fingerprint,
    /// Fingerprint of the request that holds the guard.
    pub(super) request: Fingerprint,
    outcome: watch::Sender<Option<Outcome>>,
    /// Codes that the request has redeemed so far.
    pub(super) codes: RedeemedCodes,
}

/// Outcome of a login that another request executes.
pub(super) struct PendingOutcome(watch::Receiver<Option<Outcome>>);

impl InFlight {
    /// Acquires the login code for the request, unless another request has it.
    pub(super) fn acquire(
        &self,
        code: Fingerprint,
        request: Fingerprint,
        now: Timestamp,
    ) -> Slot<'_> {
        let mut entries = self.entries();
        let known = entries.remove(&code).filter(|entry| !entry.is_expired(now));
        let codes = match known {
            None => RedeemedCodes::default(),
            Some(Entry { request: owner, stage: Stage::Failed { codes, .. } })
                if owner == request =>
            {
                codes
            }
            Some(entry) => {
                let pending = match &entry.stage {
                    Stage::InProgress(outcome) => Some(PendingOutcome(outcome.clone())),
                    Stage::Failed { .. } => None,
                };
                let is_same = entry.request == request;
                entries.insert(code, entry);
                return match pending {
                    Some(pending) if is_same => Slot::SameRequest(pending),
                    pending => Slot::OtherRequest(pending),
                };
            }
        };
        let (sender, receiver) = watch::channel(None);
        entries.insert(code, Entry { request, stage: Stage::InProgress(receiver) });
        Slot::Acquired(InFlightGuard { in_flight: self, code, request, outcome: sender, codes })
    }

    /// Locks the entries. Callers do not panic while they hold the lock, and the entries would be valid
    /// even if one did.
    fn entries(&self) -> MutexGuard<'_, HashMap<Fingerprint, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_expired(&self, now: Timestamp) -> bool {
        match &self.stage {
            Stage::InProgress(_) => false,
            Stage::Failed { at, .. } => now >= at.plus(IDEMPOTENCY_WINDOW),
        }
    }

    fn is_in_progress(&self) -> bool {
        matches!(self.stage, Stage::InProgress(_))
    }
}

impl InFlightGuard<'_> {
    /// Publishes the outcome to the waiting requests. The redeemed codes of a failed login are kept for
    /// the next attempt of the same request.
    pub(super) fn finish(mut self, outcome: Outcome, now: Timestamp) {
        let codes = std::mem::take(&mut self.codes);
        if outcome.is_err() && codes.identity.is_some() {
            let mut entries = self.in_flight.entries();
            entries.retain(|_, entry| !entry.is_expired(now));
            let failed = entries.values().filter(|entry| !entry.is_in_progress()).count();
            if failed < MAX_FAILED {
                let stage = Stage::Failed { codes, at: now };
                entries.insert(self.code, Entry { request: self.request, stage });
            }
        }
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        let mut entries = self.in_flight.entries();
        if entries.get(&self.code).is_some_and(Entry::is_in_progress) {
            entries.remove(&self.code);
        }
    }
}

impl PendingOutcome {
    /// Waits for the outcome; `None` if the login was cancelled.
    pub(super) async fn wait(mut self) -> Option<Outcome> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}
