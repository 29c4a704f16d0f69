//! What apps share with their provider, sealed for the store.

use std::sync::Arc;

use domain::model::app::name::AppName;
use domain::model::app::secret::AppSecretKind;
use domain::ports::app::AppSecretSeal;
use secrecy::SecretString;

use crate::crypto::sealer::{OpenError, Place, Sealer};

/// Seals the secrets of registered apps.
pub struct SealedAppSecrets(Arc<Sealer>);

/// A secret of an app cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AppSecretError {
    /// It does not open.
    #[error(transparent)]
    Sealed(#[from] OpenError),
    /// What was sealed is no text.
    #[error("it is no text")]
    NoText,
}

impl SealedAppSecrets {
    /// Secrets of apps under the sealing keys of `sealer`.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>) -> Self {
        Self(sealer)
    }

    /// The secret of this kind that was sealed for this app.
    pub fn open(
        &self,
        app: &AppName,
        kind: AppSecretKind,
        sealed: &[u8],
    ) -> Result<SecretString, AppSecretError> {
        let opened = self.0.open(place(app.as_str().as_bytes(), kind), sealed)?;
        // The error of a text that is none would lead to its bytes.
        let text = str::from_utf8(&opened).ok().ok_or(AppSecretError::NoText);
        Ok(text?.into())
    }
}

impl AppSecretSeal for SealedAppSecrets {
    fn seal(&self, app: &AppName, kind: AppSecretKind, secret: &str) -> Vec<u8> {
        self.0.seal(place(app.as_str().as_bytes(), kind), secret.as_bytes())
    }
}

/// The secret sealed anew, if a former key sealed it.
pub(crate) fn reseal(
    master: &Sealer,
    app: &[u8],
    kind: AppSecretKind,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, OpenError> {
    if master.is_current(sealed) {
        return Ok(None);
    }
    let place = place(app, kind);
    Ok(Some(master.seal(place, &master.open(place, sealed)?)))
}

/// A present and a former secret lie in different columns, and are of one kind.
fn place(app: &[u8], kind: AppSecretKind) -> Place<'_> {
    let column = match kind {
        AppSecretKind::Secret => "secret",
        AppSecretKind::PushToken => "push_token",
        AppSecretKind::PushKey => "push_key",
    };
    Place { table: "app", column, row: app }
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
    fn an_apps_secret_opens_for_its_own_app_and_kind_only_and_does_not_show() {
        let secrets = SealedAppSecrets::new(Arc::new(Sealer::new(key(OLD))));
        let sealed = secrets.seal(&name("shop"), AppSecretKind::Secret, SECRET);
        assert!(!sealed.windows(8).any(|part| SECRET.as_bytes().starts_with(part)));
        let opened = secrets.open(&name("shop"), AppSecretKind::Secret, &sealed).unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&opened), SECRET);
        assert!(secrets.open(&name("main"), AppSecretKind::Secret, &sealed).is_err());
        assert!(secrets.open(&name("shop"), AppSecretKind::PushToken, &sealed).is_err());
    }

    #[test]
    fn a_secret_under_a_former_key_is_sealed_anew_and_one_under_the_present_key_is_left() {
        let old = SealedAppSecrets::new(Arc::new(Sealer::new(key(OLD))));
        let sealed = old.seal(&name("shop"), AppSecretKind::PushKey, SECRET);
        let both = Arc::new(Sealer::new(key(NEW)).also_opening(key(OLD)));
        let anew = reseal(&both, b"shop", AppSecretKind::PushKey, &sealed).unwrap().unwrap();
        assert_eq!(reseal(&both, b"shop", AppSecretKind::PushKey, &anew).unwrap(), None);
        let new = SealedAppSecrets::new(Arc::new(Sealer::new(key(NEW))));
        assert!(new.open(&name("shop"), AppSecretKind::PushKey, &anew).is_ok());
        assert!(new.open(&name("shop"), AppSecretKind::PushKey, &sealed).is_err());
    }
}
