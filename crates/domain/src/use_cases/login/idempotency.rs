//! A login that is sent again is carried out once, and answered the same.

use std::sync::Arc;

use crate::model::fingerprint::Fingerprint;
use crate::model::login::{LoggedIn, LoginRequest};
use crate::ports::app::App;
use crate::use_cases::login::attempt::Mark;
use crate::use_cases::login::single_flight::{Ticket, Turn};
use crate::use_cases::login::{Login, LoginError};

impl Login {
    /// Carries the request out, unless it was or is being carried out: then its answer is given again.
    pub(super) async fn log_in_once(
        &self,
        app: &App,
        request: &LoginRequest,
        code: Fingerprint,
        fingerprint: Fingerprint,
    ) -> Result<LoggedIn, LoginError> {
        loop {
            match self.in_flight.take(code, fingerprint, self.journal.clock.now()) {
                Turn::Mine(ticket) => return self.carry_out(app, request, code, ticket).await,
                Turn::Same(waiting) => match waiting.outcome().await {
                    Some(Ok(())) => {
                        let answer = self.answer_again(code, fingerprint).await?;
                        return answer.ok_or(LoginError::CodeUsed);
                    }
                    Some(Err(error)) => return Err(LoginError::Joined(error)),
                    // It was broken off, so this one takes it up.
                    None => {}
                },
                Turn::Others(waiting) => {
                    // Only then is it known whom the code let in, which goes on record.
                    if let Some(waiting) = waiting {
                        waiting.outcome().await;
                    }
                    return self.on_record(app, code, Err(LoginError::CodeUsed)).await;
                }
            }
        }
    }

    async fn carry_out(
        &self,
        app: &App,
        request: &LoginRequest,
        code: Fingerprint,
        mut ticket: Ticket<'_>,
    ) -> Result<LoggedIn, LoginError> {
        let outcome = self.answer(app, request, code, &mut ticket).await;
        match self.on_record(app, code, outcome).await {
            Ok(logged_in) => {
                ticket.settle(Ok(()), self.journal.clock.now());
                Ok(logged_in)
            }
            Err(error) => {
                let error = Arc::new(error);
                ticket.settle(Err(Arc::clone(&error)), self.journal.clock.now());
                Err(Arc::try_unwrap(error).unwrap_or_else(LoginError::Joined))
            }
        }
    }

    async fn answer(
        &self,
        app: &App,
        request: &LoginRequest,
        code: Fingerprint,
        ticket: &mut Ticket<'_>,
    ) -> Result<LoggedIn, LoginError> {
        let fingerprint = ticket.request;
        if let Some(answer) = self.answer_again(code, fingerprint).await? {
            return Ok(answer);
        }
        let mark = Mark { code, request: Some(fingerprint) };
        match self.log_in(app, request, mark, &mut ticket.proof).await {
            // Another instance was quicker, perhaps with this very request.
            Err(error) if error.is_code_used() => {
                self.answer_again(code, fingerprint).await?.ok_or(error)
            }
            outcome => outcome,
        }
    }

    /// The answer that the request was given before; none if nobody redeemed the code here.
    async fn answer_again(
        &self,
        code: Fingerprint,
        request: Fingerprint,
    ) -> Result<Option<LoggedIn>, LoginError> {
        let Some(redeemed) = self.directory.find_redemption(&code).await? else { return Ok(None) };
        let answer = redeemed.answer_for(request, self.journal.clock.now());
        let answer = answer.ok_or(LoginError::CodeUsed)?;
        Ok(Some(self.seal.open(&code, answer)?))
    }
}
