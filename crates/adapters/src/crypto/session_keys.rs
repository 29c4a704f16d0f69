//! Encryption at rest of WeChat session keys.

use std::sync::Arc;

use domain::model::identity::Subject;
use domain::model::secret::SessionKey;
use domain::ports::session_keys::{SessionKeySeal, UnsealKeyError};

use crate::crypto::sealer::{OpenError, SealContext, Sealer};

/// Seals the session keys of users.
pub struct SealedSessionKeys(Arc<Sealer>);

impl SealedSessionKeys {
    /// Creates the seal with the keys of `sealer`.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>) -> Self {
        Self(sealer)
    }
}

impl SessionKeySeal for SealedSessionKeys {
    fn seal(&self, user: &Subject, key: &SessionKey) -> Vec<u8> {
        let row = row_id(user.namespace.as_bytes(), user.value.as_bytes());
        self.0.seal_with_row_key(seal_context(&row), key.expose().as_bytes())
    }

    fn open(&self, user: &Subject, sealed: &[u8]) -> Result<SessionKey, UnsealKeyError> {
        let row = row_id(user.namespace.as_bytes(), user.value.as_bytes());
        let opened = self.0.open(seal_context(&row), sealed);
        let opened = opened.map_err(|error| UnsealKeyError(error.into()))?;
        // `Utf8Error` is dropped: its position in the text would reveal bytes of the key.
        let key = str::from_utf8(&opened)
            .ok()
            .ok_or_else(|| UnsealKeyError("the opened session key is not UTF-8 text".into()));
        Ok(SessionKey::new(key?.into()))
    }
}

/// Seals the session key of a user with the current sealing key if a former one sealed it.
pub(crate) fn reseal(
    sealer: &Sealer,
    namespace: &[u8],
    value: &[u8],
    ciphertext: &[u8],
) -> Result<Option<Vec<u8>>, OpenError> {
    if sealer.is_current(ciphertext) {
        return Ok(None);
    }
    let row = row_id(namespace, value);
    let context = seal_context(&row);
    Ok(Some(sealer.seal_with_row_key(context, &sealer.open(context, ciphertext)?)))
}

/// Row id of a user. It is unambiguous because neither a namespace nor a value contains a NUL.
fn row_id(namespace: &[u8], value: &[u8]) -> Vec<u8> {
    [namespace, b"\0", value].concat()
}

fn seal_context(row: &[u8]) -> SealContext<'_> {
    SealContext { table: "session_key", column: "sealed", row }
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
        let namespace = namespace.into();
        let value = value.into();
        Subject { namespace, kind: SubjectKind::OpenId, value }
    }

    #[test]
    fn sealed_session_key_opens_only_for_its_user() {
        let owner = user("app", "o1");
        let sealed = seal().seal(&owner, &SessionKey::new("canary-key".into()));
        assert!(!String::from_utf8_lossy(&sealed).contains("canary"));
        assert_eq!(seal().open(&owner, &sealed).unwrap().expose(), "canary-key");
        for other in [user("app", "O1"), user("other", "o1"), user("ap", "po1")] {
            assert!(seal().open(&other, &sealed).is_err(), "{}", other.value);
        }
    }
}
