//! Do what users ask for who take something back at the provider.

use std::sync::Arc;

use crate::audit::Journal;
use crate::erase_member::EraseMember;
use crate::identity::{Owner, SubjectKind};
use crate::member::{Member, MemberStatus};
use crate::nickname::NicknamePrefixes;
use crate::ports::store::{MemberDirectory, StoreError, UnitOfWork, UpdateError};
use crate::tombstone::tombstones;
use crate::withdrawal::{Withdrawal, Withdrawn};

/// How many withdrawals are looked at in one go.
const BATCH: u64 = 100;

/// How often one is tried anew after someone else wrote the same member first.
const ATTEMPTS: u32 = 5;

/// The use case.
pub struct ObeyWithdrawals {
    /// What erases members, and where they are kept.
    pub erase: Arc<EraseMember>,
    /// Where withdrawals are looked up.
    pub directory: Arc<dyn MemberDirectory>,
    /// What the names begin with of those who take theirs back.
    pub nickname_prefixes: NicknamePrefixes,
}

/// Why a withdrawal was not obeyed; it stays, and is tried again the next time.
#[derive(Debug, thiserror::Error)]
pub enum ObeyError {
    /// Others were faster, time and again.
    #[error("the change lost a race {ATTEMPTS} times")]
    Contended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ObeyWithdrawals {
    /// Obeys what is to be obeyed, and tells how many withdrawals that were. One that fails does not
    /// keep the others; of several failures the last is told.
    pub async fn run(&self) -> Result<usize, ObeyError> {
        let (mut obeyed, mut failure) = (0, None);
        for withdrawal in self.directory.withdrawals(BATCH).await? {
            match self.obey(&withdrawal).await {
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
    async fn obey(&self, withdrawal: &Withdrawal) -> Result<(), ObeyError> {
        for _ in 0..ATTEMPTS {
            let work = self.erase.store.begin().await?;
            if !work.pushes().remove(withdrawal).await? {
                return Ok(());
            }
            if self.apply(work.as_ref(), withdrawal).await? {
                return Ok(work.commit().await?);
            }
        }
        Err(ObeyError::Contended)
    }

    /// Changes what there is to change; `false` when someone else wrote the member first.
    async fn apply(
        &self,
        work: &dyn UnitOfWork,
        withdrawal: &Withdrawal,
    ) -> Result<bool, StoreError> {
        let owner = work.identities().find_owner(&withdrawal.subject).await?;
        let Some(owner) = owner else { return Ok(true) };
        let Some(mut member) = work.members().find(owner.member).await? else { return Ok(true) };
        if withdrawal.withdrawn == Withdrawn::Account {
            return self.close_account(work, withdrawal, &owner, &member).await;
        }
        let Journal { clock, random, .. } = &self.erase.journal;
        let names = &self.nickname_prefixes;
        if member.withdraw(withdrawal.withdrawn, names, random.as_ref(), clock.now()) {
            update(work, &member).await
        } else {
            Ok(true)
        }
    }

    /// Ends what an account let in: its ids in the app, and its sessions there. A member whom no app
    /// knows any more is erased; an id across apps does not let anyone in by itself.
    async fn close_account(
        &self,
        work: &dyn UnitOfWork,
        withdrawal: &Withdrawal,
        owner: &Owner,
        member: &Member,
    ) -> Result<bool, StoreError> {
        let namespace = &withdrawal.subject.namespace;
        let (closed, left): (Vec<_>, Vec<_>) =
            owner.subjects.iter().cloned().partition(|subject| subject.namespace == *namespace);
        if !left.iter().any(|subject| subject.kind == SubjectKind::OpenId) {
            return self.erase.erase(work, member, None).await;
        }
        if member.status == MemberStatus::Banned {
            let tombstones = tombstones(&closed, self.erase.fingerprints.as_ref());
            work.tombstones().add(&tombstones, self.erase.journal.clock.now()).await?;
        }
        work.identities().remove(&closed).await?;
        let sessions = work.sessions().of_member(member.id).await?.into_iter();
        let there = sessions.filter(|session| session.app == withdrawal.app);
        work.sessions().remove(&there.map(|session| session.id).collect::<Vec<_>>()).await?;
        // Counts the version up: who closes the last account at this moment must see that this one is.
        update(work, member).await
    }
}

async fn update(work: &dyn UnitOfWork, member: &Member) -> Result<bool, StoreError> {
    match work.members().update(member).await {
        Ok(()) => Ok(true),
        // Nothing unique is taken over: whatever was in the way, another look decides.
        Err(UpdateError::Stale | UpdateError::Taken) => Ok(false),
        Err(UpdateError::Store(error)) => Err(error),
    }
}
