//! Apps registered by administrators.

use domain::model::admin::Role;
use serde_json::{Value, json};

use crate::admin::AdminFixture;
use crate::call::{Answer, Call, delete, get, post, put};
use crate::harness::TestApp;

const SECRET: &str = "canary-secret-0123456789";
const OPEN_ID: &str = "oAlice4567890abcdefghijklmnop";

impl AdminFixture<'_> {
    /// Sends a request that conflicts with the state, and returns the reason.
    async fn conflict(&self, call: Call) -> String {
        let answer = self.send(call).await;
        assert_eq!(answer.failure(), (409, "conflict".into()), "{}", answer.body);
        answer.json()["conflict"]["reason"].as_str().unwrap().to_owned()
    }

    async fn add_shop(&self) -> Value {
        self.data(post("/admin/api/apps").json(&shop())).await
    }
}

fn shop() -> Value {
    json!({ "name": "shop", "appId": "wx9b1f4c7d2e8a6035", "secret": SECRET })
}

async fn log_in(app: &TestApp, name: &str) -> Answer {
    let body = json!({ "code": app.login_code(OPEN_ID), "app": name });
    post("/login").json(&body).send(app).await
}

#[tokio::test]
async fn registered_app_can_be_added_used_disabled_and_removed() {
    let app = TestApp::new();
    let admin = AdminFixture::new(Role::Admin, &app).await;
    let added = admin.add_shop().await;
    let policy = json!({
        "openPlatform": null, "autoRegister": true, "phoneRequired": false, "onConflict": "merge",
        "storeSessionKeys": false, "accessTtl": null, "refreshTtl": null, "sessionTtl": null,
    });
    assert_eq!((&added["name"], &added["policy"]), (&json!("shop"), &policy));
    assert_eq!(added["registration"]["disabledAt"], Value::Null);
    assert_eq!(admin.data(get("/admin/api/apps/shop")).await, added);
    let all = admin.data(get("/admin/api/apps")).await["apps"].clone();
    assert_eq!(all[0]["name"], "main");
    assert_eq!((&all[0]["registration"], &all[1]), (&Value::Null, &added));

    for name_or_id in ["shop", "wx9b1f4c7d2e8a6035"] {
        assert_eq!(log_in(&app, name_or_id).await.status, 200);
    }
    let disabled = admin.data(post("/admin/api/apps/shop/disable")).await;
    assert!(disabled["registration"]["disabledAt"].is_string(), "{disabled}");
    assert_eq!(log_in(&app, "shop").await.failure(), (403, "forbidden".into()));
    let code = json!({ "code": app.login_code(OPEN_ID), "app": "shop" });
    let openid = post("/openid").json(&code).send(&app).await;
    assert_eq!(openid.failure(), (403, "forbidden".into()));
    admin.data(post("/admin/api/apps/shop/enable")).await;
    assert_eq!(log_in(&app, "shop").await.status, 200);

    assert_eq!(admin.conflict(delete("/admin/api/apps/shop")).await, "app_in_use");
    admin.data(post("/admin/api/apps/shop/disable")).await;
    assert_eq!(admin.data(delete("/admin/api/apps/shop")).await, json!({}));
    let removed = admin.send(get("/admin/api/apps/shop")).await;
    assert_eq!(removed.failure(), (404, "not_found".into()));
    assert!(!log_in(&app, "shop").await.fault("app").is_empty());
}

#[tokio::test]
async fn configured_app_is_listed_but_cannot_be_changed() {
    let app = TestApp::new();
    let admin = AdminFixture::new(Role::Admin, &app).await;
    assert_eq!(admin.data(get("/admin/api/apps/main")).await["registration"], Value::Null);
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
        assert_eq!(admin.conflict(call).await, "app_configured");
    }
    admin.add_shop().await;
    assert_eq!(admin.conflict(post("/admin/api/apps").json(&shop())).await, "app_taken");
}

#[tokio::test]
async fn app_secrets_are_never_returned_and_rotation_is_audited() {
    let app = TestApp::new();
    let admin = AdminFixture::new(Role::Admin, &app).await;
    admin.add_shop().await;
    let rotate = || {
        let secret = json!({ "secret": "canary-secret-of-the-next-year" });
        post("/admin/api/apps/shop/secret").json(&secret)
    };
    let former = delete("/admin/api/apps/shop/secret/former");
    assert_eq!(admin.conflict(former).await, "no_app_rotation");
    let rotating = admin.data(rotate()).await;
    assert_eq!(rotating["registration"]["formerSecretKept"], true);
    assert_eq!(admin.conflict(rotate()).await, "app_rotation");
    let finished = admin.data(delete("/admin/api/apps/shop/secret/former")).await;
    assert_eq!(finished["registration"]["formerSecretKept"], false);
    admin.data(rotate()).await;
    let cancelled = admin.data(delete("/admin/api/apps/shop/secret")).await;
    assert_eq!(cancelled["registration"]["formerSecretKept"], false);
    let push = json!({ "pushToken": "canarytoken", "pushAesKey": "canary7".repeat(7)[..43] });
    let pushed = admin.data(put("/admin/api/apps/shop/push").json(&push)).await;
    assert_eq!(pushed["takesPushes"], true);
    let removed = admin.data(delete("/admin/api/apps/shop/push")).await;
    assert_eq!(removed["takesPushes"], false);
    let audit_log = admin.data(get("/admin/api/audit?limit=20")).await;
    let events = audit_log["events"].as_array().unwrap().iter().rev();
    let of_shop = events.filter(|event| event["app"] == "shop");
    let details: Vec<_> =
        of_shop.map(|it| format!("{} {}", it["kind"], it["detail"]).replace('"', "")).collect();
    assert_eq!(
        details,
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
async fn app_policy_is_replaced_as_a_whole() {
    let app = TestApp::new();
    let admin = AdminFixture::new(Role::Admin, &app).await;
    admin.add_shop().await;
    let policy = json!({
        "openPlatform": "main", "autoRegister": false, "phoneRequired": true, "onConflict": "ask",
        "storeSessionKeys": true, "accessTtl": 600, "refreshTtl": 7200, "sessionTtl": 86400,
    });
    let set = admin.data(put("/admin/api/apps/shop/policy").json(&policy)).await;
    assert_eq!(set["policy"], policy);
    assert_eq!(log_in(&app, "shop").await.failure().0, 403, "no new members");
    let short = json!({ "accessTtl": 600 });
    let set = admin.data(put("/admin/api/apps/shop/policy").json(&short)).await;
    assert_eq!(
        (&set["policy"]["accessTtl"], &set["policy"]["openPlatform"]),
        (&json!(600), &Value::Null)
    );
    let tokens = log_in(&app, "shop").await.json()["data"].clone();
    assert_eq!(tokens["expiresIn"], 600);
    for (field, value) in [
        ("accessTtl", json!(59)),
        ("onConflict", json!("perhaps")),
        ("openPlatform", json!("a b")),
        ("autoRegister", json!("yes")),
        ("secret", json!(SECRET)),
    ] {
        let refused =
            admin.send(put("/admin/api/apps/shop/policy").json(&json!({ field: value }))).await;
        assert!(!refused.fault(field).is_empty(), "{field}");
    }
}

#[tokio::test]
async fn changing_apps_requires_the_admin_role() {
    let app = TestApp::new();
    AdminFixture::new(Role::Admin, &app).await.add_shop().await;
    for role in [Role::Viewer, Role::Operator] {
        let admin = AdminFixture::new(role, &app).await;
        assert_eq!(admin.data(get("/admin/api/apps")).await["apps"][1]["name"], "shop");
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
            assert_eq!(admin.send(call).await.failure(), (403, "forbidden".into()));
        }
    }
}
