//! Apps that are added and changed by administrators, over HTTP.

use domain::model::admin::Role;
use serde_json::{Value, json};

use crate::call::{Answer, Call, delete, get, post, put};
use crate::house::House;

const SECRET: &str = "canary-secret-0123456789";
const OPEN_ID: &str = "oAlice4567890abcdefghijklmnop";

/// An administrator at their desk.
struct Desk<'a> {
    house: &'a House,
    cookie: String,
}

impl<'a> Desk<'a> {
    async fn of(role: Role, house: &'a House) -> Self {
        Self { house, cookie: house.admin(role.name(), role).await }
    }

    async fn send(&self, call: Call) -> Answer {
        self.house.clock.advance(std::time::Duration::from_millis(1));
        let call = call.header("cookie", &self.cookie).header("x-requested-with", "fetch");
        let answer = call.send(self.house).await;
        assert!(!answer.body.contains("canary"), "{}", answer.body);
        answer
    }

    async fn data(&self, call: Call) -> Value {
        let answer = self.send(call).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["data"].clone()
    }

    /// Why a request contradicts what is known.
    async fn conflict(&self, call: Call) -> String {
        let answer = self.send(call).await;
        assert_eq!(answer.failure(), (409, "conflict".into()), "{}", answer.body);
        answer.json()["conflict"]["reason"].as_str().unwrap().to_owned()
    }

    async fn add(&self) -> Value {
        self.data(post("/admin/api/apps").json(&shop())).await
    }
}

fn shop() -> Value {
    json!({ "name": "shop", "appId": "wx9b1f4c7d2e8a6035", "secret": SECRET })
}

async fn log_in(house: &House, app: &str) -> Answer {
    let body = json!({ "code": house.login_code(OPEN_ID), "app": app });
    post("/login").json(&body).send(house).await
}

#[tokio::test]
async fn an_app_is_added_seen_used_disabled_and_removed() {
    let house = House::new();
    let desk = Desk::of(Role::Admin, &house).await;
    let added = desk.add().await;
    let policy = json!({
        "openPlatform": null, "autoRegister": true, "phoneRequired": false, "onConflict": "merge",
        "storeSessionKeys": false, "accessTtl": null, "refreshTtl": null, "sessionTtl": null,
    });
    assert_eq!((&added["name"], &added["policy"]), (&json!("shop"), &policy));
    assert_eq!(added["registration"]["disabledAt"], Value::Null);
    assert_eq!(desk.data(get("/admin/api/apps/shop")).await, added);
    let all = desk.data(get("/admin/api/apps")).await["apps"].clone();
    assert_eq!(all[0]["name"], "main");
    assert_eq!((&all[0]["registration"], &all[1]), (&Value::Null, &added));

    for called in ["shop", "wx9b1f4c7d2e8a6035"] {
        assert_eq!(log_in(&house, called).await.status, 200);
    }
    let disabled = desk.data(post("/admin/api/apps/shop/disable")).await;
    assert!(disabled["registration"]["disabledAt"].is_string(), "{disabled}");
    assert_eq!(log_in(&house, "shop").await.failure(), (403, "forbidden".into()));
    let code = json!({ "code": house.login_code(OPEN_ID), "app": "shop" });
    let openid = post("/openid").json(&code).send(&house).await;
    assert_eq!(openid.failure(), (403, "forbidden".into()));
    desk.data(post("/admin/api/apps/shop/enable")).await;
    assert_eq!(log_in(&house, "shop").await.status, 200);

    assert_eq!(desk.conflict(delete("/admin/api/apps/shop")).await, "app_in_use");
    desk.data(post("/admin/api/apps/shop/disable")).await;
    assert_eq!(desk.data(delete("/admin/api/apps/shop")).await, json!({}));
    let gone = desk.send(get("/admin/api/apps/shop")).await;
    assert_eq!(gone.failure(), (404, "not_found".into()));
    assert!(!log_in(&house, "shop").await.fault("app").is_empty());
}

#[tokio::test]
async fn an_app_of_the_configuration_is_seen_and_not_changed() {
    let house = House::new();
    let desk = Desk::of(Role::Admin, &house).await;
    assert_eq!(desk.data(get("/admin/api/apps/main")).await["registration"], Value::Null);
    let secret = json!({ "secret": SECRET });
    for call in [
        put("/admin/api/apps/main/policy").json(&json!({})),
        put("/admin/api/apps/main/push").json(&json!({ "pushToken": "aToken" })),
        post("/admin/api/apps/main/secret").json(&secret),
        post("/admin/api/apps/main/disable"),
        delete("/admin/api/apps/main"),
        post("/admin/api/apps").json(&json!({ "name": "main", "appId": "wx1", "secret": SECRET })),
        post("/admin/api/apps")
            .json(&json!({ "name": "x", "appId": "wx5e8d6c0a4b2f1e37", "secret": SECRET })),
    ] {
        assert_eq!(desk.conflict(call).await, "app_configured");
    }
    desk.add().await;
    assert_eq!(desk.conflict(post("/admin/api/apps").json(&shop())).await, "app_taken");
}

#[tokio::test]
async fn a_secret_goes_in_and_never_out() {
    let house = House::new();
    let desk = Desk::of(Role::Admin, &house).await;
    desk.add().await;
    let rotate = || {
        let secret = json!({ "secret": "canary-secret-of-the-next-year" });
        post("/admin/api/apps/shop/secret").json(&secret)
    };
    let former = delete("/admin/api/apps/shop/secret/former");
    assert_eq!(desk.conflict(former).await, "no_app_rotation");
    let rotating = desk.data(rotate()).await;
    assert_eq!(rotating["registration"]["formerSecretKept"], true);
    assert_eq!(desk.conflict(rotate()).await, "app_rotation");
    let ended = desk.data(delete("/admin/api/apps/shop/secret/former")).await;
    assert_eq!(ended["registration"]["formerSecretKept"], false);
    desk.data(rotate()).await;
    let back = desk.data(delete("/admin/api/apps/shop/secret")).await;
    assert_eq!(back["registration"]["formerSecretKept"], false);
    let push = json!({ "pushToken": "canarytoken", "pushAesKey": "canary7".repeat(7)[..43] });
    let pushed = desk.data(put("/admin/api/apps/shop/push").json(&push)).await;
    assert_eq!(pushed["takesPushes"], true);
    let removed = desk.data(delete("/admin/api/apps/shop/push")).await;
    assert_eq!(removed["takesPushes"], false);
    let record = desk.data(get("/admin/api/audit?limit=20")).await;
    let events = record["events"].as_array().unwrap().iter().rev();
    let of_shop = events.filter(|event| event["app"] == "shop");
    let told: Vec<_> =
        of_shop.map(|it| format!("{} {}", it["kind"], it["detail"]).replace('"', "")).collect();
    assert_eq!(
        told,
        [
            "app_added null",
            "app_secret_rotated started",
            "app_secret_rotated finished",
            "app_secret_rotated started",
            "app_secret_rotated cancelled",
            "app_changed push",
            "app_changed push_removed",
        ]
    );
}

#[tokio::test]
async fn a_policy_is_set_as_a_whole() {
    let house = House::new();
    let desk = Desk::of(Role::Admin, &house).await;
    desk.add().await;
    let policy = json!({
        "openPlatform": "main", "autoRegister": false, "phoneRequired": true, "onConflict": "ask",
        "storeSessionKeys": true, "accessTtl": 600, "refreshTtl": 7200, "sessionTtl": 86400,
    });
    let set = desk.data(put("/admin/api/apps/shop/policy").json(&policy)).await;
    assert_eq!(set["policy"], policy);
    assert_eq!(log_in(&house, "shop").await.failure().0, 403, "no new members");
    let short = json!({ "accessTtl": 600 });
    let set = desk.data(put("/admin/api/apps/shop/policy").json(&short)).await;
    assert_eq!(
        (&set["policy"]["accessTtl"], &set["policy"]["openPlatform"]),
        (&json!(600), &Value::Null)
    );
    let tokens = log_in(&house, "shop").await.json()["data"].clone();
    assert_eq!(tokens["expiresIn"], 600);
    for (field, value) in [
        ("accessTtl", json!(59)),
        ("onConflict", json!("perhaps")),
        ("openPlatform", json!("a b")),
        ("autoRegister", json!("yes")),
        ("secret", json!(SECRET)),
    ] {
        let refused =
            desk.send(put("/admin/api/apps/shop/policy").json(&json!({ field: value }))).await;
        assert!(!refused.fault(field).is_empty(), "{field}");
    }
}

#[tokio::test]
async fn who_may_not_decide_about_apps_only_looks() {
    let house = House::new();
    Desk::of(Role::Admin, &house).await.add().await;
    for role in [Role::Viewer, Role::Operator] {
        let desk = Desk::of(role, &house).await;
        assert_eq!(desk.data(get("/admin/api/apps")).await["apps"][1]["name"], "shop");
        for call in [
            post("/admin/api/apps").json(&shop()),
            put("/admin/api/apps/shop/policy").json(&json!({})),
            post("/admin/api/apps/shop/secret").json(&json!({ "secret": SECRET })),
            delete("/admin/api/apps/shop/secret"),
            delete("/admin/api/apps/shop/secret/former"),
            post("/admin/api/apps/shop/disable"),
            post("/admin/api/apps/shop/enable"),
            delete("/admin/api/apps/shop/push"),
            delete("/admin/api/apps/shop"),
        ] {
            assert_eq!(desk.send(call).await.failure(), (403, "forbidden".into()));
        }
    }
}
