//! Registered apps: addition, changes, secret rotation, removal and reload at run time.

use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::{Admin, AdminId, AdminName, AdminPrincipal, Role, RoleRequired};
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::{AppPolicy, TokenLifetimes};
use domain::model::app::registered::SealedSecret;
use domain::model::app::secret::{AppSecret, PushToken};
use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::login::{LoggedIn, LoginRequest};
use domain::ports::app::App;
use domain::ports::store::Store;
use domain::use_cases::admin::app_details::AppDetails;
use domain::use_cases::admin::manage_apps::{AppPush, ManageApps, ManageAppsError, NewApp};
use domain::use_cases::app::registry::{AppRegistry, CodeExchangeError};
use domain::use_cases::app::reload::ReloadApps;
use domain::use_cases::login::{Login, LoginError};
use domain::use_cases::ports::Ports;
use domain::use_cases::session::introspect::Introspection;
use domain::use_cases::session::refresh::{Refresh, RefreshError};
use testkit::fake::apps::MemoryAppFactory;
use testkit::fake::provider::MemoryUser;
use uuid::Uuid;

use crate::harness::{Fakes, LoginHarness};

/// Service with the configured app `main`, and the use cases that manage registered apps.
struct AppsHarness {
    harness: LoginHarness,
    factory: Arc<MemoryAppFactory>,
    manage: Arc<ManageApps>,
    refresh: Arc<Refresh>,
}

fn name(name: &str) -> AppName {
    AppName::parse(name).unwrap()
}

fn secret(text: &str) -> AppSecret {
    AppSecret::parse(&format!("{text:-<16}")).unwrap()
}

fn admin_with(role: Role) -> AdminPrincipal {
    AdminPrincipal {
        id: AdminId(Uuid::from_u128(7)),
        name: AdminName::parse("ann").unwrap(),
        role,
        session: Fingerprint([0; 32]),
        expires_at: domain::model::timestamp::Timestamp::from_unix_millis(0),
    }
}

fn new(named: &str, app_id: &str) -> NewApp {
    let name = name(named);
    let app_id = AppId::parse(app_id).unwrap();
    NewApp { name, app_id, secret: secret("first"), policy: AppPolicy::default() }
}

impl AppsHarness {
    fn new() -> Self {
        let fakes = Fakes::new();
        let AdminPrincipal { id, name, role, .. } = admin_with(Role::Admin);
        let now = fakes.clock.now();
        let admin = Admin::new(name, role, now, fakes.events.random.as_ref());
        fakes.store.add_admin(Admin { id, ..admin });
        let factory = Arc::new(MemoryAppFactory::new(fakes.provider.clone()));
        let harness = LoginHarness::over(fakes, ConflictPolicy::default(), |ports| {
            ports.app_factory = factory.clone();
        });
        let manage = harness.use_cases.admin.manage_apps.clone();
        let refresh = harness.use_cases.refresh.clone();
        Self { harness, factory, manage, refresh }
    }

    async fn add(&self, named: &str, app_id: &str) -> AppDetails {
        self.manage.add(&admin_with(Role::Admin), &new(named, app_id)).await.unwrap()
    }

    /// Logs Alice in to an app.
    async fn log_in(&self, app: &str) -> Result<LoggedIn, LoginError> {
        log_in(&self.harness, &self.harness.login, app).await
    }

    /// Returns the audit events about apps: kind, detail and actor.
    fn app_events(&self) -> Vec<(&'static str, Option<String>, Option<AdminId>)> {
        let events = self.harness.store.audit().into_iter();
        let of_apps = events.filter(|event| event.kind.name().starts_with("app_"));
        of_apps.map(|event| (event.kind.name(), event.detail, event.actor)).collect()
    }

    /// Returns the stored secret of an app.
    async fn stored_secret(&self, app: &str) -> SealedSecret {
        let work = self.harness.store.begin().await.unwrap();
        work.apps().find(&name(app)).await.unwrap().unwrap().secret
    }
}

/// Returns the reload of another instance with the same store.
fn reload_apps_of(
    harness: &LoginHarness,
    apps: Arc<AppRegistry>,
    factory: &Arc<MemoryAppFactory>,
) -> ReloadApps {
    let ports = harness.fakes.ports(harness.provider.clone(), ConflictPolicy::default());
    ReloadApps::new(&Ports { apps, app_factory: factory.clone(), ..ports })
}

async fn log_in(harness: &LoginHarness, login: &Login, app: &str) -> Result<LoggedIn, LoginError> {
    let request = harness.request(&MemoryUser::person("oAlice"));
    login.run(LoginRequest { app: Some(app.to_owned()), ..request }).await
}

fn sealed(text: &str) -> Vec<u8> {
    let backwards: String = secret(text).expose().chars().rev().collect();
    format!("shop Secret {backwards}").into_bytes()
}

#[tokio::test]
async fn registered_app_accepts_logins_by_name_and_app_id() {
    let fixture = AppsHarness::new();
    let unknown = fixture.log_in("shop").await.unwrap_err();
    assert!(matches!(unknown, LoginError::Verify(CodeExchangeError::UnknownApp)), "{unknown:?}");
    let app = fixture.add("shop", "wx02").await;
    let registration = app.registration.unwrap();
    assert!(
        registration.disabled_at.is_none()
            && !registration.former_secret_kept
            && !app.accepts_pushes
    );
    assert_eq!(registration.created_at, fixture.harness.clock.now());
    for name_or_id in ["shop", "wx02"] {
        fixture.log_in(name_or_id).await.unwrap();
    }
    let sessions = fixture.harness.store.sessions();
    assert!(sessions.iter().all(|session| session.app == name("shop")), "{sessions:?}");
    assert_eq!(fixture.app_events(), [("app_added", None, Some(admin_with(Role::Admin).id))]);
}

#[tokio::test]
async fn managing_apps_requires_the_admin_role() {
    let fixture = AppsHarness::new();
    fixture.add("shop", "wx02").await;
    let manage = &fixture.manage;
    let shop = name("shop");
    let operator = admin_with(Role::Operator);
    let assert_forbidden = |outcome: Result<AppDetails, ManageAppsError>| {
        assert!(
            matches!(outcome, Err(ManageAppsError::Forbidden(RoleRequired(Role::Admin)))),
            "{outcome:?}"
        );
    };
    assert_forbidden(manage.add(&operator, &new("other", "wx03")).await);
    assert_forbidden(manage.set_policy(&operator, &shop, &AppPolicy::default()).await);
    assert_forbidden(manage.set_push(&operator, &shop, None).await);
    assert_forbidden(manage.rotate_secret(&operator, &shop, &secret("second")).await);
    assert_forbidden(manage.finish_rotation(&operator, &shop).await);
    assert_forbidden(manage.cancel_rotation(&operator, &shop).await);
    assert_forbidden(manage.set_disabled(&operator, &shop, true).await);
    let removed = manage.remove(&operator, &shop).await;
    assert!(matches!(removed, Err(ManageAppsError::Forbidden(_))), "{removed:?}");
    assert_eq!(fixture.app_events().len(), 1, "only the addition is audited");
    let all = manage.list(&admin_with(Role::Viewer)).await.unwrap();
    let names: Vec<_> = all.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(names, ["main", "shop"], "a viewer sees all apps, configured ones first");
    assert!(all[0].registration.is_none());
}

#[tokio::test]
async fn configured_app_is_neither_shadowed_nor_changed() {
    let fixture = AppsHarness::new();
    let manage = &fixture.manage;
    let admin = admin_with(Role::Admin);
    for app in [new("main", "wx09"), new("other", "wx01"), new("wx01", "wx09")] {
        let refused = manage.add(&admin, &app).await;
        assert!(matches!(refused, Err(ManageAppsError::Configured)), "{refused:?}");
    }
    for refused in [
        manage.set_disabled(&admin, &name("main"), true).await,
        manage.rotate_secret(&admin, &name("main"), &secret("second")).await,
        manage.set_policy(&admin, &name("main"), &AppPolicy::default()).await,
    ] {
        assert!(matches!(refused, Err(ManageAppsError::Configured)), "{refused:?}");
    }
    assert_eq!(fixture.app_events(), []);
}

#[tokio::test]
async fn configured_app_replaces_registered_app() {
    let fixture = AppsHarness::new();
    fixture.add("shop", "wx02").await;
    let shop = |app_id| {
        let app = fixture.harness.app(fixture.harness.provider.clone(), ConflictPolicy::default());
        App { name: name("shop"), app_id: AppId::parse(app_id).unwrap(), ..app }
    };
    let apps = Arc::new(AppRegistry::new(vec![shop("wx77")]));
    reload_apps_of(&fixture.harness, apps.clone(), &fixture.factory).run().await.unwrap();
    assert_eq!(apps.select(Some("shop")).unwrap().app_id.as_str(), "wx77");
    assert!(apps.select(Some("wx02")).is_none(), "the registered app is ignored as a whole");
}

#[tokio::test]
async fn app_name_and_app_id_are_unique() {
    let fixture = AppsHarness::new();
    fixture.add("shop", "wx02").await;
    for app in [new("shop", "wx03"), new("other", "wx02"), new("wx02", "wx03"), new("x", "shop")] {
        let refused = fixture.manage.add(&admin_with(Role::Admin), &app).await;
        assert!(matches!(refused, Err(ManageAppsError::Taken)), "{refused:?}");
    }
}

#[tokio::test]
async fn policy_change_applies_to_the_next_login() {
    let fixture = AppsHarness::new();
    fixture.add("shop", "wx02").await;
    let set = async |policy: AppPolicy| {
        fixture.manage.set_policy(&admin_with(Role::Admin), &name("shop"), &policy).await.unwrap()
    };
    set(AppPolicy { auto_register: false, ..AppPolicy::default() }).await;
    let closed = fixture.log_in("shop").await.unwrap_err();
    assert!(matches!(closed, LoginError::RegistrationClosed), "{closed:?}");
    set(AppPolicy { phone_required: true, ..AppPolicy::default() }).await;
    let required = fixture.log_in("shop").await.unwrap_err();
    assert!(matches!(required, LoginError::PhoneRequired), "{required:?}");

    let minutes = |count| Some(Duration::from_mins(count));
    let lifetimes = TokenLifetimes { access: minutes(5), idle: minutes(20), absolute: minutes(30) };
    let policy = AppPolicy { lifetimes, ..AppPolicy::default() };
    assert_eq!(set(policy.clone()).await.policy, policy);
    let tokens = fixture.log_in("shop").await.unwrap().tokens;
    assert_eq!(tokens.expires_in, Duration::from_mins(5));
    let session = fixture.harness.store.sessions().remove(0);
    assert_eq!(session.expires_at, session.created_at.plus(Duration::from_mins(20)));
    fixture.harness.clock.advance(Duration::from_mins(15));
    let next = fixture.refresh.run(tokens.refresh_token.expose()).await.unwrap();
    assert_eq!(next.expires_in, Duration::from_mins(5));
    let session = fixture.harness.store.sessions().remove(0);
    assert_eq!(session.expires_at, session.created_at.plus(Duration::from_mins(30)));
    let main_tokens = fixture.log_in("main").await.unwrap().tokens;
    assert_eq!(
        main_tokens.expires_in,
        Duration::from_hours(2),
        "another app's tokens last as usual"
    );
}

#[tokio::test]
async fn disabled_app_refuses_logins_and_refreshes() {
    let fixture = AppsHarness::new();
    fixture.add("shop", "wx02").await;
    let shop_tokens = fixture.log_in("shop").await.unwrap().tokens;
    let main_tokens = fixture.log_in("main").await.unwrap().tokens;
    let disable = async |disabled| {
        let admin = admin_with(Role::Admin);
        let shop = name("shop");
        fixture.manage.set_disabled(&admin, &shop, disabled).await.unwrap();
    };
    disable(true).await;
    let refused = fixture.log_in("shop").await.unwrap_err();
    assert!(
        matches!(refused, LoginError::Verify(CodeExchangeError::AppDisabled(_))),
        "{refused:?}"
    );
    let refresh = async |tokens: &domain::model::session::token_pair::TokenPair| {
        fixture.refresh.run(tokens.refresh_token.expose()).await
    };
    let refused = refresh(&shop_tokens).await;
    assert!(matches!(refused, Err(RefreshError::AppDisabled(_))), "{refused:?}");
    refresh(&main_tokens).await.unwrap();
    assert!(matches!(
        introspect_refresh_token(&fixture, &shop_tokens).await,
        Introspection::Inactive
    ));
    disable(false).await;
    refresh(&shop_tokens).await.unwrap();
    fixture.log_in("shop").await.unwrap();
    let kinds: Vec<_> = fixture.app_events().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["app_added", "app_disabled", "app_enabled"]);
}

/// Introspects the refresh token.
async fn introspect_refresh_token(
    fixture: &AppsHarness,
    tokens: &domain::model::session::token_pair::TokenPair,
) -> Introspection {
    let introspect = &fixture.harness.use_cases.introspect;
    introspect.run(tokens.refresh_token.expose()).await.unwrap()
}

#[tokio::test]
async fn secret_rotation_keeps_both_secrets_until_finished() {
    let fixture = AppsHarness::new();
    fixture.add("shop", "wx02").await;
    let manage = &fixture.manage;
    let admin = admin_with(Role::Admin);
    let shop = name("shop");
    let added = fixture.harness.clock.now();
    let later = Duration::from_mins(1);
    fixture.harness.clock.advance(later);
    let app = manage.rotate_secret(&admin, &shop, &secret("second")).await.unwrap();
    let registration = app.registration.unwrap();
    assert!(registration.former_secret_kept);
    assert_eq!(registration.secret_changed_at, added.plus(later));
    let stored_secret = fixture.stored_secret("shop").await;
    assert_eq!(
        (stored_secret.current, stored_secret.former),
        (sealed("second"), Some(sealed("first")))
    );
    let third = manage.rotate_secret(&admin, &shop, &secret("third")).await;
    assert!(matches!(third, Err(ManageAppsError::RotationInProgress(_))), "{third:?}");
    manage.finish_rotation(&admin, &shop).await.unwrap();
    let stored_secret = fixture.stored_secret("shop").await;
    assert_eq!((stored_secret.current, stored_secret.former), (sealed("second"), None));
    let over = manage.cancel_rotation(&admin, &shop).await;
    assert!(matches!(over, Err(ManageAppsError::NoRotation(_))), "{over:?}");
    manage.rotate_secret(&admin, &shop, &secret("third")).await.unwrap();
    manage.cancel_rotation(&admin, &shop).await.unwrap();
    assert_eq!(fixture.stored_secret("shop").await.current, sealed("second"));
    let details: Vec<_> =
        fixture.app_events().into_iter().filter_map(|(_, detail, _)| detail).collect();
    assert_eq!(details, ["started", "finished", "started", "cancelled"]);
}

#[tokio::test]
async fn app_with_identities_cannot_be_removed() {
    let fixture = AppsHarness::new();
    fixture.add("shop", "wx02").await;
    let manage = &fixture.manage;
    let admin = admin_with(Role::Admin);
    let shop = name("shop");
    let assert_in_use = |outcome: Result<(), ManageAppsError>| {
        assert!(matches!(outcome, Err(ManageAppsError::InUse)), "{outcome:?}");
    };
    assert_in_use(manage.remove(&admin, &shop).await);
    manage.set_disabled(&admin, &shop, true).await.unwrap();
    let user = domain::model::identity::Subject {
        namespace: "memory:wx02".into(),
        ..MemoryUser::person("oAlice").login
    };
    let login = fixture.log_in("main").await.unwrap();
    let work = fixture.harness.store.begin().await.unwrap();
    work.identities().add(login.member, &user, fixture.harness.clock.now()).await.unwrap();
    work.commit().await.unwrap();
    assert_in_use(manage.remove(&admin, &shop).await);
    let work = fixture.harness.store.begin().await.unwrap();
    work.identities().remove(&[user]).await.unwrap();
    work.commit().await.unwrap();
    manage.remove(&admin, &shop).await.unwrap();
    assert!(matches!(manage.remove(&admin, &shop).await, Err(ManageAppsError::NotFound)));
    let unknown = fixture.log_in("shop").await.unwrap_err();
    assert!(matches!(unknown, LoginError::Verify(CodeExchangeError::UnknownApp)), "{unknown:?}");
    assert_eq!(fixture.app_events().last().unwrap().0, AuditKind::AppRemoved.name());
    fixture.add("shop", "wx02").await;
    fixture.log_in("shop").await.unwrap();
}

#[tokio::test]
async fn reload_rebuilds_changed_apps_only() {
    let fixture = AppsHarness::new();
    let app = fixture.harness.app(fixture.harness.provider.clone(), ConflictPolicy::default());
    let apps = Arc::new(AppRegistry::new(vec![app]));
    let other = reload_apps_of(&fixture.harness, apps.clone(), &fixture.factory);
    fixture.add("shop", "wx02").await;
    fixture.add("fair", "wx03").await;
    other.run().await.unwrap();
    let shop = apps.select(Some("shop")).unwrap();
    let fair = apps.select(Some("fair")).unwrap();
    let built = fixture.factory.built().len();
    other.run().await.unwrap();
    assert_eq!(fixture.factory.built().len(), built, "nothing has changed");
    fixture.manage.set_disabled(&admin_with(Role::Admin), &name("fair"), true).await.unwrap();
    other.run().await.unwrap();
    assert!(Arc::ptr_eq(&shop, &apps.select(Some("shop")).unwrap()), "the app was not rebuilt");
    let now = apps.select(Some("fair")).unwrap();
    assert!(now.disabled && !Arc::ptr_eq(&fair, &now));
}

#[tokio::test]
async fn undecryptable_app_does_not_block_other_apps() {
    let fixture = AppsHarness::new();
    fixture.add("shop", "wx02").await;
    fixture.add("fair", "wx03").await;
    let work = fixture.harness.store.begin().await.unwrap();
    let mut app = work.apps().find(&name("shop")).await.unwrap().unwrap();
    app.secret.current = b"damaged".to_vec();
    work.apps().update(&app).await.unwrap();
    work.commit().await.unwrap();
    fixture.manage.reload_apps.run().await.unwrap();
    fixture.log_in("fair").await.unwrap();
    let unknown = fixture.log_in("shop").await.unwrap_err();
    assert!(matches!(unknown, LoginError::Verify(CodeExchangeError::UnknownApp)), "{unknown:?}");
    let admin = admin_with(Role::Admin);
    let shop = name("shop");
    fixture.manage.rotate_secret(&admin, &shop, &secret("second")).await.unwrap();
    fixture.log_in("shop").await.unwrap();
}

#[tokio::test]
async fn message_push_settings_are_set_and_removed() {
    let fixture = AppsHarness::new();
    fixture.add("shop", "wx02").await;
    let admin = admin_with(Role::Admin);
    let shop = name("shop");
    let push = AppPush { token: PushToken::parse("aToken").unwrap(), key: None };
    let app = fixture.manage.set_push(&admin, &shop, Some(&push)).await.unwrap();
    assert!(app.accepts_pushes);
    let app = fixture.manage.set_push(&admin, &shop, None).await.unwrap();
    assert!(!app.accepts_pushes);
    let details: Vec<_> =
        fixture.app_events().into_iter().filter_map(|(_, detail, _)| detail).collect();
    assert_eq!(details, ["push", "push_removed"]);
}
