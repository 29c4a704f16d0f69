//! Contract suite of stores, run against the in-memory store.

use std::future::{Ready, ready};
use std::sync::Arc;

use testkit::contract::store::{Backend, subscriptions};
use testkit::memory::MemoryStore;

fn fresh() -> Ready<(Arc<dyn Backend>, ())> {
    let store = MemoryStore::default().with_subscriptions(subscriptions());
    ready((Arc::new(store), ()))
}

testkit::store_contract!(fresh);

mod faults {
    use super::fresh;

    testkit::store_fault_contract!(fresh);
}

#[test]
fn store_contract_runs_every_case() {
    let list = include_str!("../../src/contract/store.rs");
    for (topic, source) in [
        ("admins", include_str!("../../src/contract/store/admins.rs")),
        ("apps", include_str!("../../src/contract/store/apps.rs")),
        ("audit", include_str!("../../src/contract/store/audit.rs")),
        ("cancellation", include_str!("../../src/contract/store/cancellation.rs")),
        ("erasure", include_str!("../../src/contract/store/erasure.rs")),
        ("expired_rows", include_str!("../../src/contract/store/expired_rows.rs")),
        ("identities", include_str!("../../src/contract/store/identities.rs")),
        ("members", include_str!("../../src/contract/store/members.rs")),
        ("outbox", include_str!("../../src/contract/store/outbox.rs")),
        ("pushes", include_str!("../../src/contract/store/pushes.rs")),
        ("races", include_str!("../../src/contract/store/races.rs")),
        ("redemptions", include_str!("../../src/contract/store/redemptions.rs")),
        ("session_keys", include_str!("../../src/contract/store/session_keys.rs")),
        ("sessions", include_str!("../../src/contract/store/sessions.rs")),
        ("signing_keys", include_str!("../../src/contract/store/signing_keys.rs")),
        ("unit_of_work", include_str!("../../src/contract/store/unit_of_work.rs")),
    ] {
        let cases: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
            .collect();
        assert!(!cases.is_empty(), "{topic}");
        for case in cases {
            assert!(list.contains(&format!(" {topic}::{case}\n")), "{topic}::{case} is not listed");
        }
    }
}
