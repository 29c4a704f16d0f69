//! The secrets of an app under a new sealing key, while somebody changes the app.

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

use super::{open, sealer, sealing_key};

// With SQLite there is one unit of work at a time.
testkit::on_every_server! {
    who_read_an_app_before_it_was_rekeyed_has_to_read_it_anew
    a_secret_that_is_rotated_under_a_rekeying_is_sealed_anew_as_well
}

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

/// How long a rekeying gets to come upon a row that somebody holds.
const COMES_UPON_IT: Duration = Duration::from_millis(500);

fn name() -> AppName {
    AppName::parse("shop").unwrap()
}

fn sealed(sealer: Sealer, secret: &str) -> Vec<u8> {
    SealedAppSecrets::new(Arc::new(sealer)).seal(&name(), AppSecretKind::Secret, secret)
}

/// The store after a change of the sealing key, with an app whose secret is under the key before.
async fn with_an_app(database: &FreshDatabase) -> SeaStore {
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
    let sealer = Arc::new(sealer(2).also_opening(sealing_key(1)));
    let url = database.url().to_owned();
    SeaStore::connect(&StoreConfig { url, max_connections: 4, sealer }).await.unwrap()
}

/// The present and the former secret, as they open without the key before.
async fn secrets(store: &SeaStore) -> [Option<bool>; 2] {
    let app = store.registered_apps().await.unwrap().remove(0);
    let secrets = SealedAppSecrets::new(Arc::new(sealer(2)));
    let opens = |sealed: &[u8]| secrets.open(&name(), AppSecretKind::Secret, sealed).is_ok();
    [Some(opens(&app.secret.current)), app.secret.former.as_deref().map(opens)]
}

async fn who_read_an_app_before_it_was_rekeyed_has_to_read_it_anew(database: FreshDatabase) {
    let store = with_an_app(&database).await;
    let work = store.begin().await.unwrap();
    let mut app = work.apps().find(&name()).await.unwrap().unwrap();
    store.rekey(&|_| ()).await.unwrap();
    app.policy.phone_required = true;
    let outcome = work.apps().update(&app).await;
    if outcome.is_ok() {
        work.commit().await.unwrap();
    }
    assert_eq!(secrets(&store).await, [Some(true), None], "put back under the key before");
    assert!(matches!(outcome, Err(UpdateError::Stale)), "{outcome:?}");
}

async fn a_secret_that_is_rotated_under_a_rekeying_is_sealed_anew_as_well(database: FreshDatabase) {
    let store = Arc::new(with_an_app(&database).await);
    let work = store.begin().await.unwrap();
    let mut app = work.apps().find(&name()).await.unwrap().unwrap();
    app.secret.rotate(sealed(sealer(2), "another"), NOW).unwrap();
    work.apps().update(&app).await.unwrap();
    let rekeying = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.rekey(&|_| ()).await }
    });
    tokio::time::sleep(COMES_UPON_IT).await;
    assert!(!rekeying.is_finished(), "it does not wait for who holds the row");
    work.commit().await.unwrap();
    rekeying.await.unwrap().unwrap();
    assert_eq!(secrets(&store).await, [Some(true), Some(true)], "left under the key before");
}
