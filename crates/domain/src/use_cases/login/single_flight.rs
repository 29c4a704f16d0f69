//! The repeatable logins under way, so that a request sent twice is carried out once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::fingerprint::Fingerprint;
use crate::model::identity::ProviderIdentity;
use crate::model::login::redemption::IDEMPOTENCY_WINDOW;
use crate::model::member::phone::PhoneNumber;
use crate::model::timestamp::Timestamp;
use crate::use_cases::login::LoginError;

/// How many failed logins are remembered with what their codes proved; further ones need new codes.
const MAX_FAILED: usize = 10_000;

/// What spent codes have proved.
#[derive(Debug, Default)]
pub(super) struct RedeemedCodes {
    /// Who the user is.
    pub(super) verified: Option<ProviderIdentity>,
    /// Which phone number is theirs.
    pub(super) phone: Option<PhoneNumber>,
}

/// How a login ended; the answer itself is in the store.
pub(super) type Outcome = Result<(), Arc<LoginError>>;

/// The repeatable logins of this instance that are under way, and those that failed a moment ago. In
/// memory: what has to outlive the process is in the store.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashMap<Fingerprint, Entry>>);

/// What is known of a login code.
#[derive(Debug)]
struct Entry {
    request: Fingerprint,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    UnderWay(watch::Receiver<Option<Outcome>>),
    Failed { proof: RedeemedCodes, at: Timestamp },
}

/// What a request finds.
pub(super) enum Slot<'a> {
    /// Nobody has the code in hand: it is this request's to carry out.
    Acquired(InFlightGuard<'a>),
    /// The same request is under way.
    SameRequest(PendingOutcome),
    /// Another request has the code in hand, or the right to try again.
    OtherRequest(Option<PendingOutcome>),
}

/// The right to carry out a login. Dropped without [`Self::settle`], it leaves everyone to try anew.
pub(super) struct InFlightGuard<'a> {
    in_flight: &'a InFlight,
    code: Fingerprint,
    /// Which request has it.
    pub(super) request: Fingerprint,
    tell: watch::Sender<Option<Outcome>>,
    /// What the codes have proved so far.
    pub(super) proof: RedeemedCodes,
}

/// The end of a login that somebody else carries out.
pub(super) struct PendingOutcome(watch::Receiver<Option<Outcome>>);

impl InFlight {
    /// Takes the code in hand for the request, or tells who has it.
    pub(super) fn take(&self, code: Fingerprint, request: Fingerprint, now: Timestamp) -> Slot<'_> {
        let mut entries = self.entries();
        let known = entries.remove(&code).filter(|entry| entry.lasts(now));
        let proof = match known {
            None => RedeemedCodes::default(),
            Some(Entry { request: theirs, stage: Stage::Failed { proof, .. } })
                if theirs == request =>
            {
                proof
            }
            Some(entry) => {
                let waiting = match &entry.stage {
                    Stage::UnderWay(outcome) => Some(PendingOutcome(outcome.clone())),
                    Stage::Failed { .. } => None,
                };
                let same = entry.request == request;
                entries.insert(code, entry);
                return match waiting {
                    Some(waiting) if same => Slot::SameRequest(waiting),
                    waiting => Slot::OtherRequest(waiting),
                };
            }
        };
        let (tell, outcome) = watch::channel(None);
        entries.insert(code, Entry { request, stage: Stage::UnderWay(outcome) });
        Slot::Acquired(InFlightGuard { in_flight: self, code, request, tell, proof })
    }

    /// No caller panics while it holds the lock; were one to, the entries would be none the worse.
    fn entries(&self) -> MutexGuard<'_, HashMap<Fingerprint, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn lasts(&self, now: Timestamp) -> bool {
        match &self.stage {
            Stage::UnderWay(_) => true,
            Stage::Failed { at, .. } => now < at.plus(IDEMPOTENCY_WINDOW),
        }
    }

    fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::UnderWay(_))
    }
}

impl InFlightGuard<'_> {
    /// Tells those who wait how it ended. What the codes of a failed login proved is kept for the same
    /// request's next try.
    pub(super) fn finish(mut self, outcome: Outcome, now: Timestamp) {
        let proof = std::mem::take(&mut self.proof);
        if outcome.is_err() && proof.verified.is_some() {
            let mut entries = self.in_flight.entries();
            entries.retain(|_, entry| entry.lasts(now));
            let failed = entries.values().filter(|entry| !entry.is_under_way()).count();
            if failed < MAX_FAILED {
                let stage = Stage::Failed { proof, at: now };
                entries.insert(self.code, Entry { request: self.request, stage });
            }
        }
        self.tell.send_replace(Some(outcome));
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        let mut entries = self.in_flight.entries();
        if entries.get(&self.code).is_some_and(Entry::is_under_way) {
            entries.remove(&self.code);
        }
    }
}

impl PendingOutcome {
    /// How it ended; `None` when it was broken off.
    pub(super) async fn outcome(mut self) -> Option<Outcome> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}
