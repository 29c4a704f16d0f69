//! Apps that come, change and go while the service runs.

use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::{AdminId, AdminName, AdminPrincipal, Role, RoleRequired};
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
use domain::use_cases::admin::manage_apps::{
    AppDetails, AppPush, ManageApps, ManageAppsError, NewApp,
};
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

/// A service with one app in its configuration, `main`, and an office that adds others.
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

fn by(role: Role) -> AdminPrincipal {
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
        let factory = Arc::new(MemoryAppFactory::new(fakes.provider.clone()));
        let harness = LoginHarness::over(fakes, ConflictPolicy::default(), |ports| {
            ports.app_factory = factory.clone();
        });
        let manage = harness.use_cases.admin.manage_apps.clone();
        let refresh = harness.use_cases.refresh.clone();
        Self { harness, factory, manage, refresh }
    }

    async fn add(&self, named: &str, app_id: &str) -> AppDetails {
        self.manage.add(&by(Role::Admin), &new(named, app_id)).await.unwrap()
    }

    /// Logs alice in to an app.
    async fn log_in(&self, app: &str) -> Result<LoggedIn, LoginError> {
        log_in(&self.harness, &self.harness.login, app).await
    }

    /// Audit events of apps with their details.
    fn record(&self) -> Vec<(&'static str, Option<String>, Option<AdminId>)> {
        let events = self.harness.store.audit().into_iter();
        let of_apps = events.filter(|event| event.kind.name().starts_with("app_"));
        of_apps.map(|event| (event.kind.name(), event.detail, event.actor)).collect()
    }

    /// The secret as the store has it.
    async fn kept(&self, app: &str) -> SealedSecret {
        let work = self.harness.store.begin().await.unwrap();
        work.apps().find(&name(app)).await.unwrap().unwrap().secret
    }
}

/// An instance over the same store.
fn serve(
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
    let app_harness = AppsHarness::new();
    let unknown = app_harness.log_in("shop").await.unwrap_err();
    assert!(matches!(unknown, LoginError::Verify(CodeExchangeError::UnknownApp)), "{unknown:?}");
    let sheet = app_harness.add("shop", "wx02").await;
    let registration = sheet.registration.unwrap();
    assert!(
        registration.disabled_at.is_none()
            && !registration.former_secret_kept
            && !sheet.accepts_pushes
    );
    assert_eq!(registration.created_at, app_harness.harness.clock.now());
    for called in ["shop", "wx02"] {
        app_harness.log_in(called).await.unwrap();
    }
    let sessions = app_harness.harness.store.sessions();
    assert!(sessions.iter().all(|session| session.app == name("shop")), "{sessions:?}");
    assert_eq!(app_harness.record(), [("app_added", None, Some(by(Role::Admin).id))]);
}

#[tokio::test]
async fn managing_apps_requires_the_admin_role() {
    let app_harness = AppsHarness::new();
    app_harness.add("shop", "wx02").await;
    let manage = &app_harness.manage;
    let shop = name("shop");
    let operator = by(Role::Operator);
    let forbidden = |outcome: Result<AppDetails, ManageAppsError>| {
        assert!(
            matches!(outcome, Err(ManageAppsError::Forbidden(RoleRequired(Role::Admin)))),
            "{outcome:?}"
        );
    };
    forbidden(manage.add(&operator, &new("other", "wx03")).await);
    forbidden(manage.set_policy(&operator, &shop, &AppPolicy::default()).await);
    forbidden(manage.set_push(&operator, &shop, None).await);
    forbidden(manage.rotate_secret(&operator, &shop, &secret("second")).await);
    forbidden(manage.finish_rotation(&operator, &shop).await);
    forbidden(manage.cancel_rotation(&operator, &shop).await);
    forbidden(manage.set_disabled(&operator, &shop, true).await);
    let removed = manage.remove(&operator, &shop).await;
    assert!(matches!(removed, Err(ManageAppsError::Forbidden(_))), "{removed:?}");
    assert_eq!(app_harness.record().len(), 1, "only that it was added");
    let all = manage.list(&by(Role::Viewer)).await.unwrap();
    let names: Vec<_> = all.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(names, ["main", "shop"], "a viewer sees all, those of the configuration first");
    assert!(all[0].registration.is_none());
}

#[tokio::test]
async fn configured_app_is_neither_shadowed_nor_changed() {
    let app_harness = AppsHarness::new();
    let manage = &app_harness.manage;
    let admin = by(Role::Admin);
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
    assert_eq!(app_harness.record(), []);
}

#[tokio::test]
async fn configured_app_replaces_registered_app() {
    let app_harness = AppsHarness::new();
    app_harness.add("shop", "wx02").await;
    let shop = |app_id| {
        let app = app_harness
            .harness
            .app(app_harness.harness.provider.clone(), ConflictPolicy::default());
        App { name: name("shop"), app_id: AppId::parse(app_id).unwrap(), ..app }
    };
    let apps = Arc::new(AppRegistry::new(vec![shop("wx77")]));
    serve(&app_harness.harness, apps.clone(), &app_harness.factory).run().await.unwrap();
    assert_eq!(apps.select(Some("shop")).unwrap().app_id.as_str(), "wx77");
    assert!(apps.select(Some("wx02")).is_none(), "half of it would be none");
}

#[tokio::test]
async fn app_name_and_app_id_are_unique() {
    let app_harness = AppsHarness::new();
    app_harness.add("shop", "wx02").await;
    for app in [new("shop", "wx03"), new("other", "wx02"), new("wx02", "wx03"), new("x", "shop")] {
        let refused = app_harness.manage.add(&by(Role::Admin), &app).await;
        assert!(matches!(refused, Err(ManageAppsError::Taken)), "{refused:?}");
    }
}

#[tokio::test]
async fn policy_change_applies_to_the_next_login() {
    let app_harness = AppsHarness::new();
    app_harness.add("shop", "wx02").await;
    let set = async |policy: AppPolicy| {
        app_harness.manage.set_policy(&by(Role::Admin), &name("shop"), &policy).await.unwrap()
    };
    set(AppPolicy { auto_register: false, ..AppPolicy::default() }).await;
    let closed = app_harness.log_in("shop").await.unwrap_err();
    assert!(matches!(closed, LoginError::RegistrationClosed), "{closed:?}");
    set(AppPolicy { phone_required: true, ..AppPolicy::default() }).await;
    let required = app_harness.log_in("shop").await.unwrap_err();
    assert!(matches!(required, LoginError::PhoneRequired), "{required:?}");

    let minutes = |count| Some(Duration::from_mins(count));
    let lifetimes = TokenLifetimes { access: minutes(5), idle: minutes(20), absolute: minutes(30) };
    let policy = AppPolicy { lifetimes, ..AppPolicy::default() };
    assert_eq!(set(policy.clone()).await.policy, policy);
    let tokens = app_harness.log_in("shop").await.unwrap().tokens;
    assert_eq!(tokens.expires_in, Duration::from_mins(5));
    let session = app_harness.harness.store.sessions().remove(0);
    assert_eq!(session.expires_at, session.created_at.plus(Duration::from_mins(20)));
    app_harness.harness.clock.advance(Duration::from_mins(15));
    let next = app_harness.refresh.run(tokens.refresh_token.expose()).await.unwrap();
    assert_eq!(next.expires_in, Duration::from_mins(5));
    let session = app_harness.harness.store.sessions().remove(0);
    assert_eq!(session.expires_at, session.created_at.plus(Duration::from_mins(30)));
    let elsewhere = app_harness.log_in("main").await.unwrap().tokens;
    assert_eq!(elsewhere.expires_in, Duration::from_hours(2), "another app's tokens last as usual");
}

#[tokio::test]
async fn disabled_app_refuses_logins_and_refreshes() {
    let app_harness = AppsHarness::new();
    app_harness.add("shop", "wx02").await;
    let here = app_harness.log_in("shop").await.unwrap().tokens;
    let elsewhere = app_harness.log_in("main").await.unwrap().tokens;
    let disable = async |disabled| {
        let admin = by(Role::Admin);
        let shop = name("shop");
        app_harness.manage.set_disabled(&admin, &shop, disabled).await.unwrap();
    };
    disable(true).await;
    let refused = app_harness.log_in("shop").await.unwrap_err();
    assert!(
        matches!(refused, LoginError::Verify(CodeExchangeError::AppDisabled(_))),
        "{refused:?}"
    );
    let refresh = async |tokens: &domain::model::session::token_pair::TokenPair| {
        app_harness.refresh.run(tokens.refresh_token.expose()).await
    };
    let refused = refresh(&here).await;
    assert!(matches!(refused, Err(RefreshError::AppDisabled(_))), "{refused:?}");
    refresh(&elsewhere).await.unwrap();
    assert!(matches!(introspected(&app_harness, &here).await, Introspection::Inactive));
    disable(false).await;
    refresh(&here).await.unwrap();
    app_harness.log_in("shop").await.unwrap();
    let kinds: Vec<_> = app_harness.record().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["app_added", "app_disabled", "app_enabled"]);
}

/// Returns the result of a refresh.
async fn introspected(
    app_harness: &AppsHarness,
    tokens: &domain::model::session::token_pair::TokenPair,
) -> Introspection {
    let introspect = &app_harness.harness.use_cases.introspect;
    introspect.run(tokens.refresh_token.expose()).await.unwrap()
}

#[tokio::test]
async fn secret_rotation_keeps_both_secrets_until_finished() {
    let app_harness = AppsHarness::new();
    app_harness.add("shop", "wx02").await;
    let manage = &app_harness.manage;
    let admin = by(Role::Admin);
    let shop = name("shop");
    let added = app_harness.harness.clock.now();
    let later = Duration::from_mins(1);
    app_harness.harness.clock.advance(later);
    let sheet = manage.rotate_secret(&admin, &shop, &secret("second")).await.unwrap();
    let registration = sheet.registration.unwrap();
    assert!(registration.former_secret_kept);
    assert_eq!(registration.secret_changed_at, added.plus(later));
    let kept = app_harness.kept("shop").await;
    assert_eq!((kept.current, kept.former), (sealed("second"), Some(sealed("first"))));
    let third = manage.rotate_secret(&admin, &shop, &secret("third")).await;
    assert!(matches!(third, Err(ManageAppsError::RotationInProgress(_))), "{third:?}");
    manage.finish_rotation(&admin, &shop).await.unwrap();
    let kept = app_harness.kept("shop").await;
    assert_eq!((kept.current, kept.former), (sealed("second"), None));
    let over = manage.cancel_rotation(&admin, &shop).await;
    assert!(matches!(over, Err(ManageAppsError::NoRotation(_))), "{over:?}");
    manage.rotate_secret(&admin, &shop, &secret("third")).await.unwrap();
    manage.cancel_rotation(&admin, &shop).await.unwrap();
    assert_eq!(app_harness.kept("shop").await.current, sealed("second"));
    let details: Vec<_> =
        app_harness.record().into_iter().filter_map(|(_, detail, _)| detail).collect();
    assert_eq!(details, ["started", "finished", "started", "cancelled"]);
}

#[tokio::test]
async fn app_with_identities_cannot_be_removed() {
    let app_harness = AppsHarness::new();
    app_harness.add("shop", "wx02").await;
    let manage = &app_harness.manage;
    let admin = by(Role::Admin);
    let shop = name("shop");
    let in_use = |outcome: Result<(), ManageAppsError>| {
        assert!(matches!(outcome, Err(ManageAppsError::InUse)), "{outcome:?}");
    };
    in_use(manage.remove(&admin, &shop).await);
    manage.set_disabled(&admin, &shop, true).await.unwrap();
    let user = domain::model::identity::Subject {
        namespace: "memory:wx02".into(),
        ..MemoryUser::person("oAlice").login
    };
    let login = app_harness.log_in("main").await.unwrap();
    let work = app_harness.harness.store.begin().await.unwrap();
    work.identities().add(login.member, &user, app_harness.harness.clock.now()).await.unwrap();
    work.commit().await.unwrap();
    in_use(manage.remove(&admin, &shop).await);
    let work = app_harness.harness.store.begin().await.unwrap();
    work.identities().remove(&[user]).await.unwrap();
    work.commit().await.unwrap();
    manage.remove(&admin, &shop).await.unwrap();
    assert!(matches!(manage.remove(&admin, &shop).await, Err(ManageAppsError::NotFound)));
    let unknown = app_harness.log_in("shop").await.unwrap_err();
    assert!(matches!(unknown, LoginError::Verify(CodeExchangeError::UnknownApp)), "{unknown:?}");
    assert_eq!(app_harness.record().last().unwrap().0, AuditKind::AppRemoved.name());
    app_harness.add("shop", "wx02").await;
    app_harness.log_in("shop").await.unwrap();
}

#[tokio::test]
async fn reload_rebuilds_changed_apps_only() {
    let app_harness = AppsHarness::new();
    let app =
        app_harness.harness.app(app_harness.harness.provider.clone(), ConflictPolicy::default());
    let apps = Arc::new(AppRegistry::new(vec![app]));
    let other = serve(&app_harness.harness, apps.clone(), &app_harness.factory);
    app_harness.add("shop", "wx02").await;
    app_harness.add("fair", "wx03").await;
    other.run().await.unwrap();
    let shop = apps.select(Some("shop")).unwrap();
    let fair = apps.select(Some("fair")).unwrap();
    let built = app_harness.factory.built().len();
    other.run().await.unwrap();
    assert_eq!(app_harness.factory.built().len(), built, "nothing has changed");
    app_harness.manage.set_disabled(&by(Role::Admin), &name("fair"), true).await.unwrap();
    other.run().await.unwrap();
    assert!(Arc::ptr_eq(&shop, &apps.select(Some("shop")).unwrap()), "it was not touched");
    let now = apps.select(Some("fair")).unwrap();
    assert!(now.disabled && !Arc::ptr_eq(&fair, &now));
}

#[tokio::test]
async fn undecryptable_app_does_not_block_other_apps() {
    let app_harness = AppsHarness::new();
    app_harness.add("shop", "wx02").await;
    app_harness.add("fair", "wx03").await;
    let work = app_harness.harness.store.begin().await.unwrap();
    let mut app = work.apps().find(&name("shop")).await.unwrap().unwrap();
    app.secret.current = b"damaged".to_vec();
    work.apps().update(&app).await.unwrap();
    work.commit().await.unwrap();
    app_harness.manage.reload_apps.run().await.unwrap();
    app_harness.log_in("fair").await.unwrap();
    let unknown = app_harness.log_in("shop").await.unwrap_err();
    assert!(matches!(unknown, LoginError::Verify(CodeExchangeError::UnknownApp)), "{unknown:?}");
    let admin = by(Role::Admin);
    let shop = name("shop");
    app_harness.manage.rotate_secret(&admin, &shop, &secret("second")).await.unwrap();
    app_harness.log_in("shop").await.unwrap();
}

#[tokio::test]
async fn message_push_settings_are_set_and_removed() {
    let app_harness = AppsHarness::new();
    app_harness.add("shop", "wx02").await;
    let admin = by(Role::Admin);
    let shop = name("shop");
    let push = AppPush { token: PushToken::parse("aToken").unwrap(), key: None };
    let sheet = app_harness.manage.set_push(&admin, &shop, Some(&push)).await.unwrap();
    assert!(sheet.accepts_pushes);
    let sheet = app_harness.manage.set_push(&admin, &shop, None).await.unwrap();
    assert!(!sheet.accepts_pushes);
    let details: Vec<_> =
        app_harness.record().into_iter().filter_map(|(_, detail, _)| detail).collect();
    assert_eq!(details, ["push", "push_removed"]);
}
