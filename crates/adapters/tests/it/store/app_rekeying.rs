//! Rekeying of app secrets while an app is being changed.

use std::sync::Arc;
use std::time::Duration;

use adapters::crypto::app_secrets::SealedAppSecrets;
use adapters::crypto::sealer::Sealer;
use adapters::store::{SeaStore, StoreConfig};
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::app::registered::{RegisteredApp, SealedSecret};
use domain::model::app::secret::AppSecretKind;
use domain::model::timestamp::Timestamp;
use domain::ports::app::AppSecretSeal;
use domain::ports::store::Store;
use domain::ports::store::apps::AppReader;
use domain::ports::store::error::UpdateError;
use testkit::databases::FreshDatabase;

use super::{QUEUE_TIMEOUT, open, sealer, sealing_key};

// SQLite runs one unit of work at a time.
testkit::on_every_server! {
    update_of_an_app_read_before_rekeying_is_stale
    secret_rotated_during_rekeying_is_resealed
}

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

/// Time for rekeying to reach a locked row.
const REKEY_DELAY: Duration = Duration::from_millis(500);

fn name() -> AppName {
    AppName::parse("shop").unwrap()
}

fn sealed(sealer: Sealer, secret: &str) -> Vec<u8> {
    SealedAppSecrets::new(Arc::new(sealer)).seal(&name(), AppSecretKind::Secret, secret)
}

/// Store after a change of the sealing key, with an app whose secret is under the former key.
async fn store_with_an_app(database: &FreshDatabase) -> SeaStore {
    let before = open(database, 2).await;
    let unit = before.begin().await.unwrap();
    let current = sealed(sealer(1), "a secret");
    let app = RegisteredApp {
        name: name(),
        app_id: AppId::parse("wx1").unwrap(),
        policy: AppPolicy::default(),
        secret: SealedSecret { current, former: None, changed_at: NOW },
        push: None,
        disabled_at: None,
        created_at: NOW,
        version: 0,
    };
    unit.apps().add(&app).await.unwrap();
    unit.commit().await.unwrap();
    before.close().await.unwrap();
    let sealer = Arc::new(sealer(2).with_former_key(sealing_key(1)));
    let url = database.url().to_owned();
    SeaStore::connect(&StoreConfig {
        url,
        max_connections: 4,
        queue_timeout: QUEUE_TIMEOUT,
        sealer,
    })
    .await
    .unwrap()
}

/// Results of opening the current and the former secret without the former key.
async fn open_with_new_key(store: &SeaStore) -> [Option<bool>; 2] {
    let app = store.registered_apps().await.unwrap().remove(0);
    let secrets = SealedAppSecrets::new(Arc::new(sealer(2)));
    let opens = |sealed: &[u8]| secrets.open(&name(), AppSecretKind::Secret, sealed).is_ok();
    [Some(opens(&app.secret.current)), app.secret.former.as_deref().map(opens)]
}

async fn update_of_an_app_read_before_rekeying_is_stale(database: FreshDatabase) {
    let store = store_with_an_app(&database).await;
    let unit = store.begin().await.unwrap();
    let mut app = unit.apps().find(&name()).await.unwrap().unwrap();
    store.rekey(&|_| ()).await.unwrap();
    app.policy.phone_required = true;
    let outcome = unit.apps().update(&app).await;
    if outcome.is_ok() {
        unit.commit().await.unwrap();
    }
    let opened = open_with_new_key(&store).await;
    assert_eq!(opened, [Some(true), None], "the update restored the former key");
    assert!(matches!(outcome, Err(UpdateError::Stale)), "{outcome:?}");
}

async fn secret_rotated_during_rekeying_is_resealed(database: FreshDatabase) {
    let store = Arc::new(store_with_an_app(&database).await);
    let unit = store.begin().await.unwrap();
    let mut app = unit.apps().find(&name()).await.unwrap().unwrap();
    app.secret.rotate(sealed(sealer(2), "another"), NOW).unwrap();
    unit.apps().update(&app).await.unwrap();
    let rekeying = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.rekey(&|_| ()).await }
    });
    tokio::time::sleep(REKEY_DELAY).await;
    assert!(!rekeying.is_finished(), "rekeying did not wait for the row lock");
    unit.commit().await.unwrap();
    rekeying.await.unwrap().unwrap();
    let opened = open_with_new_key(&store).await;
    assert_eq!(opened, [Some(true), Some(true)], "a secret is still under the former key");
}
