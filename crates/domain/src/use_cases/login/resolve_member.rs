//! Resolution of the member behind a login attempt: a new one, a known one, or two that are merged.

use std::error::Error;
use std::sync::Arc;

use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::event::{DomainEvent, EventKind};
use crate::model::identity::conflict_policy::ConflictResolution;
use crate::model::identity::{KnownMember, ProviderIdentity, Subject};
use crate::model::member::nickname::NicknamePrefixes;
use crate::model::member::{Banned, Member, MemberId};
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;
use crate::ports::store::UnitOfWork;
use crate::ports::store::error::{AddError, Contention, StoreError, UpdateError};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::login::attempt::LoginAttempt;
use crate::use_cases::login::error::LoginError;
use crate::use_cases::ports::{Policies, Ports};

/// Finds or registers the member of a login attempt, and merges members that are the same user.
pub(super) struct MemberResolver {
    nickname_prefixes: NicknamePrefixes,
    events: EventFactory,
    random: Arc<dyn Random>,
}

/// Member behind a login attempt.
pub(super) struct ResolvedMember {
    pub(super) member: Member,
    /// Set if this login registered the member.
    pub(super) is_new: bool,
    /// Ids of the members that were merged into this one.
    pub(super) merged: Vec<MemberId>,
}

impl MemberResolver {
    pub(super) fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            nickname_prefixes: policies.nickname_prefixes.clone(),
            events: EventFactory::new(ports),
            random: ports.random.clone(),
        }
    }

    /// Finds or registers the member, and stores the phone number and the subjects that are new.
    pub(super) async fn resolve(
        &self,
        work: &dyn UnitOfWork,
        attempt: &LoginAttempt<'_>,
        now: Timestamp,
    ) -> Result<ResolvedMember, LoginError> {
        let known = find_known_members(work, attempt.identity).await?;
        lock_members(work, &known).await?;
        let resolved = match known.split_first() {
            None => self.register(work, attempt, now).await?,
            Some((member, others)) => {
                self.ensure_subjects_are_acceptable(work, attempt, &known).await?;
                self.log_in_existing(work, attempt, member, others, now).await?
            }
        };
        for subject in attempt.identity.subjects() {
            if !is_known(&known, subject) {
                let added = work.identities().add(resolved.member.id, subject, now).await;
                added.map_err(StoreError::from)?;
            }
        }
        Ok(resolved)
    }

    /// Checks the subjects that a login adds to a known member. Most logins add none.
    async fn ensure_subjects_are_acceptable(
        &self,
        work: &dyn UnitOfWork,
        attempt: &LoginAttempt<'_>,
        known: &[KnownMember],
    ) -> Result<(), LoginError> {
        let subjects = attempt.identity.subjects();
        let new: Vec<_> = subjects.filter(|subject| !is_known(known, subject)).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        if work.tombstones().exists_any(&new).await? {
            return Err(LoginError::Banned { member: None });
        }
        for known in known {
            // A concurrent login may have added a subject before the member was locked.
            let subjects = work.identities().list_by_member(known.member.id).await?;
            if subjects.len() != known.subjects.len() {
                return Err(StoreError::from(Contention::new("another login")).into());
            }
        }
        Ok(())
    }

    /// Registers a member for a user without one.
    async fn register(
        &self,
        work: &dyn UnitOfWork,
        attempt: &LoginAttempt<'_>,
        now: Timestamp,
    ) -> Result<ResolvedMember, LoginError> {
        let subjects: Vec<Subject> = attempt.identity.subjects().cloned().collect();
        if work.tombstones().exists_any(&subjects).await? {
            return Err(LoginError::Banned { member: None });
        }
        if !attempt.app.policy.auto_register {
            return Err(LoginError::RegistrationClosed);
        }
        if attempt.app.policy.phone_required && attempt.phone.is_none() {
            return Err(LoginError::PhoneRequired);
        }
        let id = MemberId::generate(now, self.random.as_ref());
        let nickname = match &attempt.request.nickname {
            Some(nickname) => nickname.clone(),
            None => self.nickname_prefixes.nickname(attempt.phone, self.random.as_ref()),
        };
        let member = Member::register(id, nickname, attempt.phone.cloned(), now);
        work.members().add(&member).await.map_err(|error| match error {
            AddError::Taken => phone_taken(attempt, error),
            AddError::Store(error) => error.into(),
        })?;
        let event = self.events.domain_event(EventKind::Registered, id, now);
        work.outbox().add(&event).await?;
        Ok(ResolvedMember { member, is_new: true, merged: vec![] })
    }

    /// Logs in a known member. `others` are members that the provider reports as the same user.
    async fn log_in_existing(
        &self,
        work: &dyn UnitOfWork,
        attempt: &LoginAttempt<'_>,
        known: &KnownMember,
        others: &[KnownMember],
        now: Timestamp,
    ) -> Result<ResolvedMember, LoginError> {
        known.ensure_same_person(&attempt.identity.aliases)?;
        let mut member = known.member.clone();
        ensure_active(&member)?;
        let mut merged = vec![];
        for other in others {
            if resolve_conflict(attempt, &member, &other.member)? == ConflictResolution::Merge {
                known.ensure_same_person(&other.subjects)?;
                merged.push(self.merge(work, &mut member, other.member.clone(), now).await?);
            }
        }
        let phone = attempt.phone.cloned();
        let phone_changed = phone.is_some_and(|phone| member.bind_phone(phone, now));
        if attempt.app.policy.phone_required && member.phone.is_none() {
            return Err(LoginError::PhoneRequired);
        }
        if phone_changed || !merged.is_empty() {
            work.members().update(&member).await.map_err(|error| match error {
                UpdateError::Taken => phone_taken(attempt, error),
                UpdateError::Stale | UpdateError::Store(_) => StoreError::from(error).into(),
            })?;
        }
        // After the update: its row lock keeps the events of one member in commit order.
        for other in &merged {
            let event = self.events.domain_event(EventKind::Merged, member.id, now);
            work.outbox().add(&DomainEvent { merged_member: Some(*other), ..event }).await?;
        }
        if phone_changed {
            let event = self.events.audit_event(AuditKind::PhoneChanged, now);
            work.audit().record(&event.with_member(member.id)).await?;
            let event = self.events.domain_event(EventKind::PhoneBound, member.id, now);
            work.outbox().add(&event).await?;
        }
        Ok(ResolvedMember { member, is_new: false, merged })
    }

    /// Merges two members into the older one, which gets what it lacks from the younger one.
    ///
    /// Afterwards `member` is the older one; the id of the younger one is returned. Its sessions end.
    async fn merge(
        &self,
        work: &dyn UnitOfWork,
        member: &mut Member,
        other: Member,
        now: Timestamp,
    ) -> Result<MemberId, LoginError> {
        let younger = if (member.created_at, member.id) <= (other.created_at, other.id) {
            other
        } else {
            std::mem::replace(member, other)
        };
        let removed = younger.id;
        work.identities().reassign(removed, member.id).await?;
        work.sessions().remove_all(removed).await?;
        work.members().remove(&younger).await.map_err(StoreError::from)?;
        member.merge_from(younger, now);
        let event = self.events.audit_event(AuditKind::Merged, now).with_member(member.id);
        work.audit().record(&AuditEvent { merged_member: Some(removed), ..event }).await?;
        Ok(removed)
    }
}

/// Returns all members that the user is known as: first the one with the openid, then those with an alias.
async fn find_known_members(
    work: &dyn UnitOfWork,
    identity: &ProviderIdentity,
) -> Result<Vec<KnownMember>, StoreError> {
    let mut known: Vec<KnownMember> = vec![];
    for subject in identity.subjects() {
        if !is_known(&known, subject) {
            known.extend(work.identities().find_by_subject(subject).await?);
        }
    }
    Ok(known)
}

/// Locks the members until the login is committed, in the order of their ids, so that two logins never wait
/// for each other.
///
/// The lock orders a login before or after a ban, a merge, an erasure and another login of the member.
/// Without it, a login that has read an active member could open a session after the ban, add a subject to
/// a member that a merge removes, or exceed the maximum number of sessions.
async fn lock_members(work: &dyn UnitOfWork, known: &[KnownMember]) -> Result<(), StoreError> {
    let mut members: Vec<_> = known.iter().map(|known| &known.member).collect();
    members.sort_by_key(|member| member.id);
    for member in members {
        let locked = work.members().find_for_update(member.id).await?;
        if locked.as_ref() != Some(member) {
            return Err(Contention::new("the member was changed concurrently").into());
        }
    }
    Ok(())
}

fn is_known(members: &[KnownMember], subject: &Subject) -> bool {
    members.iter().any(|known| known.subjects.contains(subject))
}

/// Decides if two members that are the same user are merged.
fn resolve_conflict(
    attempt: &LoginAttempt<'_>,
    member: &Member,
    other: &Member,
) -> Result<ConflictResolution, LoginError> {
    let lossless = member.phone.is_none() || other.phone.is_none();
    let resolution = attempt.app.policy.on_conflict.resolve(attempt.request.on_conflict, lossless);
    // Otherwise a banned user could log in again as the other member.
    ensure_active(other)?;
    if resolution == Some(ConflictResolution::Separate) {
        tracing::warn!(member = %member.id.0, other = %other.id.0, "one user stays two members");
    }
    resolution.ok_or(LoginError::MergeRequired)
}

fn ensure_active(member: &Member) -> Result<(), LoginError> {
    member.ensure_active().map_err(|Banned| LoginError::Banned { member: Some(member.id) })
}

fn phone_taken(
    attempt: &LoginAttempt<'_>,
    cause: impl Error + Send + Sync + 'static,
) -> LoginError {
    let phone_required = attempt.app.policy.phone_required;
    LoginError::PhoneTaken { phone_required, source: Contention::new(cause) }
}
