//! An app that administrators have added while the service runs, and how its secret is changed.

use crate::model::app::name::{AppId, AppName};
use crate::model::app::policy::AppPolicy;
use crate::model::timestamp::Timestamp;

/// An app as the store keeps it. `version` is the number of changes so far, as with
/// [`crate::model::member::Member`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredApp {
    /// Its name; nobody else's, and never changed.
    pub name: AppName,
    /// The provider's id of it; nobody else's, and never changed.
    pub app_id: AppId,
    /// What is asked of those who log in.
    pub policy: AppPolicy,
    /// What it shows to its provider.
    pub secret: SealedSecret,
    /// What its pushes are believed by, where it takes any.
    pub push: Option<SealedPush>,
    /// Since when nobody may log in.
    pub disabled_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
    /// How often it changed.
    pub version: u32,
}

/// An app's secret, sealed. While one is put in another's place both are kept, and tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// The one that is to be good.
    pub current: Vec<u8>,
    /// The one before it, until the provider is known to take the current one.
    pub former: Option<Vec<u8>>,
    /// When the current one was told.
    pub changed_at: Timestamp,
}

/// What the provider's pushes are believed by, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPush {
    /// The token that signs them.
    pub token: Vec<u8>,
    /// The key that encrypts them, where there is one.
    pub key: Option<Vec<u8>>,
}

/// One secret is being put in another's place already. Which of the two the provider takes is not known
/// here, so neither may be forgotten for a third.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the app's secret is being rotated: end that first, or take it back")]
pub struct RotationInProgress;

/// There is no former secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the app's secret is not being rotated")]
pub struct NoRotation;

impl SealedSecret {
    /// Puts a new secret in the place of the current one, which is kept.
    pub fn rotate(&mut self, new: Vec<u8>, now: Timestamp) -> Result<(), RotationInProgress> {
        if self.former.is_some() {
            return Err(RotationInProgress);
        }
        self.former = Some(std::mem::replace(&mut self.current, new));
        self.changed_at = now;
        Ok(())
    }

    /// Forgets the former secret.
    pub fn finish_rotation(&mut self) -> Result<(), NoRotation> {
        self.former.take().map(drop).ok_or(NoRotation)
    }

    /// Forgets the new secret, and goes on with the former one.
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
    fn a_rotation_keeps_both_until_it_is_ended() {
        let mut rotated = secret(1, None, THEN);
        rotated.rotate(vec![2], NOW).unwrap();
        assert_eq!(rotated, secret(2, Some(1), NOW));
        rotated.finish_rotation().unwrap();
        assert_eq!(rotated, secret(2, None, NOW));
        assert_eq!(rotated.finish_rotation(), Err(NoRotation));
    }

    #[test]
    fn a_rotation_can_be_taken_back() {
        let mut rotated = secret(2, Some(1), THEN);
        rotated.cancel_rotation(NOW).unwrap();
        assert_eq!(rotated, secret(1, None, NOW));
        assert_eq!(rotated.cancel_rotation(NOW), Err(NoRotation));
        assert_eq!(rotated, secret(1, None, NOW));
    }

    #[test]
    fn no_secret_that_may_be_the_good_one_is_forgotten_for_a_third() {
        let mut rotated = secret(2, Some(1), THEN);
        assert_eq!(rotated.rotate(vec![3], NOW), Err(RotationInProgress));
        assert_eq!(rotated, secret(2, Some(1), THEN));
    }
}
