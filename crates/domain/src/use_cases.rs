//! Operations of the service, one file each, and their object graph.

pub mod admin;
pub mod app;
pub mod cleanup;
pub mod event;
pub mod login;
pub mod member;
pub mod ports;
pub mod provider;
pub mod rate_limits;
pub mod retry;
pub mod session;
pub mod signing_key;

use std::sync::Arc;

use crate::use_cases::admin::authenticate::AuthenticateAdmin;
use crate::use_cases::admin::manage_admins::ManageAdmins;
use crate::use_cases::admin::manage_apps::ManageApps;
use crate::use_cases::admin::manage_members::ManageMembers;
use crate::use_cases::admin::query_audit_log::QueryAuditLog;
use crate::use_cases::admin::service_status::ServiceStatus;
use crate::use_cases::admin::sign_in::SignIn;
use crate::use_cases::app::reload::ReloadApps;
use crate::use_cases::cleanup::Cleanup;
use crate::use_cases::event::record_refusals::RecordRefusals;
use crate::use_cases::login::Login;
use crate::use_cases::login::exchange_code::ExchangeCode;
use crate::use_cases::login::get_openid::GetOpenid;
use crate::use_cases::member::ban::BanMember;
use crate::use_cases::member::bind_phone::BindPhone;
use crate::use_cases::member::erase::EraseMember;
use crate::use_cases::member::export_personal_data::ExportPersonalData;
use crate::use_cases::member::get_profile::GetProfile;
use crate::use_cases::member::update_profile::UpdateProfile;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::provider::process_withdrawals::ProcessWithdrawals;
use crate::use_cases::provider::receive_push::ReceivePush;
use crate::use_cases::provider::use_session_key::UseSessionKey;
use crate::use_cases::session::authenticate::Authenticate;
use crate::use_cases::session::introspect::Introspect;
use crate::use_cases::session::log_out::ManageSessions;
use crate::use_cases::session::refresh::Refresh;

/// Object graph of the use cases.
///
/// [`RotateKeys`](signing_key::rotate::RotateKeys) is not part of it, because the token ports need the
/// keys that it manages, nor is [`DeliverEvents`](event::deliver::DeliverEvents), because there is one for
/// each webhook receiver.
#[derive(Clone)]
pub struct UseCases {
    /// Login.
    pub login: Arc<Login>,
    /// Exchange of a login code for the openid.
    pub get_openid: Arc<GetOpenid>,
    /// Exchange of a login code for the provider's session.
    pub exchange_code: Arc<ExchangeCode>,
    /// Authentication of members by access token.
    pub authenticate: Arc<Authenticate>,
    /// Refresh of a session's tokens.
    pub refresh: Arc<Refresh>,
    /// Logout and list of a member's own sessions.
    pub manage_sessions: Arc<ManageSessions>,
    /// Introspection and revocation of tokens.
    pub introspect: Arc<Introspect>,
    /// A member's own profile.
    pub get_profile: Arc<GetProfile>,
    /// Change of a member's own profile.
    pub update_profile: Arc<UpdateProfile>,
    /// Export of a member's own personal data.
    pub export_personal_data: Arc<ExportPersonalData>,
    /// Binding of a phone number.
    pub bind_phone: Arc<BindPhone>,
    /// Ban and unban of members.
    pub ban_member: Arc<BanMember>,
    /// Erasure of members.
    pub erase_member: Arc<EraseMember>,
    /// Operations with stored session keys.
    pub use_session_key: Arc<UseSessionKey>,
    /// Reception of message pushes.
    pub receive_push: Arc<ReceivePush>,
    /// Processing of withdrawals.
    pub process_withdrawals: Arc<ProcessWithdrawals>,
    /// Reload of registered apps.
    pub reload_apps: Arc<ReloadApps>,
    /// Cleanup of expired rows.
    pub cleanup: Arc<Cleanup>,
    /// Recording of counted refusals.
    pub record_refusals: Arc<RecordRefusals>,
    /// Operations of administrators.
    pub admin: AdminUseCases,
}

/// Object graph of the administrators' use cases.
#[derive(Clone)]
pub struct AdminUseCases {
    /// Sign-in.
    pub sign_in: Arc<SignIn>,
    /// Authentication by session cookie, and sign-out.
    pub authenticate: Arc<AuthenticateAdmin>,
    /// Administrator accounts.
    pub manage_admins: Arc<ManageAdmins>,
    /// Registered apps.
    pub manage_apps: Arc<ManageApps>,
    /// Members.
    pub manage_members: Arc<ManageMembers>,
    /// Audit log and statistics.
    pub query_audit_log: Arc<QueryAuditLog>,
    /// Signing keys and calls to the provider.
    pub service_status: Arc<ServiceStatus>,
}

impl UseCases {
    /// Connects all use cases with their ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        let authenticate = Arc::new(Authenticate::new(ports));
        let ban_member = Arc::new(BanMember::new(ports));
        let erase_member = Arc::new(EraseMember::new(ports));
        let reload_apps = Arc::new(ReloadApps::new(ports));
        Self {
            login: Arc::new(Login::new(ports, policies)),
            get_openid: Arc::new(GetOpenid::new(ports)),
            exchange_code: Arc::new(ExchangeCode::new(ports)),
            refresh: Arc::new(Refresh::new(ports, policies)),
            manage_sessions: Arc::new(ManageSessions::new(ports)),
            introspect: Arc::new(Introspect::new(ports, policies, authenticate.clone())),
            get_profile: Arc::new(GetProfile::new(ports)),
            update_profile: Arc::new(UpdateProfile::new(ports)),
            export_personal_data: Arc::new(ExportPersonalData::new(ports)),
            bind_phone: Arc::new(BindPhone::new(ports)),
            use_session_key: Arc::new(UseSessionKey::new(ports)),
            receive_push: Arc::new(ReceivePush::new(ports)),
            process_withdrawals: Arc::new(ProcessWithdrawals::new(
                ports,
                policies,
                erase_member.clone(),
            )),
            cleanup: Arc::new(Cleanup::new(ports, policies)),
            record_refusals: Arc::new(RecordRefusals::new(ports)),
            admin: AdminUseCases {
                sign_in: Arc::new(SignIn::new(ports, policies)),
                authenticate: Arc::new(AuthenticateAdmin::new(ports, policies)),
                manage_admins: Arc::new(ManageAdmins::new(ports)),
                manage_apps: Arc::new(ManageApps::new(ports, reload_apps.clone())),
                manage_members: Arc::new(ManageMembers::new(
                    ports,
                    ban_member.clone(),
                    erase_member.clone(),
                )),
                query_audit_log: Arc::new(QueryAuditLog::new(ports, policies)),
                service_status: Arc::new(ServiceStatus::new(ports, policies)),
            },
            authenticate,
            ban_member,
            erase_member,
            reload_apps,
        }
    }
}
