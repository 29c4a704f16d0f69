//! A login attempt with its verified inputs.

use crate::model::fingerprint::Fingerprint;
use crate::model::identity::ProviderIdentity;
use crate::model::login::LoginRequest;
use crate::model::member::phone::PhoneNumber;
use crate::model::member::{Member, MemberId};
use crate::ports::app::App;

/// How a login will be recognised again.
#[derive(Clone, Copy)]
pub(super) struct RedemptionKey {
    pub(super) code: Fingerprint,
    /// The request, where its answer is to be repeatable.
    pub(super) request: Option<Fingerprint>,
}

/// Someone at the door, with everything that had to be asked outside.
pub(super) struct LoginAttempt<'a> {
    pub(super) app: &'a App,
    pub(super) request: &'a LoginRequest,
    pub(super) verified: &'a ProviderIdentity,
    pub(super) phone: Option<&'a PhoneNumber>,
    pub(super) mark: RedemptionKey,
}

/// Who someone at the door is.
pub(super) struct ResolvedMember {
    pub(super) member: Member,
    pub(super) is_new: bool,
    /// Who else they were until now.
    pub(super) merged: Vec<MemberId>,
}
