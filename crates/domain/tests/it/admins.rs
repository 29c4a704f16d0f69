//! Administrators: invitation, sign-in, sessions and account management.

use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::{
    Admin, AdminName, AdminPassword, AdminPrincipal, NotInvited, Role, RoleRequired,
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

struct AdminFixture {
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

impl AdminFixture {
    fn new() -> Self {
        let store = MemoryStore::default();
        let clock = Arc::new(FixedClock::default());
        let ports = ports(Arc::new(store.clone()), clock.clone(), vec![], 1);
        let AdminUseCases { manage_admins, sign_in, authenticate, .. } =
            UseCases::new(&ports, &policies(SESSIONS)).admin;
        Self { manage: manage_admins, sign_in, authenticate, store, clock }
    }

    /// Creates an administrator with [`PASSWORD`].
    async fn add_admin(&self, admin_name: &str, role: Role) -> SignedIn {
        let invited = self.manage.invite(None, &name(admin_name), role).await.unwrap();
        self.manage.accept(&name(admin_name), &invited.code, &password(PASSWORD)).await.unwrap();
        self.sign_in(admin_name, PASSWORD).await.unwrap()
    }

    async fn sign_in(
        &self,
        admin_name: &str,
        password_text: &str,
    ) -> Result<SignedIn, SignInError> {
        self.sign_in.run(&name(admin_name), &password(password_text)).await
    }

    async fn accepts(&self, signed_in: &SignedIn) -> bool {
        match self.authenticate.run(signed_in.token.expose()).await {
            Ok(_) => true,
            Err(AuthenticateAdminError::SignedOut) => false,
            Err(AuthenticateAdminError::Store(error)) => panic!("{error}"),
        }
    }

    /// Returns the details of the events of a kind, the earliest first.
    fn details(&self, kind: AuditKind) -> Vec<String> {
        let events = self.store.audit().into_iter().filter(|event| event.kind == kind);
        events.map(|event| event.detail.unwrap_or_default()).collect()
    }
}

#[tokio::test]
async fn invited_administrator_sets_password_and_signs_in() {
    let fixture = AdminFixture::new();
    let invited = fixture.manage.invite(None, &name("ann"), Role::Operator).await.unwrap();
    assert!(fixture.sign_in("ann", PASSWORD).await.is_err(), "there is no default password");
    fixture.manage.accept(&name("ann"), &invited.code, &password(PASSWORD)).await.unwrap();
    let SignedIn { administrator, token } = fixture.sign_in("ann", PASSWORD).await.unwrap();
    assert_eq!((administrator.id, administrator.role), (invited.admin.id, Role::Operator));
    assert_eq!(fixture.authenticate.run(token.expose()).await.unwrap(), administrator);
    let kinds: Vec<_> = fixture.store.audit().iter().map(|event| event.kind).collect();
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
    let fixture = AdminFixture::new();
    let ann = fixture.manage.invite(None, &name("ann"), Role::Viewer).await.unwrap().code;
    fixture.manage.invite(None, &name("bob"), Role::Viewer).await.unwrap();
    let accept = async |admin_name: &str, code: &InvitationCode| {
        fixture.manage.accept(&name(admin_name), code, &password(PASSWORD)).await
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
    let fixture = AdminFixture::new();
    let boss = fixture.add_admin("boss", Role::Admin).await.administrator;
    let gone = fixture.add_admin("gone", Role::Viewer).await.administrator;
    fixture.manage.invite(None, &name("new"), Role::Viewer).await.unwrap();
    let deactivate = AdminChange { active: Some(false), role: None };
    fixture.manage.change(&boss, gone.id, deactivate).await.unwrap();
    for (admin_name, password_text) in
        [("unknown", PASSWORD), ("boss", OTHER_PASSWORD), ("new", PASSWORD), ("gone", PASSWORD)]
    {
        let refused = fixture.sign_in(admin_name, password_text).await;
        assert!(matches!(refused, Err(SignInError::Refused)), "{admin_name}: {refused:?}");
    }
    let details = fixture.details(AuditKind::AdminRefused);
    assert_eq!(details, ["unknown", "wrong_password", "wrong_password", "deactivated"]);
}

#[tokio::test]
async fn admin_session_ends_by_idle_time_lifetime_and_sign_out() {
    let fixture = AdminFixture::new();
    let ann = fixture.add_admin("ann", Role::Viewer).await;
    for _ in 0..24 {
        fixture.clock.advance(Duration::from_mins(29));
        assert!(fixture.accepts(&ann).await, "every use extends the session");
    }
    fixture.clock.advance(Duration::from_mins(24));
    assert!(!fixture.accepts(&ann).await, "twelve hours are over");
    let again = fixture.sign_in("ann", PASSWORD).await.unwrap();
    fixture.clock.advance(Duration::from_mins(30));
    assert!(!fixture.accepts(&again).await, "the session was idle");
    let first = fixture.sign_in("ann", PASSWORD).await.unwrap();
    let second = fixture.sign_in("ann", PASSWORD).await.unwrap();
    fixture.authenticate.sign_out(&first.administrator).await.unwrap();
    assert!(!fixture.accepts(&first).await && fixture.accepts(&second).await);
}

#[tokio::test]
async fn role_change_is_effective_at_once() {
    let fixture = AdminFixture::new();
    let boss = fixture.add_admin("boss", Role::Admin).await.administrator;
    let ann = fixture.add_admin("ann", Role::Admin).await;
    let change = AdminChange { role: Some(Role::Viewer), active: None };
    fixture.manage.change(&boss, ann.administrator.id, change).await.unwrap();
    let now = fixture.authenticate.run(ann.token.expose()).await.unwrap();
    assert_eq!(now.role, Role::Viewer);
    let deactivate = AdminChange { role: None, active: Some(false) };
    fixture.manage.change(&boss, now.id, deactivate).await.unwrap();
    assert!(!fixture.accepts(&ann).await);
    let changes = fixture.details(AuditKind::AdminChanged);
    assert_eq!(changes, ["viewer", "deactivated"]);
}

#[tokio::test]
async fn new_password_ends_all_admin_sessions() {
    let fixture = AdminFixture::new();
    let ann = fixture.add_admin("ann", Role::Viewer).await;
    let change = async |current: &str| {
        let current = password(current);
        let new = password(OTHER_PASSWORD);
        fixture.manage.change_password(&ann.administrator, &current, &new).await
    };
    assert!(matches!(change(OTHER_PASSWORD).await, Err(ManageAdminsError::WrongPassword)));
    assert!(fixture.accepts(&ann).await);
    change(PASSWORD).await.unwrap();
    assert!(!fixture.accepts(&ann).await);
    assert!(fixture.sign_in("ann", PASSWORD).await.is_err());
    assert!(fixture.sign_in("ann", OTHER_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn invitation_resets_the_password_of_an_existing_administrator() {
    let fixture = AdminFixture::new();
    let boss = fixture.add_admin("boss", Role::Admin).await.administrator;
    let ann = fixture.add_admin("ann", Role::Viewer).await;
    let deactivate = AdminChange { role: None, active: Some(false) };
    fixture.manage.change(&boss, ann.administrator.id, deactivate).await.unwrap();
    let again = fixture.manage.invite(Some(&boss), &name("ann"), Role::Operator).await.unwrap();
    assert_eq!(again.admin.id, ann.administrator.id);
    assert!(
        fixture.sign_in("ann", PASSWORD).await.is_ok(),
        "the old password stays valid until then"
    );
    fixture.manage.accept(&name("ann"), &again.code, &password(OTHER_PASSWORD)).await.unwrap();
    assert!(fixture.sign_in("ann", PASSWORD).await.is_err());
    let back = fixture.sign_in("ann", OTHER_PASSWORD).await.unwrap().administrator;
    assert_eq!(back.role, Role::Operator);
}

#[tokio::test]
async fn administrators_cannot_change_their_own_account() {
    let fixture = AdminFixture::new();
    let boss = fixture.add_admin("boss", Role::Admin).await.administrator;
    let step_down = AdminChange { role: Some(Role::Viewer), active: None };
    for refused in [
        fixture.manage.change(&boss, boss.id, step_down).await.map(drop),
        fixture.manage.invite(Some(&boss), &boss.name, Role::Viewer).await.map(drop),
    ] {
        assert!(matches!(refused, Err(ManageAdminsError::SelfModification)), "{refused:?}");
    }
}

#[tokio::test]
async fn managing_administrators_requires_the_admin_role() {
    let fixture = AdminFixture::new();
    let boss = fixture.add_admin("boss", Role::Admin).await.administrator;
    for role in [Role::Viewer, Role::Operator] {
        let by = AdminPrincipal { role, ..fixture.add_admin("ann", role).await.administrator };
        for refused in [
            fixture.manage.list(&by).await.map(drop),
            fixture.manage.invite(Some(&by), &name("eve"), Role::Admin).await.map(drop),
            fixture.manage.change(&by, boss.id, AdminChange::default()).await.map(drop),
        ] {
            let forbidden = matches!(refused, Err(ManageAdminsError::Forbidden(RoleRequired(_))));
            assert!(forbidden, "{refused:?}");
        }
    }
    assert_eq!(fixture.manage.list(&boss).await.unwrap().len(), 2);
}

/// The principals of both requests were authenticated before either of them changed an account.
#[tokio::test]
async fn administrators_cannot_shut_each_other_out() {
    for change in [
        AdminChange { role: None, active: Some(false) },
        AdminChange { role: Some(Role::Viewer), active: None },
    ] {
        let fixture = AdminFixture::new();
        let ann = fixture.add_admin("ann", Role::Admin).await.administrator;
        let bob = fixture.add_admin("bob", Role::Admin).await.administrator;
        fixture.manage.change(&ann, bob.id, change).await.unwrap();
        for refused in [
            fixture.manage.change(&bob, ann.id, change).await.map(drop),
            fixture.manage.invite(Some(&bob), &ann.name, Role::Viewer).await.map(drop),
            fixture.manage.invite(Some(&bob), &name("eve"), Role::Admin).await.map(drop),
        ] {
            assert!(matches!(refused, Err(ManageAdminsError::Forbidden(_))), "{refused:?}");
        }
        let admins = fixture.store.all_admins();
        let can_act = |admin: &&Admin| admin.ensure_role(Role::Admin).is_ok();
        assert_eq!(admins.iter().filter(can_act).count(), 1);
    }
}
