//! Factory of apps over WeChat.

use std::sync::Arc;

use adapters::crypto::app_secrets::SealedAppSecrets;
use adapters::crypto::sealer::Sealer;
use adapters::crypto::session_keys::SealedSessionKeys;
use adapters::wechat::access_token_cache::AccessTokenCache;
use adapters::wechat::http::WechatHttp;
use adapters::wechat::push::WechatPushReader;
use adapters::wechat::{WechatApp, WechatMiniProgram, namespace};
use anyhow::Context;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::app::registered::{RegisteredApp, SealedPush};
use domain::model::app::secret::AppSecretKind;
use domain::model::clock::Clock;
use domain::ports::app::App;
use domain::ports::app::{AppFactory, BuildAppError};
use domain::ports::pushes::PushReader;
use domain::ports::session_keys::SessionKeys;
use domain::use_cases::app::registry::AppRegistry;
use domain::use_cases::rate_limits::{RateLimitedProvider, RateLimits};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;
use crate::config::apps::{AppConfig, SANDBOX_PUSH_TOKEN, SANDBOX_SECRET};

/// Error text for a secret of the sandbox in production.
const SANDBOX_SECRET_MSG: &str = "is the sandbox's; production needs your own";

/// Factory of apps over WeChat, configured and registered ones.
pub(super) struct WechatApps {
    pub(super) http: WechatHttp,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rate_limits: Arc<RateLimits>,
    pub(super) sealer: Arc<Sealer>,
    pub(super) access_token_cache: Option<Arc<dyn AccessTokenCache>>,
    /// Rejects the well-known secrets of the sandbox.
    pub(super) production: bool,
}

/// Secrets that an app shares with WeChat, in plaintext.
pub(crate) struct AppSecrets {
    secret: SecretString,
    former_secret: Option<SecretString>,
}

impl WechatApps {
    /// Returns the configured apps.
    pub(super) fn configured(&self, config: &Config) -> anyhow::Result<AppRegistry> {
        let app = |app: &AppConfig| {
            let AppConfig { name, app_id, policy, push_token, push_aes_key, .. } = app;
            let reader =
                |token: SecretString| WechatPushReader::new(app_id, token, push_aes_key.as_ref());
            let pushes = push_token.clone().map(reader).transpose();
            let pushes = pushes.with_context(|| format!("apps.{}", name.as_str()))?;
            let pushes = pushes.map(|reader| Arc::new(reader) as Arc<dyn PushReader>);
            let wechat_app = wechat_app(app_id, policy, AppSecrets::of(app));
            Ok(self.assemble(name.clone(), wechat_app, policy.clone(), pushes))
        };
        Ok(AppRegistry::new(config.apps.iter().map(app).collect::<anyhow::Result<_>>()?))
    }

    fn assemble(
        &self,
        name: AppName,
        app: WechatApp,
        policy: AppPolicy,
        pushes: Option<Arc<dyn PushReader>>,
    ) -> App {
        let app_id = app.app_id.clone();
        let mini_program = Arc::new(WechatMiniProgram::new(
            app,
            self.http.clone(),
            Arc::clone(&self.clock),
            self.access_token_cache.clone(),
        ));
        let identity = RateLimitedProvider {
            app: name.clone(),
            provider: mini_program.clone(),
            limits: Arc::clone(&self.rate_limits),
        };
        let session_keys = policy.store_session_keys.then(|| SessionKeys {
            seal: Arc::new(SealedSessionKeys::new(Arc::clone(&self.sealer))),
            operations: mini_program.clone(),
        });
        App {
            name,
            app_id,
            namespace: mini_program.namespace(),
            policy,
            disabled: false,
            identity: Arc::new(identity),
            phone: mini_program,
            session_keys,
            pushes,
        }
    }

    /// Returns the reader of message pushes to a registered app. A push token or key that cannot be
    /// decrypted disables message push, but not the app.
    fn push_reader(
        &self,
        app: &RegisteredApp,
        push: &SealedPush,
    ) -> Result<Option<Arc<dyn PushReader>>, BuildAppError> {
        let secrets = SealedAppSecrets::new(Arc::clone(&self.sealer));
        let token = secrets.open(&app.name, AppSecretKind::PushToken, &push.token);
        let key = push.key.as_ref().map(|key| secrets.open(&app.name, AppSecretKind::PushKey, key));
        let (token, key) = match (token, key.transpose()) {
            (Ok(token), Ok(key)) => (token, key),
            (Err(error), _) | (Ok(_), Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(
                    app = app.name.as_str(),
                    error,
                    "message push disabled for app: its token or key cannot be decrypted"
                );
                return Ok(None);
            }
        };
        if self.production && token.expose_secret() == SANDBOX_PUSH_TOKEN {
            return Err(BuildAppError::Push(SANDBOX_SECRET_MSG.into()));
        }
        let reader = WechatPushReader::new(&app.app_id, token, key.as_ref());
        let reader = reader.map_err(|error| BuildAppError::Push(error.to_string()))?;
        Ok(Some(Arc::new(reader)))
    }
}

impl AppFactory for WechatApps {
    fn build(&self, app: &RegisteredApp) -> Result<App, BuildAppError> {
        let secrets = AppSecrets::unsealed(app, &self.sealer)?;
        if self.production && secrets.secret.expose_secret() == SANDBOX_SECRET {
            return Err(BuildAppError::Secret(SANDBOX_SECRET_MSG.into()));
        }
        let pushes = app.push.as_ref().map(|push| self.push_reader(app, push)).transpose()?;
        let wechat_app = wechat_app(&app.app_id, &app.policy, secrets);
        let built =
            self.assemble(app.name.clone(), wechat_app, app.policy.clone(), pushes.flatten());
        Ok(App { disabled: app.disabled_at.is_some(), ..built })
    }

    fn namespace(&self, app_id: &AppId) -> String {
        namespace(app_id)
    }
}

impl AppSecrets {
    /// Returns the secret of a configured app.
    pub(crate) fn of(app: &AppConfig) -> Self {
        Self { secret: app.secret.clone(), former_secret: None }
    }

    /// Decrypts the secrets of a registered app. A former secret that cannot be decrypted is left out.
    pub(crate) fn unsealed(
        app: &RegisteredApp,
        sealer: &Arc<Sealer>,
    ) -> Result<Self, BuildAppError> {
        let secrets = SealedAppSecrets::new(Arc::clone(sealer));
        let open = |sealed: &[u8]| secrets.open(&app.name, AppSecretKind::Secret, sealed);
        let secret = open(&app.secret.current);
        let secret = secret.map_err(|error| BuildAppError::Sealed(error.into()))?;
        let former = app.secret.former.as_deref().map(open).transpose();
        let former = former.inspect_err(|error| {
            let error: &dyn std::error::Error = error;
            tracing::error!(
                app = app.name.as_str(),
                error,
                "the former secret of an app cannot be decrypted"
            );
        });
        Ok(Self { secret, former_secret: former.unwrap_or_default() })
    }
}

/// Describes an app to the WeChat client.
pub(crate) fn wechat_app(app_id: &AppId, policy: &AppPolicy, secrets: AppSecrets) -> WechatApp {
    WechatApp {
        app_id: app_id.clone(),
        secret: secrets.secret,
        former_secret: secrets.former_secret,
        open_platform: policy.open_platform.clone(),
    }
}

#[cfg(test)]
mod tests {
    use adapters::crypto::master_key::MasterKey;
    use adapters::crypto::sealer::SealingKey;
    use adapters::system::SystemClock;
    use adapters::wechat::http::WechatHttpConfig;
    use domain::model::app::registered::SealedSecret;
    use domain::model::timestamp::Timestamp;
    use domain::ports::app::AppSecretSeal;
    use domain::use_cases::rate_limits::Quotas;
    use testkit::fake::rate_limiter::MemoryRateLimiter;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(0);

    fn build(production: bool, secret: &str) -> Result<App, BuildAppError> {
        let key = MasterKey::from_base64("q0Zx1uQY5kW7c2bJt8nRrV4mE9sLh3dFgPpAoTiUyNk=").unwrap();
        let sealer = Arc::new(Sealer::new(SealingKey::new(&key)));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let name = AppName::parse("shop").unwrap();
        let secrets = SealedAppSecrets::new(Arc::clone(&sealer));
        let current = secrets.seal(&name, AppSecretKind::Secret, secret);
        let apps = WechatApps {
            http: WechatHttp::new(&WechatHttpConfig::default()).unwrap(),
            rate_limits: MemoryRateLimiter::limits(Quotas::default(), Arc::clone(&clock)),
            clock,
            sealer,
            access_token_cache: None,
            production,
        };
        apps.build(&RegisteredApp {
            name,
            app_id: AppId::parse("wx1").unwrap(),
            policy: AppPolicy::default(),
            secret: SealedSecret { current, former: None, changed_at: NOW },
            push: None,
            disabled_at: None,
            created_at: NOW,
            version: 0,
        })
    }

    #[test]
    fn production_rejects_sandbox_secrets() {
        let refused = build(true, SANDBOX_SECRET).unwrap_err();
        assert!(matches!(refused, BuildAppError::Secret(_)), "{refused}");
        assert!(build(false, SANDBOX_SECRET).is_ok());
        assert!(build(true, "fedcba9876543210fedcba9876543210").is_ok());
    }
}
