//! Reception of the provider's message pushes.

use std::sync::Arc;
use std::time::Duration;

use crate::model::app::name::AppName;
use crate::model::clock::Clock;
use crate::model::fingerprint::{Fingerprint, TransientFingerprints};
use crate::model::provider::withdrawal::Withdrawal;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;
use crate::ports::pushes::{PushReader, PushRejected, PushSignature};
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Maximum difference between the time of a signature and the clock of this service.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);

/// Time to live of the fingerprints of received messages and signatures. It is longer than a signature is
/// accepted.
pub(crate) const SEEN_PUSH_TTL: Duration = Duration::from_hours(1);

/// Receives message pushes and stores the withdrawals in them.
pub struct ReceivePush {
    /// Apps, of which some accept message pushes.
    pub apps: Arc<AppRegistry>,
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Fingerprints of messages and signatures.
    pub fingerprints: Arc<dyn TransientFingerprints>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness of ids.
    pub random: Arc<dyn Random>,
}

/// Reason why a message was rejected.
#[derive(Debug, thiserror::Error)]
pub enum ReceivePushError {
    /// The app does not exist or does not accept message pushes.
    #[error("no app of that name has a push token")]
    UnknownApp,
    /// The message is not from the provider or cannot be read.
    #[error(transparent)]
    Rejected(#[from] PushRejected),
    /// The time of the signature differs too much.
    #[error("the signature was not made within {} s of our clock", MAX_CLOCK_SKEW.as_secs())]
    Stale,
    /// The signature was used for another message.
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

    /// Verifies a signature without a message. The provider checks this way that the address belongs to
    /// the service.
    pub fn verify(&self, app: &AppName, signature: &PushSignature) -> Result<(), ReceivePushError> {
        self.reader(app)?.verify(signature)?;
        ensure_fresh(signature, self.clock.now())
    }

    /// Verifies a message and stores its withdrawal. After this returns, the withdrawal is processed even
    /// if the program ends.
    ///
    /// The provider repeats a message until it gets a response, so a message that was received before is
    /// ignored. The signature of a plaintext message does not cover its body, so each signature is accepted
    /// for one message only.
    pub async fn run(
        &self,
        app: &AppName,
        signature: &PushSignature,
        body: &[u8],
    ) -> Result<(), ReceivePushError> {
        let push = self.reader(app)?.read(signature, body)?;
        let now = self.clock.now();
        ensure_fresh(signature, now)?;
        let message = push.dedup_key.iter().map(String::as_str);
        let seen = SeenPush {
            message: self.fingerprint("push", app, message),
            signature: self.fingerprint(
                "push signature",
                app,
                [signature.timestamp.as_str(), &signature.nonce],
            ),
        };
        let withdrawal = push.withdrawal.map(|(subject, data)| {
            Withdrawal::new(app.clone(), subject, data, now, self.random.as_ref())
        });
        retry_on_contention(|| self.try_store(&seen, withdrawal.as_ref(), now)).await
    }

    async fn try_store(
        &self,
        seen: &SeenPush,
        withdrawal: Option<&Withdrawal>,
        now: Timestamp,
    ) -> Result<(), ReceivePushError> {
        let work = self.store.begin().await?;
        if !work.pushes().mark_seen(seen.message, now).await? {
            return Ok(work.commit().await?);
        }
        if !work.pushes().mark_seen(seen.signature, now).await? {
            return Err(ReceivePushError::Replayed);
        }
        if let Some(withdrawal) = withdrawal {
            work.pushes().add(withdrawal).await?;
        }
        Ok(work.commit().await?)
    }

    /// Returns the reader of messages to an app. A disabled app has one too, because revoked
    /// authorizations must be processed nevertheless.
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

/// Fingerprints by which a repeated message and a repeated signature are recognised.
struct SeenPush {
    message: Fingerprint,
    signature: Fingerprint,
}

fn ensure_fresh(signature: &PushSignature, now: Timestamp) -> Result<(), ReceivePushError> {
    let signed_at = signature.timestamp.parse::<i64>().ok();
    let skew = signed_at.map(|seconds| seconds.abs_diff(now.unix_seconds()));
    match skew {
        Some(seconds) if seconds <= MAX_CLOCK_SKEW.as_secs() => Ok(()),
        Some(_) | None => Err(ReceivePushError::Stale),
    }
}
