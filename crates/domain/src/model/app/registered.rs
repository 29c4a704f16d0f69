//! Registered apps: apps that administrators add at run time, and the rotation of their secrets.

use crate::model::app::name::{AppId, AppName};
use crate::model::app::policy::AppPolicy;
use crate::model::timestamp::Timestamp;

/// App that an administrator has registered, as stored. `version` is the number of changes so far, as
/// with [`crate::model::member::Member`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredApp {
    /// Name within this service; unique and immutable.
    pub name: AppName,
    /// Id at the provider; unique and immutable.
    pub app_id: AppId,
    /// Settings.
    pub policy: AppPolicy,
    /// Secret for calls to the provider.
    pub secret: SealedSecret,
    /// Secrets that authenticate message pushes; `None` if the app receives none.
    pub push: Option<SealedPush>,
    /// Time of disabling; logins are refused from then on. `None` if the app is enabled.
    pub disabled_at: Option<Timestamp>,
    /// Time of registration.
    pub created_at: Timestamp,
    /// Number of changes so far.
    pub version: u32,
}

/// Sealed secret of an app. During a rotation both secrets are stored and tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Sealed secret that is in use, or the new one during a rotation.
    pub current: Vec<u8>,
    /// Sealed previous secret during a rotation; `None` otherwise.
    pub former: Option<Vec<u8>>,
    /// Time at which the current secret was set.
    pub changed_at: Timestamp,
}

/// Sealed secrets that authenticate the provider's message pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPush {
    /// Sealed token that signs pushes.
    pub token: Vec<u8>,
    /// Sealed key that encrypts pushes; `None` in plaintext mode.
    pub key: Option<Vec<u8>>,
}

/// Error: a rotation is in progress. The provider may accept either of the two stored secrets, so
/// neither may be replaced by a third.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rotation of the app's secret is in progress: finish or cancel it first")]
pub struct RotationInProgress;

/// Error: no rotation is in progress.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no rotation of the app's secret is in progress")]
pub struct NoRotation;

impl SealedSecret {
    /// Starts a rotation: sets a new secret and keeps the current one as the former secret.
    pub fn rotate(&mut self, new: Vec<u8>, now: Timestamp) -> Result<(), RotationInProgress> {
        if self.former.is_some() {
            return Err(RotationInProgress);
        }
        self.former = Some(std::mem::replace(&mut self.current, new));
        self.changed_at = now;
        Ok(())
    }

    /// Finishes the rotation: deletes the former secret.
    pub fn finish_rotation(&mut self) -> Result<(), NoRotation> {
        self.former.take().map(drop).ok_or(NoRotation)
    }

    /// Cancels the rotation: deletes the new secret and restores the former one.
    pub fn cancel_rotation(&mut self, now: Timestamp) -> Result<(), NoRotation> {
        self.current = self.former.take().ok_or(NoRotation)?;
        self.changed_at = now;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Timestamp = Timestamp::from_unix_millis(1);
    const NOW: Timestamp = Timestamp::from_unix_millis(2);

    fn secret(current: u8, former: Option<u8>, changed_at: Timestamp) -> SealedSecret {
        SealedSecret { current: vec![current], former: former.map(|it| vec![it]), changed_at }
    }

    #[test]
    fn rotation_keeps_both_secrets_until_it_is_finished() {
        let mut rotated = secret(1, None, THEN);
        rotated.rotate(vec![2], NOW).unwrap();
        assert_eq!(rotated, secret(2, Some(1), NOW));
        rotated.finish_rotation().unwrap();
        assert_eq!(rotated, secret(2, None, NOW));
        assert_eq!(rotated.finish_rotation(), Err(NoRotation));
    }

    #[test]
    fn cancelled_rotation_restores_the_former_secret() {
        let mut rotated = secret(2, Some(1), THEN);
        rotated.cancel_rotation(NOW).unwrap();
        assert_eq!(rotated, secret(1, None, NOW));
        assert_eq!(rotated.cancel_rotation(NOW), Err(NoRotation));
        assert_eq!(rotated, secret(1, None, NOW));
    }

    #[test]
    fn second_rotation_is_refused_while_one_is_in_progress() {
        let mut rotated = secret(2, Some(1), THEN);
        assert_eq!(rotated.rotate(vec![3], NOW), Err(RotationInProgress));
        assert_eq!(rotated, secret(2, Some(1), THEN));
    }
}
