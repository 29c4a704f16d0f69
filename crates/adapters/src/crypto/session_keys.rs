//! Session keys, sealed for the store.

use std::sync::Arc;

use domain::model::identity::Subject;
use domain::model::secret::SessionKey;
use domain::ports::session_keys::{SessionKeySeal, UnsealKeyError};

use crate::crypto::sealer::{Place, Sealer};

/// Seals the session keys of users.
pub struct SealedSessionKeys(Arc<Sealer>);

impl SealedSessionKeys {
    /// Session keys under the sealing keys of `sealer`.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>) -> Self {
        Self(sealer)
    }
}

impl SessionKeySeal for SealedSessionKeys {
    fn seal(&self, user: &Subject, key: &SessionKey) -> Vec<u8> {
        let row = row(user);
        self.0.seal(place(&row), key.expose().as_bytes())
    }

    fn open(&self, user: &Subject, sealed: &[u8]) -> Result<SessionKey, UnsealKeyError> {
        let row = row(user);
        let opened = self.0.open(place(&row), sealed);
        let opened = opened.map_err(|error| UnsealKeyError(error.into()))?;
        // The error of a text that is none would lead to its bytes.
        let key =
            str::from_utf8(&opened).ok().ok_or_else(|| UnsealKeyError("it is no text".into()));
        Ok(SessionKey::new(key?.into()))
    }
}

/// What identifies a user's row: no namespace and no value holds a NUL.
fn row(user: &Subject) -> Vec<u8> {
    [user.namespace.as_bytes(), b"\0", user.value.as_bytes()].concat()
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "session_key", column: "sealed", row }
}

#[cfg(test)]
mod tests {
    use domain::model::identity::SubjectKind;

    use super::*;
    use crate::crypto::master_key::MasterKey;
    use crate::crypto::sealer::SealingKey;

    fn seal() -> SealedSessionKeys {
        let key = MasterKey::from_base64("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=").unwrap();
        SealedSessionKeys::new(Arc::new(Sealer::new(SealingKey::new(&key))))
    }

    fn user(namespace: &str, value: &str) -> Subject {
        let (namespace, value) = (namespace.into(), value.into());
        Subject { namespace, kind: SubjectKind::OpenId, value }
    }

    #[test]
    fn a_session_key_opens_for_its_own_user_only_and_does_not_show() {
        let owner = user("app", "o1");
        let sealed = seal().seal(&owner, &SessionKey::new("canary-key".into()));
        assert!(!String::from_utf8_lossy(&sealed).contains("canary"));
        assert_eq!(seal().open(&owner, &sealed).unwrap().expose(), "canary-key");
        for other in [user("app", "O1"), user("other", "o1"), user("ap", "po1")] {
            assert!(seal().open(&other, &sealed).is_err(), "{}", other.value);
        }
    }
}
