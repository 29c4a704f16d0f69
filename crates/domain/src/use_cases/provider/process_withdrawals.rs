//! Do what users ask for who take something back at the provider.

use std::sync::Arc;

use crate::model::event::EventKind;
use crate::model::identity::{KnownMember, SubjectKind};
use crate::model::member::nickname::NicknamePrefixes;
use crate::model::member::tombstone::tombstones;
use crate::model::member::withdrawn_data::WithdrawnData;
use crate::model::member::{Member, MemberStatus};
use crate::model::provider::withdrawal::Withdrawal;
use crate::ports::store::UnitOfWork;
use crate::ports::store::error::StoreError;
use crate::ports::store::pushes::WithdrawalReader;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::member::erase::EraseMember;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;

/// How many withdrawals are looked at in one go.
const BATCH: u64 = 100;

/// The use case.
pub struct ProcessWithdrawals {
    /// What erases members, and where they are kept.
    pub erase: Arc<EraseMember>,
    /// Pending withdrawals.
    pub withdrawals: Arc<dyn WithdrawalReader>,
    /// What the names begin with of those who take theirs back.
    pub nickname_prefixes: NicknamePrefixes,
}

impl ProcessWithdrawals {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies, erase: Arc<EraseMember>) -> Self {
        Self {
            erase,
            withdrawals: ports.readers.withdrawals.clone(),
            nickname_prefixes: policies.nickname_prefixes.clone(),
        }
    }

    /// Obeys what is to be obeyed, and tells how many withdrawals that were. One that fails stays for the
    /// next time and does not keep the others; of several failures the last is told.
    pub async fn run(&self) -> Result<usize, StoreError> {
        let mut obeyed = 0;
        let mut failure = None;
        for withdrawal in self.withdrawals.withdrawals(BATCH).await? {
            match retry_on_contention(|| self.process(&withdrawal)).await {
                Ok(()) => obeyed += 1,
                Err(error) => failure = Some(error),
            }
        }
        if obeyed > 0 {
            self.erase.wipe().await;
        }
        failure.map_or(Ok(obeyed), Err)
    }

    /// Removes the withdrawal in the same unit of work in which it is obeyed: it is done once, whoever
    /// else works and whenever the program ends.
    async fn process(&self, withdrawal: &Withdrawal) -> Result<(), StoreError> {
        let work = self.erase.store.begin().await?;
        if work.pushes().remove(withdrawal).await? {
            self.apply(work.as_ref(), withdrawal).await?;
            work.commit().await?;
        }
        Ok(())
    }

    /// Changes what there is to change.
    async fn apply(
        &self,
        work: &dyn UnitOfWork,
        withdrawal: &Withdrawal,
    ) -> Result<(), StoreError> {
        let owner = work.identities().find_by_subject(&withdrawal.subject).await?;
        let Some(owner) = owner else { return Ok(()) };
        if withdrawal.withdrawn == WithdrawnData::Account {
            return self.close_account(work, withdrawal, &owner).await;
        }
        let mut member = owner.member;
        let EventFactory { clock, random, .. } = &self.erase.events;
        let before = member.clone();
        let names = &self.nickname_prefixes;
        if member.apply_withdrawal(withdrawal.withdrawn, names, random.as_ref(), clock.now()) {
            work.members().update(&member).await?;
            for kind in changed_events(&before, &member) {
                work.outbox().add(&self.erase.events.domain_event(kind, member.id)).await?;
            }
        }
        Ok(())
    }

    /// Ends what an account let in: its ids in the app, and its sessions there. A member whom no app
    /// knows any more is erased; an id across apps does not let anyone in by itself.
    async fn close_account(
        &self,
        work: &dyn UnitOfWork,
        withdrawal: &Withdrawal,
        owner: &KnownMember,
    ) -> Result<(), StoreError> {
        let member = &owner.member;
        let namespace = &withdrawal.subject.namespace;
        let (closed, left): (Vec<_>, Vec<_>) =
            owner.subjects.iter().cloned().partition(|subject| subject.namespace == *namespace);
        if !left.iter().any(|subject| subject.kind == SubjectKind::OpenId) {
            return self.erase.erase(work, member, None).await;
        }
        if member.status == MemberStatus::Banned {
            let tombstones = tombstones(&closed, self.erase.fingerprints.as_ref());
            work.tombstones().add(&tombstones, self.erase.events.clock.now()).await?;
        }
        work.identities().remove(&closed).await?;
        let sessions = work.sessions().list_by_member(member.id).await?.into_iter();
        let there = sessions.filter(|session| session.app == withdrawal.app);
        work.sessions().remove(&there.map(|session| session.id).collect::<Vec<_>>()).await?;
        // Counts the version up: who closes the last account at this moment must see that this one is.
        Ok(work.members().update(member).await?)
    }
}

/// What happened to a member of whom something was taken back.
fn changed_events(before: &Member, after: &Member) -> impl Iterator<Item = EventKind> {
    let phone = before.phone != after.phone;
    let profile = (&before.nickname, &before.avatar) != (&after.nickname, &after.avatar);
    let kinds = [(EventKind::PhoneWithdrawn, phone), (EventKind::ProfileChanged, profile)];
    kinds.into_iter().filter_map(|(kind, happened)| happened.then_some(kind))
}
