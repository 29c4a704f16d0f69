//! Registered apps.

use std::time::Duration;

use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::{AppPolicy, TokenLifetimes};
use domain::model::app::registered::{RegisteredApp, SealedPush, SealedSecret};
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::identity::{Subject, SubjectKind};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError, UpdateError};
use domain::use_cases::retry::retry_on_contention;

use super::{Backend, NOW, Shared, add_known_member, run_concurrently};

fn name(name: &str) -> AppName {
    AppName::parse(name).unwrap()
}

fn app(of: &str, app_id: &str) -> RegisteredApp {
    RegisteredApp {
        name: name(of),
        app_id: AppId::parse(app_id).unwrap(),
        policy: AppPolicy::default(),
        secret: SealedSecret { current: vec![1], former: None, changed_at: NOW },
        push: None,
        disabled_at: None,
        created_at: NOW,
        version: 0,
    }
}

async fn add(store: &dyn Backend, app: &RegisteredApp) -> Result<(), AddError> {
    let unit = store.begin().await.unwrap();
    unit.apps().add(app).await?;
    Ok(unit.commit().await?)
}

async fn update(store: &dyn Backend, app: &RegisteredApp) -> Result<(), UpdateError> {
    let unit = store.begin().await.unwrap();
    unit.apps().update(app).await?;
    Ok(unit.commit().await?)
}

/// Every field is read back unchanged; apps are listed in the order of their addition.
pub async fn app_round_trip_keeps_every_field(store: Shared) {
    let plain = RegisteredApp {
        created_at: Timestamp::from_unix_millis(-1),
        ..app("z-0_9", "wx5e8d6c0a4b2f1e37")
    };
    let full = RegisteredApp {
        policy: AppPolicy {
            auto_register: false,
            phone_required: true,
            on_conflict: ConflictPolicy::Refuse,
            open_platform: Some("平台 group".to_owned()),
            store_session_keys: true,
            lifetimes: TokenLifetimes {
                access: Some(Duration::from_mins(1)),
                idle: Some(Duration::from_hours(1)),
                absolute: Some(Duration::from_hours(87_600)),
            },
        },
        secret: SealedSecret {
            current: (0..=255).cycle().take(200).collect(),
            former: Some(vec![0; 200]),
            changed_at: NOW.plus(Duration::from_millis(1)),
        },
        push: Some(SealedPush { token: vec![255], key: Some(vec![0, 1, 2]) }),
        disabled_at: Some(NOW),
        ..app(&"a".repeat(32), &"A".repeat(64))
    };
    let without_key = RegisteredApp {
        push: Some(SealedPush { token: vec![7], key: None }),
        created_at: NOW.plus(Duration::from_millis(1)),
        ..app("shop", "wx2")
    };
    for app in [&full, &without_key, &plain] {
        add(&*store, app).await.unwrap();
        let unit = store.begin().await.unwrap();
        assert_eq!(unit.apps().find(&app.name).await.unwrap().as_ref(), Some(app));
        assert_eq!(unit.apps().find(&name("z")).await.unwrap(), None);
    }
    assert_eq!(store.registered_apps().await.unwrap(), [plain, full, without_key]);
}

/// Name and app id are unique, also among concurrent additions; app ids are case-sensitive.
pub async fn app_name_and_app_id_are_unique(store: Shared) {
    let tasks = (0..8).map(|nth| {
        let store = store.clone();
        // Half of the apps have the same name, all of them the same id.
        let app = app(&format!("app{}", nth % 2), "wx1");
        async move {
            retry_on_contention(|| async {
                match add(&*store, &app).await {
                    Ok(()) => Ok(true),
                    Err(AddError::Taken) => Ok(false),
                    Err(AddError::Store(error)) => Err::<bool, StoreError>(error),
                }
            })
            .await
            .unwrap()
        }
    });
    let added = run_concurrently(tasks).await.into_iter().filter(|added| *added).count();
    assert_eq!(added, 1);
    let stored = store.registered_apps().await.unwrap().remove(0);
    let same_name = RegisteredApp { app_id: AppId::parse("wx2").unwrap(), ..stored.clone() };
    assert!(matches!(add(&*store, &same_name).await, Err(AddError::Taken)));
    assert!(matches!(add(&*store, &app("other", "wx1")).await, Err(AddError::Taken)));
    add(&*store, &app("other", "WX1")).await.unwrap();
    assert_eq!(store.registered_apps().await.unwrap().len(), 2);
}

/// A second writer gets `Stale`; name and id never change.
pub async fn update_with_old_app_version_is_stale(store: Shared) {
    let first = app("shop", "wx1");
    add(&*store, &first).await.unwrap();
    add(&*store, &app("other", "wx3")).await.unwrap();
    let disabled = RegisteredApp { disabled_at: Some(NOW), ..first.clone() };
    update(&*store, &RegisteredApp { app_id: AppId::parse("wx2").unwrap(), ..disabled.clone() })
        .await
        .unwrap();
    let written = RegisteredApp { version: 1, ..disabled };
    let others = app("other", "wx3");
    let stored = || async {
        let mut stored = store.registered_apps().await.unwrap();
        stored.sort_by_key(|app| app.app_id.as_str().to_owned());
        stored
    };
    assert_eq!(stored().await, [written.clone(), others.clone()]);
    assert!(matches!(update(&*store, &first).await, Err(UpdateError::Stale)));
    let unknown = update(&*store, &app("unknown", "wx4")).await;
    assert!(matches!(unknown, Err(UpdateError::Stale)));
    assert_eq!(stored().await, [written, others]);
}

/// A removed app can be added again; a stale version removes nothing.
pub async fn removed_app_can_be_added_again(store: Shared) {
    let first = app("shop", "wx1");
    add(&*store, &first).await.unwrap();
    update(&*store, &first).await.unwrap();
    let remove = async |version| {
        let unit = store.begin().await.unwrap();
        unit.apps().remove(&RegisteredApp { version, ..first.clone() }).await?;
        Ok::<_, UpdateError>(unit.commit().await?)
    };
    assert!(matches!(remove(0).await, Err(UpdateError::Stale)));
    remove(1).await.unwrap();
    assert!(matches!(remove(1).await, Err(UpdateError::Stale)));
    assert_eq!(store.registered_apps().await.unwrap(), []);
    add(&*store, &first).await.unwrap();
}

/// A namespace is in use while it has a subject of any kind.
pub async fn namespace_exists_while_it_has_subjects(store: Shared) {
    let subject = |namespace: &str, kind| Subject {
        namespace: namespace.to_owned(),
        kind,
        value: "o".to_owned(),
    };
    let known = [subject("test:a", SubjectKind::OpenId), subject("test:b", SubjectKind::UnionId)];
    add_known_member(&*store, &known).await;
    let exists_in_namespace = async |namespace| {
        let unit = store.begin().await.unwrap();
        unit.identities().exists_in_namespace(namespace).await.unwrap()
    };
    for (namespace, used) in
        [("test:a", true), ("test:b", true), ("test", false), ("TEST:a", false)]
    {
        assert_eq!(exists_in_namespace(namespace).await, used, "{namespace}");
    }
    let unit = store.begin().await.unwrap();
    unit.identities().remove(&known).await.unwrap();
    unit.commit().await.unwrap();
    assert!(!exists_in_namespace("test:a").await);
}
