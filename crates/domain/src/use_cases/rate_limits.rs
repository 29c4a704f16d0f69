//! Rate limits: quotas per address, app, member, session and service account.

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::app::name::AppName;
use crate::model::identity::ProviderIdentity;
use crate::model::rate_limit::{LimitKey, Quota, RateLimited};
use crate::model::secret::LoginCode;
use crate::ports::provider::{IdentityProvider, ProviderError, ProviderFailure};
use crate::ports::rate_limiter::RateLimiter;

/// Counts requests against quotas.
pub struct RateLimits {
    /// Counter of requests.
    pub limiter: Arc<dyn RateLimiter>,
    /// Quotas by kind of key.
    pub quotas: Quotas,
}

/// Quotas by kind of key; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotas {
    /// Requests of a network address.
    pub address: Option<Quota>,
    /// Requests with an administrator's password or invitation code of a network address.
    pub sign_in: Option<Quota>,
    /// Requests with the password or invitation code of one administrator.
    pub admin_account: Option<Quota>,
    /// Logins to an app.
    pub app: Option<Quota>,
    /// Requests of a member, on all devices.
    pub member: Option<Quota>,
    /// Refreshes of a session.
    pub session: Option<Quota>,
    /// Requests of a service account.
    pub service: Option<Quota>,
}

impl RateLimits {
    /// Counts one request, and fails if it exceeds the quota.
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
            LimitKey::AdminAccount(_) => self.admin_account,
            LimitKey::App(_) => self.app,
            LimitKey::Member(_) => self.member,
            LimitKey::Session(_) => self.session,
            LimitKey::Service(_) => self.service,
        }
    }
}

/// Provider behind the rate limit of its app. Requests over the limit are not sent.
pub struct RateLimitedProvider {
    /// App whose logins are counted.
    pub app: AppName,
    /// Provider behind the limit.
    pub provider: Arc<dyn IdentityProvider>,
    /// Rate limits.
    pub limits: Arc<RateLimits>,
}

#[async_trait]
impl IdentityProvider for RateLimitedProvider {
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError> {
        let checked = self.limits.check(LimitKey::App(self.app.clone())).await;
        checked.map_err(|rate_limited| {
            let retry_after = rate_limited.retry_after;
            ProviderError::new(ProviderFailure::Throttled { retry_after }, rate_limited)
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
    async fn provider_is_not_called_over_the_app_quota() {
        let mut limiter = MockRateLimiter::new();
        let retry_after = Duration::from_secs(9);
        limiter.expect_take().once().returning(move |key, quota| {
            assert_eq!(*key, LimitKey::App(AppName::parse("main").unwrap()));
            assert_eq!(Some(quota), Quota::new(2, 3));
            Err(RateLimited { retry_after })
        });
        let provider = RateLimitedProvider {
            app: AppName::parse("main").unwrap(),
            // The mock expects nothing: a call would fail the test.
            provider: Arc::new(MockIdentityProvider::new()),
            limits: limits(limiter),
        };
        let refused =
            provider.redeem_login_code(&LoginCode::parse("code").unwrap()).await.unwrap_err();
        assert_eq!(refused.failure, ProviderFailure::Throttled { retry_after });
    }

    #[tokio::test]
    async fn key_without_quota_is_not_counted() {
        let limits = limits(MockRateLimiter::new());
        assert_eq!(limits.check(LimitKey::Service("orders".into())).await, Ok(()));
    }
}
