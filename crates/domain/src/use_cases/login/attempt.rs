//! A login attempt with its verified inputs.

use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::event::{DomainEvent, EventKind};
use crate::model::fingerprint::Fingerprint;
use crate::model::fingerprint::Fingerprints;
use crate::model::identity::conflict_policy::Choice;
use crate::model::identity::{Owner, Subject, Verified};
use crate::model::identity::{Standing, UnionIdChanged};
use crate::model::login::redemption::{Redemption, Repeatable};
use crate::model::login::{LoggedIn, LoginRequest};
use crate::model::member::nickname::{Nickname, NicknamePrefixes};
use crate::model::member::phone::PhoneNumber;
use crate::model::member::tombstone::tombstones;
use crate::model::member::{Banned, Member, MemberId};
use crate::model::secret::{IdempotencyKey, LoginCode, PhoneCode};
use crate::model::session::SessionPolicy;
use crate::model::session::token_pair::TokenPair;
use crate::model::session::{Session, displaced};
use crate::model::timestamp::Timestamp;
use crate::ports::app::App;
use crate::ports::login_seal::{RedemptionSeal, UnsealError};
use crate::ports::provider::ProviderError;
use crate::ports::store::Store;
use crate::ports::store::UnitOfWork;
use crate::ports::store::error::{AddError, Contention, StoreError, UpdateError};
use crate::ports::store::members::MemberDirectory;
use crate::ports::tokens::{SigningError, TokenIssuer};
use crate::use_cases::app::registry::{Apps, VerifyError};
use crate::use_cases::event::factory::Journal;
use crate::use_cases::login::single_flight::{InFlight, Proof};
use crate::use_cases::login::{Login, LoginError};
use crate::use_cases::retry::retried;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// How a login will be recognised again.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) code: Fingerprint,
    /// The request, where its answer is to be repeatable.
    pub(super) request: Option<Fingerprint>,
}

/// Someone at the door, with everything that had to be asked outside.
pub(super) struct Arrival<'a> {
    pub(super) app: &'a App,
    pub(super) request: &'a LoginRequest,
    pub(super) verified: &'a Verified,
    pub(super) phone: Option<&'a PhoneNumber>,
    pub(super) mark: Mark,
}

/// Who someone at the door is.
pub(super) struct Recognised {
    pub(super) member: Member,
    pub(super) is_new: bool,
    /// Who else they were until now.
    pub(super) merged: Vec<MemberId>,
}
