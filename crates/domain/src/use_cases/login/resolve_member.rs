//! Who someone at the door is: nobody known, a member, or two members who are one person.

use crate::use_cases::login::attempt::ResolvedMember;
use std::error::Error;

use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::event::{DomainEvent, EventKind};
use crate::model::identity::conflict_policy::ConflictResolution;
use crate::model::identity::{KnownMember, ProviderIdentity, Subject};
use crate::model::member::tombstone::tombstones;
use crate::model::member::{Banned, Member, MemberId};
use crate::model::timestamp::Timestamp;
use crate::ports::store::UnitOfWork;
use crate::ports::store::error::{AddError, Contention, StoreError, UpdateError};
use crate::use_cases::login::attempt::LoginAttempt;
use crate::use_cases::login::{Login, LoginError};

impl Login {
    /// Finds or makes the member, and takes over what is new about them.
    pub(super) async fn resolve_member(
        &self,
        work: &dyn UnitOfWork,
        arrival: &LoginAttempt<'_>,
        now: Timestamp,
    ) -> Result<ResolvedMember, LoginError> {
        let owners = find_owners(work, arrival.verified).await?;
        let recognised = match owners.split_first() {
            None => self.register(work, arrival, now).await?,
            Some((owner, others)) => {
                self.log_in_existing(work, arrival, owner, others, now).await?
            }
        };
        for subject in arrival.verified.subjects() {
            if !is_known(&owners, subject) {
                let added = work.identities().add(recognised.member.id, subject, now).await;
                added.map_err(StoreError::from)?;
            }
        }
        Ok(recognised)
    }

    /// Makes the member of someone unknown.
    async fn register(
        &self,
        work: &dyn UnitOfWork,
        arrival: &LoginAttempt<'_>,
        now: Timestamp,
    ) -> Result<ResolvedMember, LoginError> {
        let tombstones = tombstones(arrival.verified.subjects(), self.fingerprints.as_ref());
        if work.tombstones().exists_any(&tombstones).await? {
            return Err(LoginError::Banned { member: None });
        }
        if !arrival.app.policy.auto_register {
            return Err(LoginError::RegistrationClosed);
        }
        if arrival.app.policy.phone_required && arrival.phone.is_none() {
            return Err(LoginError::PhoneRequired);
        }
        let random = self.events.random.as_ref();
        let nickname = arrival.request.nickname.clone();
        let nickname = nickname
            .unwrap_or_else(|| self.policy.nickname_prefixes.nickname(arrival.phone, random));
        let id = MemberId::generate(now, random);
        let member = Member::register(id, nickname, arrival.phone.cloned(), now);
        let added = work.members().add(&member).await;
        added.map_err(|error| match error {
            AddError::Taken => phone_taken(arrival, error),
            AddError::Store(error) => error.into(),
        })?;
        work.outbox().add(&self.events.domain_event(EventKind::Registered, id)).await?;
        Ok(ResolvedMember { member, is_new: true, merged: vec![] })
    }

    /// Lets a known member in. `others` are members whom the provider takes for the same person.
    async fn log_in_existing(
        &self,
        work: &dyn UnitOfWork,
        arrival: &LoginAttempt<'_>,
        owner: &KnownMember,
        others: &[KnownMember],
        now: Timestamp,
    ) -> Result<ResolvedMember, LoginError> {
        owner.ensure_same_person(&arrival.verified.aliases)?;
        let mut member = owner.member.clone();
        ensure_active(&member)?;
        let mut merged = vec![];
        for other in others {
            if resolve_conflict(arrival, &member, &other.member)? == ConflictResolution::Merge {
                owner.ensure_same_person(&other.subjects)?;
                let gone = self.merge(work, &mut member, other.member.clone(), now).await?;
                merged.push(gone);
            }
        }
        let phone = arrival.phone.cloned();
        let phone_changed = phone.is_some_and(|phone| member.bind_phone(phone, now));
        if arrival.app.policy.phone_required && member.phone.is_none() {
            return Err(LoginError::PhoneRequired);
        }
        if phone_changed || !merged.is_empty() {
            let written = work.members().update(&member).await;
            written.map_err(|error| match error {
                UpdateError::Taken => phone_taken(arrival, error),
                UpdateError::Stale | UpdateError::Store(_) => StoreError::from(error).into(),
            })?;
        }
        for gone in &merged {
            let event = self.events.domain_event(EventKind::Merged, member.id);
            work.outbox().add(&DomainEvent { merged_member: Some(*gone), ..event }).await?;
        }
        if phone_changed {
            let event = self.events.event(AuditKind::PhoneChanged).with_member(member.id);
            work.audit().record(&event).await?;
            let event = self.events.domain_event(EventKind::PhoneBound, member.id);
            work.outbox().add(&event).await?;
        }
        Ok(ResolvedMember { member, is_new: false, merged })
    }

    /// Makes one member of two: the elder, who takes over what the younger has. `member` is that one
    /// afterwards; the id that is gone is returned. The devices of the younger have to log in again.
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
        let gone = younger.id;
        work.identities().reassign(gone, member.id).await?;
        work.sessions().remove_all(gone).await?;
        work.members().remove(&younger).await.map_err(StoreError::from)?;
        member.merge_from(younger, now);
        let event = self.events.event(AuditKind::Merged).with_member(member.id);
        work.audit().record(&AuditEvent { merged_member: Some(gone), ..event }).await?;
        Ok(gone)
    }
}

/// Everyone the arrival may be: first the member whose login id it is, or else, when this app sees
/// them for the first time, whose alias.
async fn find_owners(
    work: &dyn UnitOfWork,
    verified: &ProviderIdentity,
) -> Result<Vec<KnownMember>, StoreError> {
    let mut owners: Vec<KnownMember> = vec![];
    for subject in verified.subjects() {
        if !is_known(&owners, subject) {
            owners.extend(work.identities().find_by_subject(subject).await?);
        }
    }
    Ok(owners)
}

fn is_known(owners: &[KnownMember], subject: &Subject) -> bool {
    owners.iter().any(|owner| owner.subjects.contains(subject))
}

/// What becomes of two members who are one person.
fn resolve_conflict(
    arrival: &LoginAttempt<'_>,
    member: &Member,
    other: &Member,
) -> Result<ConflictResolution, LoginError> {
    let costs_nothing = member.phone.is_none() || other.phone.is_none();
    let settled =
        arrival.app.policy.on_conflict.resolve(arrival.request.on_conflict, costs_nothing);
    match settled {
        Some(ConflictResolution::Separate) => {
            tracing::warn!(member = %member.id.0, other = %other.id.0, "one person stays two members");
        }
        // A ban is not escaped by becoming someone else.
        Some(ConflictResolution::Merge) | None => ensure_active(other)?,
    }
    settled.ok_or(LoginError::MergeRequired)
}

fn ensure_active(member: &Member) -> Result<(), LoginError> {
    let banned = |Banned| LoginError::Banned { member: Some(member.id) };
    member.ensure_active().map_err(banned)
}

fn phone_taken(
    arrival: &LoginAttempt<'_>,
    cause: impl Error + Send + Sync + 'static,
) -> LoginError {
    let phone_required = arrival.app.policy.phone_required;
    LoginError::PhoneTaken { phone_required, source: Contention::new(cause) }
}
