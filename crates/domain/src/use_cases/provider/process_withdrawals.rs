//! Processing of withdrawals: authorizations that users have revoked at the provider.

use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::event::EventKind;
use crate::model::identity::{KnownMember, Subject, SubjectKind};
use crate::model::member::nickname::NicknamePrefixes;
use crate::model::member::withdrawn_data::WithdrawnData;
use crate::model::member::{Member, MemberStatus};
use crate::model::provider::withdrawal::Withdrawal;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;
use crate::ports::store::UnitOfWork;
use crate::ports::store::error::{Contention, StoreError};
use crate::ports::store::pushes::WithdrawalReader;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::member::erase::EraseMember;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;

/// Maximum number of withdrawals per run.
const BATCH_SIZE: u64 = 100;

/// Applies pending withdrawals to members.
pub struct ProcessWithdrawals {
    /// Erasure of members, with the store.
    pub erase: Arc<EraseMember>,
    /// Pending withdrawals.
    pub withdrawals: Arc<dyn WithdrawalReader>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness of default nicknames.
    pub random: Arc<dyn Random>,
    /// Prefixes of default nicknames, which replace withdrawn ones.
    pub nickname_prefixes: NicknamePrefixes,
}

impl ProcessWithdrawals {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies, erase: Arc<EraseMember>) -> Self {
        Self {
            erase,
            withdrawals: ports.readers.withdrawals.clone(),
            events: EventFactory::new(ports),
            clock: ports.clock.clone(),
            random: ports.random.clone(),
            nickname_prefixes: policies.nickname_prefixes.clone(),
        }
    }

    /// Processes the pending withdrawals and returns their number.
    ///
    /// A withdrawal that fails stays pending and does not hold up the others. The last error is returned.
    pub async fn run(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut processed = 0;
        let mut failure = None;
        for withdrawal in self.withdrawals.withdrawals(BATCH_SIZE).await? {
            match retry_on_contention(|| self.process(&withdrawal, now)).await {
                Ok(()) => processed += 1,
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(processed), Err)
    }

    /// Applies the withdrawal and removes it in the same unit of work, so that it is processed exactly once
    /// even if several instances process it or the program ends.
    async fn process(&self, withdrawal: &Withdrawal, now: Timestamp) -> Result<(), StoreError> {
        let work = self.erase.store.begin().await?;
        if work.pushes().remove(withdrawal).await? {
            self.apply(work.as_ref(), withdrawal, now).await?;
            work.commit().await?;
        }
        Ok(())
    }

    async fn apply(
        &self,
        work: &dyn UnitOfWork,
        withdrawal: &Withdrawal,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known = work.identities().find_by_subject(&withdrawal.subject).await?;
        let Some(known) = known else { return Ok(()) };
        // A concurrent login must not open a session of the account that is closed here.
        let locked = work.members().find_for_update(known.member.id).await?;
        if locked.as_ref() != Some(&known.member) {
            return Err(Contention::new("the member was changed concurrently").into());
        }
        if withdrawal.data == WithdrawnData::Account {
            return self.close_account(work, withdrawal, &known, now).await;
        }
        let before = &known.member;
        let mut member = before.clone();
        let changed = member.apply_withdrawal(
            withdrawal.data,
            &self.nickname_prefixes,
            self.random.as_ref(),
            now,
        );
        if changed {
            work.members().update(&member).await?;
            for kind in changed_events(before, &member) {
                work.outbox().add(&self.events.domain_event(kind, member.id, now)).await?;
            }
        }
        Ok(())
    }

    /// Removes the account of one app: its ids and its sessions.
    ///
    /// A member without an account of another app is erased, because a union id alone does not allow a
    /// login.
    async fn close_account(
        &self,
        work: &dyn UnitOfWork,
        withdrawal: &Withdrawal,
        known: &KnownMember,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let member = &known.member;
        let namespace = &withdrawal.subject.namespace;
        let is_closed = |subject: &Subject| subject.namespace == *namespace;
        let (closed, remaining): (Vec<_>, Vec<_>) =
            known.subjects.iter().cloned().partition(is_closed);
        if !remaining.iter().any(|subject| subject.kind == SubjectKind::OpenId) {
            return self.erase.erase(work, member, None, now).await;
        }
        if member.status == MemberStatus::Banned {
            work.tombstones().add(&closed, now).await?;
        }
        work.identities().remove(&closed).await?;
        let sessions = work.sessions().list_by_member(member.id).await?.into_iter();
        let of_app = sessions.filter(|session| session.app == withdrawal.app);
        work.sessions().remove(&of_app.map(|session| session.id).collect::<Vec<_>>()).await?;
        // Increments the version: a concurrent withdrawal of another account must notice that this one is
        // closed, in case it was the last but one.
        Ok(work.members().update(member).await?)
    }
}

/// Returns the kinds of events for the differences between two states of a member.
fn changed_events(before: &Member, after: &Member) -> impl Iterator<Item = EventKind> {
    let phone = before.phone != after.phone;
    let profile = before.nickname != after.nickname || before.avatar != after.avatar;
    let kinds = [(EventKind::PhoneWithdrawn, phone), (EventKind::ProfileChanged, profile)];
    kinds.into_iter().filter_map(|(kind, changed)| changed.then_some(kind))
}
