//! The repeatable logins under way, so that a request sent twice is carried out once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::fingerprint::Fingerprint;
use crate::model::identity::Verified;
use crate::model::login::redemption::REPEATABLE;
use crate::model::member::phone::PhoneNumber;
use crate::model::timestamp::Timestamp;
use crate::use_cases::login::LoginError;

/// How many failed logins are remembered with what their codes proved; further ones need new codes.
const FAILED_MAX: usize = 10_000;

/// What spent codes have proved.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// Who the user is.
    pub(super) verified: Option<Verified>,
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
    Failed { proof: Proof, at: Timestamp },
}

/// What a request finds.
pub(super) enum Turn<'a> {
    /// Nobody has the code in hand: it is this request's to carry out.
    Mine(Ticket<'a>),
    /// The same request is under way.
    Same(Waiting),
    /// Another request has the code in hand, or the right to try again.
    Others(Option<Waiting>),
}

/// The right to carry out a login. Dropped without [`Self::settle`], it leaves everyone to try anew.
pub(super) struct Ticket<'a> {
    in_flight: &'a InFlight,
    code: Fingerprint,
    /// Which request has it.
    pub(super) request: Fingerprint,
    tell: watch::Sender<Option<Outcome>>,
    /// What the codes have proved so far.
    pub(super) proof: Proof,
}

/// The end of a login that somebody else carries out.
pub(super) struct Waiting(watch::Receiver<Option<Outcome>>);

impl InFlight {
    /// Takes the code in hand for the request, or tells who has it.
    pub(super) fn take(&self, code: Fingerprint, request: Fingerprint, now: Timestamp) -> Turn<'_> {
        let mut entries = self.entries();
        let known = entries.remove(&code).filter(|entry| entry.lasts(now));
        let proof = match known {
            None => Proof::default(),
            Some(Entry { request: theirs, stage: Stage::Failed { proof, .. } })
                if theirs == request =>
            {
                proof
            }
            Some(entry) => {
                let waiting = match &entry.stage {
                    Stage::UnderWay(outcome) => Some(Waiting(outcome.clone())),
                    Stage::Failed { .. } => None,
                };
                let same = entry.request == request;
                entries.insert(code, entry);
                return match waiting {
                    Some(waiting) if same => Turn::Same(waiting),
                    waiting => Turn::Others(waiting),
                };
            }
        };
        let (tell, outcome) = watch::channel(None);
        entries.insert(code, Entry { request, stage: Stage::UnderWay(outcome) });
        Turn::Mine(Ticket { in_flight: self, code, request, tell, proof })
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
            Stage::Failed { at, .. } => now < at.plus(REPEATABLE),
        }
    }

    fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::UnderWay(_))
    }
}

impl Ticket<'_> {
    /// Tells those who wait how it ended. What the codes of a failed login proved is kept for the same
    /// request's next try.
    pub(super) fn settle(mut self, outcome: Outcome, now: Timestamp) {
        let proof = std::mem::take(&mut self.proof);
        if outcome.is_err() && proof.verified.is_some() {
            let mut entries = self.in_flight.entries();
            entries.retain(|_, entry| entry.lasts(now));
            let failed = entries.values().filter(|entry| !entry.is_under_way()).count();
            if failed < FAILED_MAX {
                let stage = Stage::Failed { proof, at: now };
                entries.insert(self.code, Entry { request: self.request, stage });
            }
        }
        self.tell.send_replace(Some(outcome));
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut entries = self.in_flight.entries();
        if entries.get(&self.code).is_some_and(Entry::is_under_way) {
            entries.remove(&self.code);
        }
    }
}

impl Waiting {
    /// How it ended; `None` when it was broken off.
    pub(super) async fn outcome(mut self) -> Option<Outcome> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}
