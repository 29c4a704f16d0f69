//! Administrators: how they come in, how they go, and that one is always left.

use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::{
    AdminName, AdminPassword, AdminPrincipal, NotInvited, Role, RoleRequired,
};
use domain::model::audit::AuditKind;
use domain::model::secret::InvitationCode;
use domain::use_cases::admin::authenticate::{AuthenticateAdmin, AuthenticateAdminError};
use domain::use_cases::admin::manage_admins::{AdminChange, ManageAdmins, ManageAdminsError};
use domain::use_cases::admin::sign_in::{SignIn, SignInError, SignedIn};
use domain::use_cases::{AdminUseCases, UseCases};
use testkit::fake::clock::FixedClock;
use testkit::fake::ports::{policies, ports};
use testkit::memory::MemoryStore;

use crate::harness::SESSIONS;

const PASSWORD: &str = "correct horse battery staple";
const OTHER_PASSWORD: &str = "another horse battery staple";

struct Office {
    store: MemoryStore,
    clock: Arc<FixedClock>,
    manage: Arc<ManageAdmins>,
    sign_in: Arc<SignIn>,
    authenticate: Arc<AuthenticateAdmin>,
}

fn name(name: &str) -> AdminName {
    AdminName::parse(name).unwrap()
}

fn password(text: &str) -> AdminPassword {
    AdminPassword::new_password(text).unwrap()
}

impl Office {
    fn new() -> Self {
        let store = MemoryStore::default();
        let clock = Arc::new(FixedClock::default());
        let ports = ports(Arc::new(store.clone()), clock.clone(), vec![], 1);
        let AdminUseCases { manage_admins, sign_in, authenticate, .. } =
            UseCases::new(&ports, &policies(SESSIONS)).admin;
        Self { manage: manage_admins, sign_in, authenticate, store, clock }
    }

    /// Creates an administrator with [`PASSWORD`].
    async fn hire(&self, who: &str, role: Role) -> SignedIn {
        let invited = self.manage.invite(None, &name(who), role).await.unwrap();
        self.manage.accept(&name(who), &invited.code, &password(PASSWORD)).await.unwrap();
        self.sign_in(who, PASSWORD).await.unwrap()
    }

    async fn sign_in(&self, who: &str, with: &str) -> Result<SignedIn, SignInError> {
        self.sign_in.run(&name(who), &password(with)).await
    }

    async fn accepts(&self, signed_in: &SignedIn) -> bool {
        match self.authenticate.run(signed_in.token.expose()).await {
            Ok(_) => true,
            Err(AuthenticateAdminError::SignedOut) => false,
            Err(AuthenticateAdminError::Store(error)) => panic!("{error}"),
        }
    }

    /// The details of events of a kind, the earliest first.
    fn details(&self, kind: AuditKind) -> Vec<String> {
        let events = self.store.audit().into_iter().filter(|event| event.kind == kind);
        events.map(|event| event.detail.unwrap_or_default()).collect()
    }
}

#[tokio::test]
async fn invited_administrator_sets_password_and_signs_in() {
    let office = Office::new();
    let invited = office.manage.invite(None, &name("ann"), Role::Operator).await.unwrap();
    assert!(office.sign_in("ann", PASSWORD).await.is_err(), "there is no default password");
    office.manage.accept(&name("ann"), &invited.code, &password(PASSWORD)).await.unwrap();
    let SignedIn { administrator, token } = office.sign_in("ann", PASSWORD).await.unwrap();
    assert_eq!((administrator.id, administrator.role), (invited.admin.id, Role::Operator));
    assert_eq!(office.authenticate.run(token.expose()).await.unwrap(), administrator);
    let kinds: Vec<_> = office.store.audit().iter().map(|event| event.kind).collect();
    let expected = [
        AuditKind::AdminInvited,
        AuditKind::AdminRefused,
        AuditKind::AdminPasswordSet,
        AuditKind::AdminSignedIn,
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn invitation_is_bound_to_name_and_single_use() {
    let office = Office::new();
    let ann = office.manage.invite(None, &name("ann"), Role::Viewer).await.unwrap().code;
    office.manage.invite(None, &name("bob"), Role::Viewer).await.unwrap();
    let accept = async |who: &str, code: &InvitationCode| {
        office.manage.accept(&name(who), code, &password(PASSWORD)).await
    };
    for other in ["bob", "eve"] {
        let refused = accept(other, &ann).await;
        assert!(matches!(refused, Err(ManageAdminsError::NotInvited(NotInvited))), "{refused:?}");
    }
    accept("ann", &ann).await.unwrap();
    assert!(matches!(accept("ann", &ann).await, Err(ManageAdminsError::NotInvited(_))));
}

#[tokio::test]
async fn failed_sign_ins_are_indistinguishable_and_audited() {
    let office = Office::new();
    let boss = office.hire("boss", Role::Admin).await.administrator;
    let gone = office.hire("gone", Role::Viewer).await.administrator;
    office.manage.invite(None, &name("new"), Role::Viewer).await.unwrap();
    let shut_out = AdminChange { active: Some(false), role: None };
    office.manage.change(&boss, gone.id, shut_out).await.unwrap();
    for (who, with) in
        [("unknown", PASSWORD), ("boss", OTHER_PASSWORD), ("new", PASSWORD), ("gone", PASSWORD)]
    {
        let refused = office.sign_in(who, with).await;
        assert!(matches!(refused, Err(SignInError::Refused)), "{who}: {refused:?}");
    }
    let details = office.details(AuditKind::AdminRefused);
    assert_eq!(details, ["unknown", "wrong_password", "wrong_password", "deactivated"]);
}

#[tokio::test]
async fn admin_session_ends_by_idle_time_lifetime_and_sign_out() {
    let office = Office::new();
    let ann = office.hire("ann", Role::Viewer).await;
    for _ in 0..24 {
        office.clock.advance(Duration::from_mins(29));
        assert!(office.accepts(&ann).await, "every use extends it");
    }
    office.clock.advance(Duration::from_mins(24));
    assert!(!office.accepts(&ann).await, "twelve hours are over");
    let again = office.sign_in("ann", PASSWORD).await.unwrap();
    office.clock.advance(Duration::from_mins(30));
    assert!(!office.accepts(&again).await, "it was never used");
    let here = office.sign_in("ann", PASSWORD).await.unwrap();
    let there = office.sign_in("ann", PASSWORD).await.unwrap();
    office.authenticate.sign_out(&here.administrator).await.unwrap();
    assert!(!office.accepts(&here).await && office.accepts(&there).await);
}

#[tokio::test]
async fn role_change_is_effective_at_once() {
    let office = Office::new();
    let boss = office.hire("boss", Role::Admin).await.administrator;
    let ann = office.hire("ann", Role::Admin).await;
    let change = AdminChange { role: Some(Role::Viewer), active: None };
    office.manage.change(&boss, ann.administrator.id, change).await.unwrap();
    let now = office.authenticate.run(ann.token.expose()).await.unwrap();
    assert_eq!(now.role, Role::Viewer);
    let shut_out = AdminChange { role: None, active: Some(false) };
    office.manage.change(&boss, now.id, shut_out).await.unwrap();
    assert!(!office.accepts(&ann).await);
    let changes = office.details(AuditKind::AdminChanged);
    assert_eq!(changes, ["viewer", "deactivated"]);
}

#[tokio::test]
async fn new_password_ends_all_admin_sessions() {
    let office = Office::new();
    let ann = office.hire("ann", Role::Viewer).await;
    let change = async |current: &str| {
        let current = password(current);
        let new = password(OTHER_PASSWORD);
        office.manage.change_password(&ann.administrator, &current, &new).await
    };
    assert!(matches!(change(OTHER_PASSWORD).await, Err(ManageAdminsError::WrongPassword)));
    assert!(office.accepts(&ann).await);
    change(PASSWORD).await.unwrap();
    assert!(!office.accepts(&ann).await);
    assert!(office.sign_in("ann", PASSWORD).await.is_err());
    assert!(office.sign_in("ann", OTHER_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn invitation_resets_the_password_of_an_existing_administrator() {
    let office = Office::new();
    let boss = office.hire("boss", Role::Admin).await.administrator;
    let ann = office.hire("ann", Role::Viewer).await;
    let shut_out = AdminChange { role: None, active: Some(false) };
    office.manage.change(&boss, ann.administrator.id, shut_out).await.unwrap();
    let again = office.manage.invite(Some(&boss), &name("ann"), Role::Operator).await.unwrap();
    assert_eq!(again.admin.id, ann.administrator.id);
    assert!(office.sign_in("ann", PASSWORD).await.is_ok(), "the old one is good until then");
    office.manage.accept(&name("ann"), &again.code, &password(OTHER_PASSWORD)).await.unwrap();
    assert!(office.sign_in("ann", PASSWORD).await.is_err());
    let back = office.sign_in("ann", OTHER_PASSWORD).await.unwrap().administrator;
    assert_eq!(back.role, Role::Operator);
}

#[tokio::test]
async fn administrators_cannot_change_their_own_account() {
    let office = Office::new();
    let boss = office.hire("boss", Role::Admin).await.administrator;
    let step_down = AdminChange { role: Some(Role::Viewer), active: None };
    for refused in [
        office.manage.change(&boss, boss.id, step_down).await.map(drop),
        office.manage.invite(Some(&boss), &boss.name, Role::Viewer).await.map(drop),
    ] {
        assert!(matches!(refused, Err(ManageAdminsError::SelfModification)), "{refused:?}");
    }
}

#[tokio::test]
async fn managing_administrators_requires_the_admin_role() {
    let office = Office::new();
    let boss = office.hire("boss", Role::Admin).await.administrator;
    for role in [Role::Viewer, Role::Operator] {
        let by = AdminPrincipal { role, ..office.hire("ann", role).await.administrator };
        for refused in [
            office.manage.list(&by).await.map(drop),
            office.manage.invite(Some(&by), &name("eve"), Role::Admin).await.map(drop),
            office.manage.change(&by, boss.id, AdminChange::default()).await.map(drop),
        ] {
            let forbidden = matches!(refused, Err(ManageAdminsError::Forbidden(RoleRequired(_))));
            assert!(forbidden, "{refused:?}");
        }
    }
    assert_eq!(office.manage.list(&boss).await.unwrap().len(), 2);
}
