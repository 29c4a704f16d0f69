//! Encryption at rest of the secrets of registered apps.

use std::sync::Arc;

use domain::model::app::name::AppName;
use domain::model::app::secret::AppSecretKind;
use domain::ports::app::AppSecretSeal;
use secrecy::SecretString;

use crate::crypto::sealer::{OpenError, SealContext, Sealer};

/// Seals the secrets of registered apps.
pub struct SealedAppSecrets(Arc<Sealer>);

/// Error of reading a sealed app secret.
#[derive(Debug, thiserror::Error)]
pub enum AppSecretError {
    /// The secret cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The opened secret is not text.
    #[error("the opened app secret is not UTF-8 text")]
    NotUtf8,
}

impl SealedAppSecrets {
    /// Creates the seal with the keys of `sealer`.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>) -> Self {
        Self(sealer)
    }

    /// Opens the secret of this kind that was sealed for this app.
    pub fn open(
        &self,
        app: &AppName,
        kind: AppSecretKind,
        sealed: &[u8],
    ) -> Result<SecretString, AppSecretError> {
        let opened = self.0.open(seal_context(app.as_str().as_bytes(), kind), sealed)?;
        // `Utf8Error` is dropped: its position in the text would reveal bytes of the secret.
        let text = str::from_utf8(&opened).ok().ok_or(AppSecretError::NotUtf8);
        Ok(text?.into())
    }
}

impl AppSecretSeal for SealedAppSecrets {
    fn seal(&self, app: &AppName, kind: AppSecretKind, secret: &str) -> Vec<u8> {
        self.0.seal(seal_context(app.as_str().as_bytes(), kind), secret.as_bytes())
    }
}

/// Seals the secret with the current key if a former key sealed it.
pub(crate) fn reseal(
    master: &Sealer,
    app: &[u8],
    kind: AppSecretKind,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, OpenError> {
    if master.is_current(sealed) {
        return Ok(None);
    }
    let context = seal_context(app, kind);
    Ok(Some(master.seal(context, &master.open(context, sealed)?)))
}

/// Context of an app secret. The current and the former secret are stored in different columns and share one
/// context, because a rotation moves the value from one column to the other.
fn seal_context(app: &[u8], kind: AppSecretKind) -> SealContext<'_> {
    let column = match kind {
        AppSecretKind::Secret => "secret",
        AppSecretKind::PushToken => "push_token",
        AppSecretKind::PushKey => "push_key",
    };
    SealContext { table: "app", column, row: app }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::master_key::MasterKey;
    use crate::crypto::sealer::SealingKey;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn key(text: &str) -> SealingKey {
        SealingKey::new(&MasterKey::from_base64(text).unwrap())
    }

    fn name(name: &str) -> AppName {
        AppName::parse(name).unwrap()
    }

    const OLD: &str = "q0Zx1uQY5kW7c2bJt8nRrV4mE9sLh3dFgPpAoTiUyNk=";
    const NEW: &str = "eHPzEzmkUPDEdOn8wGGaSr1HWdfNGKNhRGOeGRJkKIk=";

    #[test]
    fn sealed_app_secret_opens_only_for_its_app_and_kind() {
        let secrets = SealedAppSecrets::new(Arc::new(Sealer::new(key(OLD))));
        let sealed = secrets.seal(&name("shop"), AppSecretKind::Secret, SECRET);
        assert!(!sealed.windows(8).any(|part| SECRET.as_bytes().starts_with(part)));
        let opened = secrets.open(&name("shop"), AppSecretKind::Secret, &sealed).unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&opened), SECRET);
        assert!(secrets.open(&name("main"), AppSecretKind::Secret, &sealed).is_err());
        assert!(secrets.open(&name("shop"), AppSecretKind::PushToken, &sealed).is_err());
    }

    #[test]
    fn reseal_changes_only_secrets_under_a_former_key() {
        let old = SealedAppSecrets::new(Arc::new(Sealer::new(key(OLD))));
        let sealed = old.seal(&name("shop"), AppSecretKind::PushKey, SECRET);
        let both = Arc::new(Sealer::new(key(NEW)).with_former_key(key(OLD)));
        let resealed = reseal(&both, b"shop", AppSecretKind::PushKey, &sealed).unwrap().unwrap();
        assert_eq!(reseal(&both, b"shop", AppSecretKind::PushKey, &resealed).unwrap(), None);
        let new = SealedAppSecrets::new(Arc::new(Sealer::new(key(NEW))));
        assert!(new.open(&name("shop"), AppSecretKind::PushKey, &resealed).is_ok());
        assert!(new.open(&name("shop"), AppSecretKind::PushKey, &sealed).is_err());
    }
}
