//! The use cases of those who look after members, over their adapters.

use std::sync::Arc;

use adapters::crypto::app_secrets::SealedAppSecrets;
use adapters::crypto::password_hasher::Argon2Passwords;
use adapters::crypto::sealer::Sealer;
use adapters::store::SeaStore;
use adapters::system::SystemClock;
use adapters::wechat::http::WechatHttp;
use api::routes::admin::Administration;
use domain::ports::passwords::PasswordHasher;
use domain::use_cases::admin::authenticate::AuthenticateAdmin;
use domain::use_cases::admin::manage_admins::ManageAdmins;
use domain::use_cases::admin::manage_apps::ManageApps;
use domain::use_cases::admin::manage_members::ManageMembers;
use domain::use_cases::admin::query_audit_log::QueryAuditLog;
use domain::use_cases::admin::service_status::ServiceStatus;
use domain::use_cases::admin::sign_in::SignIn;
use domain::use_cases::app::reload::ReloadApps;
use domain::use_cases::member::ban::BanMember;
use domain::use_cases::member::erase::EraseMember;

use crate::config::Config;
use crate::wiring::journal;

/// All of them.
pub(super) fn wire(
    config: &Config,
    store: &Arc<SeaStore>,
    sealer: &Arc<Sealer>,
    erase: &Arc<EraseMember>,
    serve_apps: ReloadApps,
    wechat: WechatHttp,
) -> Administration {
    let (clock, policy) = (Arc::new(SystemClock), config.admin_sessions);
    // One for all, so that it bounds how many passwords are worked on at once.
    let passwords: Arc<dyn PasswordHasher> = Arc::new(Argon2Passwords::default());
    Administration {
        sign_in: Arc::new(SignIn {
            store: store.clone(),
            directory: store.clone(),
            passwords: passwords.clone(),
            fingerprints: sealer.clone(),
            journal: journal(),
            policy,
        }),
        authenticate_admin: Arc::new(AuthenticateAdmin {
            store: store.clone(),
            directory: store.clone(),
            fingerprints: sealer.clone(),
            clock: clock.clone(),
            policy,
        }),
        manage_admins: Arc::new(ManageAdmins { passwords, ..manage_admins(store, sealer) }),
        manage_apps: Arc::new(ManageApps {
            store: store.clone(),
            seal: Arc::new(SealedAppSecrets::new(Arc::clone(sealer))),
            serve: Arc::new(serve_apps),
            journal: journal(),
        }),
        manage_members: Arc::new(ManageMembers {
            store: store.clone(),
            directory: store.clone(),
            ban: Arc::new(ban(store)),
            erase: erase.clone(),
            journal: journal(),
        }),
        query_audit_log: Arc::new(QueryAuditLog {
            directory: store.clone(),
            clock: clock.clone(),
            utc_offset: config.utc_offset,
        }),
        service_status: Arc::new(ServiceStatus {
            keys: store.clone(),
            policy: config.keys,
            provider: Arc::new(wechat),
            clock,
        }),
    }
}

/// Decides who is an administrator.
#[must_use]
pub fn manage_admins(store: &Arc<SeaStore>, sealer: &Arc<Sealer>) -> ManageAdmins {
    ManageAdmins {
        store: store.clone(),
        directory: store.clone(),
        passwords: Arc::new(Argon2Passwords::default()),
        fingerprints: sealer.clone(),
        journal: journal(),
    }
}

/// Keeps members out.
#[must_use]
pub fn ban(store: &Arc<SeaStore>) -> BanMember {
    BanMember { store: store.clone(), journal: journal() }
}
