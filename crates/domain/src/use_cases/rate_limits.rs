//! Let pass who does not ask too often.

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::app::name::AppName;
use crate::model::identity::Verified;
use crate::model::rate_limit::{LimitKey, Quota, TooMany};
use crate::model::secret::LoginCode;
use crate::ports::provider::{IdentityProvider, ProviderError, ProviderFailure};
use crate::ports::rate_limiter::RateLimiter;

/// The one place where requests are counted against quotas.
pub struct Limits {
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

impl Limits {
    /// Counts one request.
    pub async fn admit(&self, key: LimitKey) -> Result<(), TooMany> {
        match self.quotas.of(&key) {
            Some(quota) => self.limiter.take(&key, quota).await,
            None => Ok(()),
        }
    }
}

impl Quotas {
    fn of(&self, key: &LimitKey) -> Option<Quota> {
        match key {
            LimitKey::Address(_) | LimitKey::Probe(_) => self.address,
            LimitKey::SignIn(_) => self.sign_in,
            LimitKey::App(_) => self.app,
            LimitKey::Member(_) => self.member,
            LimitKey::Session(_) => self.session,
            LimitKey::Service(_) => self.service,
        }
    }
}

/// A provider that is asked no more often than its app may: what is too much never leaves the house.
pub struct LimitedProvider {
    /// The app whose codes are counted.
    pub app: AppName,
    /// Who is asked.
    pub provider: Arc<dyn IdentityProvider>,
    /// How often.
    pub limits: Arc<Limits>,
}

#[async_trait]
impl IdentityProvider for LimitedProvider {
    async fn verify(&self, code: &LoginCode) -> Result<Verified, ProviderError> {
        let admitted = self.limits.admit(LimitKey::App(self.app.clone())).await;
        admitted.map_err(|too_many| {
            let retry_after = too_many.retry_after;
            ProviderError::new(ProviderFailure::Throttled { retry_after }, too_many)
        })?;
        self.provider.verify(code).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ports::provider::MockIdentityProvider;
    use crate::ports::rate_limiter::MockRateLimiter;

    fn limits(limiter: MockRateLimiter) -> Arc<Limits> {
        let app = Quota::new(2, 3);
        Arc::new(Limits { limiter: Arc::new(limiter), quotas: Quotas { app, ..Quotas::default() } })
    }

    #[tokio::test]
    async fn a_provider_is_not_asked_more_often_than_its_app_may() {
        let mut limiter = MockRateLimiter::new();
        let retry_after = Duration::from_secs(9);
        limiter.expect_take().once().returning(move |key, quota| {
            assert_eq!(*key, LimitKey::App(AppName::parse("main").unwrap()));
            assert_eq!(Some(quota), Quota::new(2, 3));
            Err(TooMany { retry_after })
        });
        let provider = LimitedProvider {
            app: AppName::parse("main").unwrap(),
            // Nothing is expected of it: a call would fail the test.
            provider: Arc::new(MockIdentityProvider::new()),
            limits: limits(limiter),
        };
        let refused = provider.verify(&LoginCode::parse("code").unwrap()).await.unwrap_err();
        assert_eq!(refused.failure, ProviderFailure::Throttled { retry_after });
    }

    #[tokio::test]
    async fn what_has_no_quota_is_not_counted() {
        let limits = limits(MockRateLimiter::new());
        assert_eq!(limits.admit(LimitKey::Service("orders".into())).await, Ok(()));
    }
}
