//! `GET /.well-known/jwks.json`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::call::get;
use crate::harness::TestApp;

#[tokio::test]
async fn jwks_is_public_and_cacheable() {
    let answer = get("/.well-known/jwks.json").send(&TestApp::new()).await;
    assert_snapshot!(answer.body, @r#"{"keys":[{"kty":"EC","crv":"P-256","x":"eDI","y":"eQ","use":"sig","alg":"ES256","kid":"k2"},{"kty":"EC","crv":"P-256","x":"eDE","y":"eQ","use":"sig","alg":"ES256","kid":"k1"}]}"#);
    assert!(answer.header("content-type").starts_with("application/json"));
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    for key in answer.json()["keys"].as_array().unwrap() {
        assert_eq!(key.get("d"), None::<&Value>, "nothing private");
    }
}
