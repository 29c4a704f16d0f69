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

use crate::door::{Door, Fakes};

/// A service with one app in its configuration, `main`, and an office that adds others.
struct House {
    door: Door,
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

impl House {
    fn new() -> Self {
        let fakes = Fakes::new();
        let factory = Arc::new(MemoryAppFactory::new(fakes.provider.clone()));
        let door = Door::over(fakes, ConflictPolicy::default(), |ports| {
            ports.app_factory = factory.clone();
        });
        let manage = door.use_cases.admin.manage_apps.clone();
        let refresh = door.use_cases.refresh.clone();
        Self { door, factory, manage, refresh }
    }

    async fn add(&self, named: &str, app_id: &str) -> AppDetails {
        self.manage.add(&by(Role::Admin), &new(named, app_id)).await.unwrap()
    }

    /// Logs alice in to an app.
    async fn log_in(&self, app: &str) -> Result<LoggedIn, LoginError> {
        log_in(&self.door, &self.door.login, app).await
    }

    /// What happened to apps, and what of that.
    fn record(&self) -> Vec<(&'static str, Option<String>, Option<AdminId>)> {
        let events = self.door.store.audit().into_iter();
        let of_apps = events.filter(|event| event.kind.name().starts_with("app_"));
        of_apps.map(|event| (event.kind.name(), event.detail, event.actor)).collect()
    }

    /// The secret as the store has it.
    async fn kept(&self, app: &str) -> SealedSecret {
        let work = self.door.store.begin().await.unwrap();
        work.apps().find(&name(app)).await.unwrap().unwrap().secret
    }
}

/// An instance over the same store.
fn serve(door: &Door, apps: Arc<AppRegistry>, factory: &Arc<MemoryAppFactory>) -> ReloadApps {
    let ports = door.fakes.ports(door.provider.clone(), ConflictPolicy::default());
    ReloadApps::new(&Ports { apps, app_factory: factory.clone(), ..ports })
}

async fn log_in(door: &Door, login: &Login, app: &str) -> Result<LoggedIn, LoginError> {
    let request = door.request(&MemoryUser::person("oAlice"));
    login.run(LoginRequest { app: Some(app.to_owned()), ..request }).await
}

fn sealed(text: &str) -> Vec<u8> {
    let backwards: String = secret(text).expose().chars().rev().collect();
    format!("shop Secret {backwards}").into_bytes()
}

#[tokio::test]
async fn an_app_that_is_added_lets_people_in_by_its_name_and_its_id() {
    let house = House::new();
    let unknown = house.log_in("shop").await.unwrap_err();
    assert!(matches!(unknown, LoginError::Verify(CodeExchangeError::UnknownApp)), "{unknown:?}");
    let sheet = house.add("shop", "wx02").await;
    let registration = sheet.registration.unwrap();
    assert!(
        registration.disabled_at.is_none()
            && !registration.former_secret_kept
            && !sheet.takes_pushes
    );
    assert_eq!(registration.created_at, house.door.clock.now());
    for called in ["shop", "wx02"] {
        house.log_in(called).await.unwrap();
    }
    let sessions = house.door.store.sessions();
    assert!(sessions.iter().all(|session| session.app == name("shop")), "{sessions:?}");
    assert_eq!(house.record(), [("app_added", None, Some(by(Role::Admin).id))]);
}

#[tokio::test]
async fn whoever_may_not_decide_about_apps_changes_nothing() {
    let house = House::new();
    house.add("shop", "wx02").await;
    let manage = &house.manage;
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
    assert_eq!(house.record().len(), 1, "only that it was added");
    let all = manage.list(&by(Role::Viewer)).await.unwrap();
    let names: Vec<_> = all.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(names, ["main", "shop"], "a viewer sees all, those of the configuration first");
    assert!(all[0].registration.is_none());
}

#[tokio::test]
async fn an_app_of_the_configuration_is_neither_shadowed_nor_changed() {
    let house = House::new();
    let manage = &house.manage;
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
    assert_eq!(house.record(), []);
}

#[tokio::test]
async fn an_app_that_comes_into_the_configuration_takes_the_place_of_one_that_was_added() {
    let house = House::new();
    house.add("shop", "wx02").await;
    let shop = |app_id| {
        let app = house.door.app(house.door.provider.clone(), ConflictPolicy::default());
        App { name: name("shop"), app_id: AppId::parse(app_id).unwrap(), ..app }
    };
    let apps = Arc::new(AppRegistry::new(vec![shop("wx77")]));
    serve(&house.door, apps.clone(), &house.factory).run().await.unwrap();
    assert_eq!(apps.select(Some("shop")).unwrap().app_id.as_str(), "wx77");
    assert!(apps.select(Some("wx02")).is_none(), "half of it would be none");
}

#[tokio::test]
async fn a_name_and_an_id_mean_one_app() {
    let house = House::new();
    house.add("shop", "wx02").await;
    for app in [new("shop", "wx03"), new("other", "wx02"), new("wx02", "wx03"), new("x", "shop")] {
        let refused = house.manage.add(&by(Role::Admin), &app).await;
        assert!(matches!(refused, Err(ManageAppsError::Taken)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_policy_holds_from_the_next_login_on() {
    let house = House::new();
    house.add("shop", "wx02").await;
    let set = async |policy: AppPolicy| {
        house.manage.set_policy(&by(Role::Admin), &name("shop"), &policy).await.unwrap()
    };
    set(AppPolicy { auto_register: false, ..AppPolicy::default() }).await;
    let closed = house.log_in("shop").await.unwrap_err();
    assert!(matches!(closed, LoginError::RegistrationClosed), "{closed:?}");
    set(AppPolicy { phone_required: true, ..AppPolicy::default() }).await;
    let required = house.log_in("shop").await.unwrap_err();
    assert!(matches!(required, LoginError::PhoneRequired), "{required:?}");

    let minutes = |count| Some(Duration::from_mins(count));
    let lifetimes = TokenLifetimes { access: minutes(5), idle: minutes(20), absolute: minutes(30) };
    let policy = AppPolicy { lifetimes, ..AppPolicy::default() };
    assert_eq!(set(policy.clone()).await.policy, policy);
    let tokens = house.log_in("shop").await.unwrap().tokens;
    assert_eq!(tokens.expires_in, Duration::from_mins(5));
    let session = house.door.store.sessions().remove(0);
    assert_eq!(session.expires_at, session.created_at.plus(Duration::from_mins(20)));
    house.door.clock.advance(Duration::from_mins(15));
    let next = house.refresh.run(tokens.refresh_token.expose()).await.unwrap();
    assert_eq!(next.expires_in, Duration::from_mins(5));
    let session = house.door.store.sessions().remove(0);
    assert_eq!(session.expires_at, session.created_at.plus(Duration::from_mins(30)));
    let elsewhere = house.log_in("main").await.unwrap().tokens;
    assert_eq!(elsewhere.expires_in, Duration::from_hours(2), "another app's tokens last as usual");
}

#[tokio::test]
async fn of_a_disabled_app_nobody_logs_in_and_no_session_is_prolonged() {
    let house = House::new();
    house.add("shop", "wx02").await;
    let here = house.log_in("shop").await.unwrap().tokens;
    let elsewhere = house.log_in("main").await.unwrap().tokens;
    let disable = async |disabled| {
        let admin = by(Role::Admin);
        let shop = name("shop");
        house.manage.set_disabled(&admin, &shop, disabled).await.unwrap();
    };
    disable(true).await;
    let refused = house.log_in("shop").await.unwrap_err();
    assert!(
        matches!(refused, LoginError::Verify(CodeExchangeError::AppDisabled(_))),
        "{refused:?}"
    );
    let refresh = async |tokens: &domain::model::session::token_pair::TokenPair| {
        house.refresh.run(tokens.refresh_token.expose()).await
    };
    let refused = refresh(&here).await;
    assert!(matches!(refused, Err(RefreshError::AppDisabled(_))), "{refused:?}");
    refresh(&elsewhere).await.unwrap();
    assert!(matches!(introspected(&house, &here).await, Introspection::Inactive));
    disable(false).await;
    refresh(&here).await.unwrap();
    house.log_in("shop").await.unwrap();
    let kinds: Vec<_> = house.record().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["app_added", "app_disabled", "app_enabled"]);
}

/// What the refresh token is told to be.
async fn introspected(
    house: &House,
    tokens: &domain::model::session::token_pair::TokenPair,
) -> Introspection {
    let introspect = &house.door.use_cases.introspect;
    introspect.run(tokens.refresh_token.expose()).await.unwrap()
}

#[tokio::test]
async fn a_secret_is_rotated_with_both_kept_until_it_is_ended() {
    let house = House::new();
    house.add("shop", "wx02").await;
    let manage = &house.manage;
    let admin = by(Role::Admin);
    let shop = name("shop");
    let added = house.door.clock.now();
    let later = Duration::from_mins(1);
    house.door.clock.advance(later);
    let sheet = manage.rotate_secret(&admin, &shop, &secret("second")).await.unwrap();
    let registration = sheet.registration.unwrap();
    assert!(registration.former_secret_kept);
    assert_eq!(registration.secret_changed_at, added.plus(later));
    let kept = house.kept("shop").await;
    assert_eq!((kept.current, kept.former), (sealed("second"), Some(sealed("first"))));
    let third = manage.rotate_secret(&admin, &shop, &secret("third")).await;
    assert!(matches!(third, Err(ManageAppsError::RotationInProgress(_))), "{third:?}");
    manage.finish_rotation(&admin, &shop).await.unwrap();
    let kept = house.kept("shop").await;
    assert_eq!((kept.current, kept.former), (sealed("second"), None));
    let over = manage.cancel_rotation(&admin, &shop).await;
    assert!(matches!(over, Err(ManageAppsError::NoRotation(_))), "{over:?}");
    manage.rotate_secret(&admin, &shop, &secret("third")).await.unwrap();
    manage.cancel_rotation(&admin, &shop).await.unwrap();
    assert_eq!(house.kept("shop").await.current, sealed("second"));
    let details: Vec<_> = house.record().into_iter().filter_map(|(_, detail, _)| detail).collect();
    assert_eq!(details, ["started", "finished", "started", "cancelled"]);
}

#[tokio::test]
async fn an_app_by_which_members_are_known_is_not_removed() {
    let house = House::new();
    house.add("shop", "wx02").await;
    let manage = &house.manage;
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
    let login = house.log_in("main").await.unwrap();
    let work = house.door.store.begin().await.unwrap();
    work.identities().add(login.member, &user, house.door.clock.now()).await.unwrap();
    work.commit().await.unwrap();
    in_use(manage.remove(&admin, &shop).await);
    let work = house.door.store.begin().await.unwrap();
    work.identities().remove(&[user]).await.unwrap();
    work.commit().await.unwrap();
    manage.remove(&admin, &shop).await.unwrap();
    assert!(matches!(manage.remove(&admin, &shop).await, Err(ManageAppsError::NotFound)));
    let unknown = house.log_in("shop").await.unwrap_err();
    assert!(matches!(unknown, LoginError::Verify(CodeExchangeError::UnknownApp)), "{unknown:?}");
    assert_eq!(house.record().last().unwrap().0, AuditKind::AppRemoved.name());
    house.add("shop", "wx02").await;
    house.log_in("shop").await.unwrap();
}

#[tokio::test]
async fn another_instance_serves_what_was_changed_and_builds_nothing_that_was_not() {
    let house = House::new();
    let app = house.door.app(house.door.provider.clone(), ConflictPolicy::default());
    let apps = Arc::new(AppRegistry::new(vec![app]));
    let other = serve(&house.door, apps.clone(), &house.factory);
    house.add("shop", "wx02").await;
    house.add("fair", "wx03").await;
    other.run().await.unwrap();
    let shop = apps.select(Some("shop")).unwrap();
    let fair = apps.select(Some("fair")).unwrap();
    let built = house.factory.built().len();
    other.run().await.unwrap();
    assert_eq!(house.factory.built().len(), built, "nothing has changed");
    house.manage.set_disabled(&by(Role::Admin), &name("fair"), true).await.unwrap();
    other.run().await.unwrap();
    assert!(Arc::ptr_eq(&shop, &apps.select(Some("shop")).unwrap()), "it was not touched");
    let now = apps.select(Some("fair")).unwrap();
    assert!(now.disabled && !Arc::ptr_eq(&fair, &now));
}

#[tokio::test]
async fn an_app_whose_secret_does_not_open_keeps_no_other_from_being_served() {
    let house = House::new();
    house.add("shop", "wx02").await;
    house.add("fair", "wx03").await;
    let work = house.door.store.begin().await.unwrap();
    let mut app = work.apps().find(&name("shop")).await.unwrap().unwrap();
    app.secret.current = b"damaged".to_vec();
    work.apps().update(&app).await.unwrap();
    work.commit().await.unwrap();
    house.manage.serve.run().await.unwrap();
    house.log_in("fair").await.unwrap();
    let unknown = house.log_in("shop").await.unwrap_err();
    assert!(matches!(unknown, LoginError::Verify(CodeExchangeError::UnknownApp)), "{unknown:?}");
    let admin = by(Role::Admin);
    let shop = name("shop");
    house.manage.rotate_secret(&admin, &shop, &secret("second")).await.unwrap();
    house.log_in("shop").await.unwrap();
}

#[tokio::test]
async fn what_pushes_are_believed_by_is_set_and_removed() {
    let house = House::new();
    house.add("shop", "wx02").await;
    let admin = by(Role::Admin);
    let shop = name("shop");
    let push = AppPush { token: PushToken::parse("aToken").unwrap(), key: None };
    let sheet = house.manage.set_push(&admin, &shop, Some(&push)).await.unwrap();
    assert!(sheet.takes_pushes);
    let sheet = house.manage.set_push(&admin, &shop, None).await.unwrap();
    assert!(!sheet.takes_pushes);
    let details: Vec<_> = house.record().into_iter().filter_map(|(_, detail, _)| detail).collect();
    assert_eq!(details, ["push", "push_removed"]);
}
