//! Let pass who does not ask too often.

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::app::name::AppName;
use crate::model::identity::ProviderIdentity;
use crate::model::rate_limit::{LimitKey, Quota, RateLimited};
use crate::model::secret::LoginCode;
use crate::ports::provider::{IdentityProvider, ProviderError, ProviderFailure};
use crate::ports::rate_limiter::RateLimiter;

/// The one place where requests are counted against quotas.
pub struct RateLimits {
    /// What counts.
    pub limiter: Arc<dyn RateLimiter>,
    /// Up to where.
    pub quotas: Quotas,
}

/// How much each kind of asker may ask; `None` is as much as they like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotas {
    /// Whoever is behind one network address.
    pub address: Option<Quota>,
    /// Whoever tries to sign in as an administrator from behind one network address.
    pub sign_in: Option<Quota>,
    /// All who log in to one app.
    pub app: Option<Quota>,
    /// One member, on all devices.
    pub member: Option<Quota>,
    /// One session, to be prolonged.
    pub session: Option<Quota>,
    /// One trusted back end.
    pub service: Option<Quota>,
}

impl RateLimits {
    /// Counts one request.
    pub async fn check(&self, key: LimitKey) -> Result<(), RateLimited> {
        match self.quotas.quota(&key) {
            Some(quota) => self.limiter.take(&key, quota).await,
            None => Ok(()),
        }
    }
}

impl Quotas {
    fn quota(&self, key: &LimitKey) -> Option<Quota> {
        match key {
            LimitKey::Address(_) | LimitKey::HealthCheck(_) => self.address,
            LimitKey::AdminSignIn(_) => self.sign_in,
            LimitKey::App(_) => self.app,
            LimitKey::Member(_) => self.member,
            LimitKey::Session(_) => self.session,
            LimitKey::Service(_) => self.service,
        }
    }
}

/// A provider that is asked no more often than its app may: what is too much never leaves the house.
pub struct RateLimitedProvider {
    /// The app whose codes are counted.
    pub app: AppName,
    /// Who is asked.
    pub provider: Arc<dyn IdentityProvider>,
    /// How often.
    pub limits: Arc<RateLimits>,
}

#[async_trait]
impl IdentityProvider for RateLimitedProvider {
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError> {
        let admitted = self.limits.check(LimitKey::App(self.app.clone())).await;
        admitted.map_err(|too_many| {
            let retry_after = too_many.retry_after;
            ProviderError::new(ProviderFailure::Throttled { retry_after }, too_many)
        })?;
        self.provider.redeem_login_code(code).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ports::provider::MockIdentityProvider;
    use crate::ports::rate_limiter::MockRateLimiter;

    fn limits(limiter: MockRateLimiter) -> Arc<RateLimits> {
        let app = Quota::new(2, 3);
        Arc::new(RateLimits {
            limiter: Arc::new(limiter),
            quotas: Quotas { app, ..Quotas::default() },
        })
    }

    #[tokio::test]
    async fn a_provider_is_not_asked_more_often_than_its_app_may() {
        let mut limiter = MockRateLimiter::new();
        let retry_after = Duration::from_secs(9);
        limiter.expect_take().once().returning(move |key, quota| {
            assert_eq!(*key, LimitKey::App(AppName::parse("main").unwrap()));
            assert_eq!(Some(quota), Quota::new(2, 3));
            Err(RateLimited { retry_after })
        });
        let provider = RateLimitedProvider {
            app: AppName::parse("main").unwrap(),
            // Nothing is expected of it: a call would fail the test.
            provider: Arc::new(MockIdentityProvider::new()),
            limits: limits(limiter),
        };
        let refused =
            provider.redeem_login_code(&LoginCode::parse("code").unwrap()).await.unwrap_err();
        assert_eq!(refused.failure, ProviderFailure::Throttled { retry_after });
    }

    #[tokio::test]
    async fn what_has_no_quota_is_not_counted() {
        let limits = limits(MockRateLimiter::new());
        assert_eq!(limits.check(LimitKey::Service("orders".into())).await, Ok(()));
    }
}
