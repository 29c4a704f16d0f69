//! Take a message that the provider pushes: believe it or not, and keep what it asks for until that is
//! obeyed.

use std::sync::Arc;
use std::time::Duration;

use crate::model::app::name::AppName;
use crate::model::clock::Clock;
use crate::model::fingerprint::Fingerprint;
use crate::model::fingerprint::Fingerprints;
use crate::model::provider::withdrawal::Withdrawal;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;
use crate::ports::pushes::{PushReader, PushRejected, PushSignature};
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// How far from our clock a signature may have been made.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);

/// How long it is remembered what was seen: longer than any signature is good for.
const SEEN_PUSH_TTL: Duration = Duration::from_hours(1);

/// The use cases.
pub struct ReceivePush {
    /// The apps served, of which some take pushes.
    pub apps: Arc<AppRegistry>,
    /// Where it is kept what is to be done.
    pub store: Arc<dyn Store>,
    /// What recognises a message that comes again.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceivePushError {
    /// No such app takes messages.
    #[error("no app of that name has a push token")]
    UnknownApp,
    /// It is not the provider's, or not readable.
    #[error(transparent)]
    Rejected(#[from] PushRejected),
    /// The signature is from another time.
    #[error("the signature was not made within {} s of our clock", MAX_CLOCK_SKEW.as_secs())]
    Stale,
    /// The signature came before, over another message.
    #[error("the signature was used for another message")]
    Replayed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReceivePush {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            apps: ports.apps.clone(),
            store: ports.store.clone(),
            fingerprints: ports.fingerprints.clone(),
            clock: ports.clock.clone(),
            random: ports.random.clone(),
        }
    }

    /// Whether the provider made this signature, and now: it checks who answers at our address.
    pub fn verify(&self, app: &AppName, signature: &PushSignature) -> Result<(), ReceivePushError> {
        self.reader(app)?.verify(signature)?;
        ensure_fresh(signature, self.clock.now())
    }

    /// Takes a message. What it asks for will be done even if the program ends this moment.
    ///
    /// The provider sends again what it had no answer to, so the same message twice is one. A plain
    /// signature does not cover the message: so it is good for one message only.
    pub async fn run(
        &self,
        app: &AppName,
        signature: &PushSignature,
        body: &[u8],
    ) -> Result<(), ReceivePushError> {
        let push = self.reader(app)?.read(signature, body)?;
        let now = self.clock.now();
        ensure_fresh(signature, now)?;
        let message = self.fingerprint("push", app, push.identity.iter().map(String::as_str));
        let signed = [signature.timestamp.as_str(), &signature.nonce];
        let signature = self.fingerprint("push signature", app, signed);

        let withdrawal = push.withdrawn.map(|(subject, withdrawn)| {
            Withdrawal::new(app.clone(), subject, withdrawn, now, self.random.as_ref())
        });
        retry_on_contention(|| self.store(message, signature, withdrawal.as_ref(), now)).await
    }

    async fn store(
        &self,
        message: Fingerprint,
        signature: Fingerprint,
        withdrawal: Option<&Withdrawal>,
        now: Timestamp,
    ) -> Result<(), ReceivePushError> {
        let work = self.store.begin().await?;
        work.pushes().delete_seen_before(now.minus(SEEN_PUSH_TTL)).await?;
        if !work.pushes().mark_seen(message, now).await? {
            return Ok(work.commit().await?);
        }
        if !work.pushes().mark_seen(signature, now).await? {
            return Err(ReceivePushError::Replayed);
        }
        if let Some(withdrawal) = withdrawal {
            work.pushes().add(withdrawal).await?;
        }
        Ok(work.commit().await?)
    }

    /// What reads the messages to an app. One that is disabled takes them too: what users take back has
    /// to be obeyed all the same.
    fn reader(&self, name: &AppName) -> Result<Arc<dyn PushReader>, ReceivePushError> {
        let app = self.apps.select(Some(name.as_str())).filter(|app| app.name == *name);
        app.and_then(|app| app.pushes.clone()).ok_or(ReceivePushError::UnknownApp)
    }

    fn fingerprint<'a>(
        &self,
        kind: &'static str,
        app: &'a AppName,
        parts: impl IntoIterator<Item = &'a str>,
    ) -> Fingerprint {
        let parts = std::iter::once(app.as_str()).chain(parts);
        let parts: Vec<&[u8]> = parts.map(str::as_bytes).collect();
        self.fingerprints.fingerprint(kind, &parts)
    }
}

fn ensure_fresh(signature: &PushSignature, now: Timestamp) -> Result<(), ReceivePushError> {
    let made = signature.timestamp.parse::<i64>().ok();
    let age = made.map(|seconds| seconds.abs_diff(now.unix_seconds()));
    match age {
        Some(seconds) if seconds <= MAX_CLOCK_SKEW.as_secs() => Ok(()),
        Some(_) | None => Err(ReceivePushError::Stale),
    }
}
