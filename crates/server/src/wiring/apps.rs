//! Apps joined with WeChat, those of the configuration and those that were added: the one place where they
//! are made.

use std::sync::Arc;

use adapters::crypto::app_secrets::SealedAppSecrets;
use adapters::crypto::sealer::Sealer;
use adapters::crypto::session_keys::SealedSessionKeys;
use adapters::store::SeaStore;
use adapters::wechat::access_token_cache::TokenShelf;
use adapters::wechat::http::WechatHttp;
use adapters::wechat::push::WechatPushes;
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
use domain::use_cases::app::reload::{AppCache, ReloadApps};
use domain::use_cases::rate_limits::{RateLimitedProvider, RateLimits};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{AppConfig, Config, SANDBOX_PUSH_TOKEN, SANDBOX_SECRET};

/// Why what the sandbox has is no secret.
const SANDBOX_IS_KNOWN: &str = "is the sandbox's; production needs your own";

/// What all apps have in common.
struct WechatApps {
    http: WechatHttp,
    clock: Arc<dyn Clock>,
    limits: Arc<RateLimits>,
    sealer: Arc<Sealer>,
    shelf: Option<Arc<dyn TokenShelf>>,
    /// Whether what everyone knows is no secret.
    production: bool,
}

/// What WeChat and an app share, in the open.
pub(crate) struct Shared {
    secret: SecretString,
    former_secret: Option<SecretString>,
}

/// What serves the apps: so far those of the configuration.
pub(super) fn serve(
    config: &Config,
    store: &Arc<SeaStore>,
    http: WechatHttp,
    clock: &Arc<dyn Clock>,
    limits: &Arc<RateLimits>,
    sealer: &Arc<Sealer>,
    shelf: Option<Arc<dyn TokenShelf>>,
) -> anyhow::Result<ReloadApps> {
    let (clock, limits, sealer) = (Arc::clone(clock), Arc::clone(limits), Arc::clone(sealer));
    let factory = WechatApps { http, clock, limits, sealer, shelf, production: config.production };
    Ok(ReloadApps {
        apps: Arc::new(factory.configured(config)?),
        directory: store.clone(),
        factory: Arc::new(factory),
        built: AppCache::default(),
    })
}

impl WechatApps {
    /// The apps of the configuration.
    fn configured(&self, config: &Config) -> anyhow::Result<AppRegistry> {
        let app = |app: &AppConfig| {
            let AppConfig { name, app_id, policy, push_token, push_aes_key, .. } = app;
            let reader =
                |token: SecretString| WechatPushes::new(app_id, token, push_aes_key.as_ref());
            let pushes = push_token.clone().map(reader).transpose();
            let pushes = pushes.with_context(|| format!("apps.{}", name.as_str()))?;
            let pushes = pushes.map(|reader| Arc::new(reader) as Arc<dyn PushReader>);
            let users =
                users(app_id, policy, Shared::of(app), &self.http, &self.clock, self.shelf.clone());
            Ok(self.join(name.clone(), app_id.clone(), policy.clone(), users, pushes))
        };
        Ok(AppRegistry::new(config.apps.iter().map(app).collect::<anyhow::Result<_>>()?))
    }

    fn join(
        &self,
        name: AppName,
        app_id: AppId,
        policy: AppPolicy,
        users: WechatMiniProgram,
        pushes: Option<Arc<dyn PushReader>>,
    ) -> App {
        let users = Arc::new(users);
        let limits = Arc::clone(&self.limits);
        let identity = RateLimitedProvider { app: name.clone(), provider: users.clone(), limits };
        let session_keys = policy.store_session_keys.then(|| SessionKeys {
            seal: Arc::new(SealedSessionKeys::new(Arc::clone(&self.sealer))),
            operations: users.clone(),
        });
        App {
            name,
            app_id,
            namespace: users.namespace(),
            policy,
            disabled: false,
            identity: Arc::new(identity),
            phone: users,
            session_keys,
            pushes,
        }
    }

    /// What reads the pushes to an app that was added.
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
                tracing::error!(app = app.name.as_str(), error, "an app takes no pushes");
                return Ok(None);
            }
        };
        if self.production && token.expose_secret() == SANDBOX_PUSH_TOKEN {
            return Err(BuildAppError::Push(SANDBOX_IS_KNOWN.into()));
        }
        let reader = WechatPushes::new(&app.app_id, token, key.as_ref());
        let reader = reader.map_err(|error| BuildAppError::Push(error.to_string()))?;
        Ok(Some(Arc::new(reader)))
    }
}

impl AppFactory for WechatApps {
    fn build(&self, app: &RegisteredApp) -> Result<App, BuildAppError> {
        let shared = Shared::unsealed(app, &self.sealer)?;
        if self.production && shared.secret.expose_secret() == SANDBOX_SECRET {
            return Err(BuildAppError::Secret(SANDBOX_IS_KNOWN.into()));
        }
        let users =
            users(&app.app_id, &app.policy, shared, &self.http, &self.clock, self.shelf.clone());
        let pushes = app.push.as_ref().map(|push| self.push_reader(app, push)).transpose()?;
        let (name, app_id, policy) = (app.name.clone(), app.app_id.clone(), app.policy.clone());
        let built = self.join(name, app_id, policy, users, pushes.flatten());
        Ok(App { disabled: app.disabled_at.is_some(), ..built })
    }

    fn namespace(&self, app_id: &AppId) -> String {
        namespace(app_id)
    }
}

impl Shared {
    /// That of an app of the configuration.
    pub(crate) fn of(app: &AppConfig) -> Self {
        Self { secret: app.secret.clone(), former_secret: None }
    }

    /// That of an app that was added. A former secret that does not open is left out.
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
            tracing::error!(app = app.name.as_str(), error, "an app has no former secret");
        });
        Ok(Self { secret, former_secret: former.unwrap_or_default() })
    }
}

/// The users of one app.
pub(crate) fn users(
    app_id: &AppId,
    policy: &AppPolicy,
    shared: Shared,
    http: &WechatHttp,
    clock: &Arc<dyn Clock>,
    shelf: Option<Arc<dyn TokenShelf>>,
) -> WechatMiniProgram {
    let wechat = WechatApp {
        app_id: app_id.clone(),
        secret: shared.secret,
        former_secret: shared.former_secret,
        open_platform: policy.open_platform.clone(),
    };
    WechatMiniProgram::new(wechat, http.clone(), Arc::clone(clock), shelf)
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
            limits: MemoryRateLimiter::limits(Quotas::default(), Arc::clone(&clock)),
            clock,
            sealer,
            shelf: None,
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
    fn production_takes_no_secret_that_everyone_knows() {
        let refused = build(true, SANDBOX_SECRET).unwrap_err();
        assert!(matches!(refused, BuildAppError::Secret(_)), "{refused}");
        assert!(build(false, SANDBOX_SECRET).is_ok());
        assert!(build(true, "fedcba9876543210fedcba9876543210").is_ok());
    }
}
