//! A login that is sent again is carried out once, and answered the same.

use std::sync::Arc;

use crate::model::fingerprint::Fingerprint;
use crate::model::login::{LoggedIn, LoginRequest};
use crate::ports::app::App;
use crate::use_cases::login::attempt::RedemptionKey;
use crate::use_cases::login::single_flight::{InFlightGuard, Slot};
use crate::use_cases::login::{Login, LoginError};

impl Login {
    /// Carries the request out, unless it was or is being carried out: then its answer is given again.
    pub(super) async fn log_in_idempotent(
        &self,
        app: &App,
        request: &LoginRequest,
        code: Fingerprint,
        fingerprint: Fingerprint,
    ) -> Result<LoggedIn, LoginError> {
        loop {
            match self.in_flight.take(code, fingerprint, self.events.clock.now()) {
                Slot::Acquired(ticket) => return self.execute(app, request, code, ticket).await,
                Slot::SameRequest(waiting) => match waiting.outcome().await {
                    Some(Ok(())) => {
                        let answer = self.replay(code, fingerprint).await?;
                        return answer.ok_or(LoginError::CodeUsed);
                    }
                    Some(Err(error)) => return Err(LoginError::Shared(error)),
                    // It was broken off, so this one takes it up.
                    None => {}
                },
                Slot::OtherRequest(waiting) => {
                    // Only then is it known whom the code let in, which goes on record.
                    if let Some(waiting) = waiting {
                        waiting.outcome().await;
                    }
                    return self.audit_refusal(app, code, Err(LoginError::CodeUsed)).await;
                }
            }
        }
    }

    async fn execute(
        &self,
        app: &App,
        request: &LoginRequest,
        code: Fingerprint,
        mut ticket: InFlightGuard<'_>,
    ) -> Result<LoggedIn, LoginError> {
        let outcome = self.replay_or_execute(app, request, code, &mut ticket).await;
        match self.audit_refusal(app, code, outcome).await {
            Ok(logged_in) => {
                ticket.finish(Ok(()), self.events.clock.now());
                Ok(logged_in)
            }
            Err(error) => {
                let error = Arc::new(error);
                ticket.finish(Err(Arc::clone(&error)), self.events.clock.now());
                Err(Arc::try_unwrap(error).unwrap_or_else(LoginError::Shared))
            }
        }
    }

    async fn replay_or_execute(
        &self,
        app: &App,
        request: &LoginRequest,
        code: Fingerprint,
        ticket: &mut InFlightGuard<'_>,
    ) -> Result<LoggedIn, LoginError> {
        let fingerprint = ticket.request;
        if let Some(answer) = self.replay(code, fingerprint).await? {
            return Ok(answer);
        }
        let mark = RedemptionKey { code, request: Some(fingerprint) };
        match self.log_in(app, request, mark, &mut ticket.proof).await {
            // Another instance was quicker, perhaps with this very request.
            Err(error) if error.is_code_used() => {
                self.replay(code, fingerprint).await?.ok_or(error)
            }
            outcome => outcome,
        }
    }

    /// The answer that the request was given before; none if nobody redeemed the code here.
    async fn replay(
        &self,
        code: Fingerprint,
        request: Fingerprint,
    ) -> Result<Option<LoggedIn>, LoginError> {
        let Some(redeemed) = self.redemptions.find_redemption(&code).await? else {
            return Ok(None);
        };
        let answer = redeemed.response_for(request, self.events.clock.now());
        let answer = answer.ok_or(LoginError::CodeUsed)?;
        Ok(Some(self.seal.open(&code, answer)?))
    }
}
