//! Session keys: encrypted and signed data, check and rotation at WeChat.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::model::provider::session_key::EncryptedData;
use domain::model::random::Random;
use serde_json::Map;
use testkit::fake::random::FixedRandom;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP, MAIN_SECRET, SECOND_APP};
use wechat_sandbox::control_api::encrypt::{EncryptRequest, EncryptedOpenData, Kind};

use super::upstream::Upstream;
use super::*;

const CHECK: &str = "/wxa/checksession";
const RESET: &str = "/wxa/resetusersessionkey";

/// User Alice, logged in at the sandbox.
struct Alice {
    sandbox: Sandbox,
    app: App,
    user: Subject,
    key: SessionKey,
}

impl Alice {
    async fn new() -> Self {
        let sandbox = Sandbox::start(Config::default()).await.unwrap();
        let now = i64::try_from(sandbox.now()).unwrap();
        let clock = FixedClock::at(Timestamp::from_unix_millis(now * 1000));
        let secret = MAIN_SECRET.into();
        let app = WechatApp { secret, ..super::app() };
        let app = App::new(app, sandbox.base_url(), clock);
        let code = sandbox.login_code("alice", MAIN_APP).unwrap();
        let identity = app.login(&code).await.unwrap();
        Self { sandbox, app, user: identity.subject, key: identity.session_key.unwrap() }
    }

    /// Encrypted phone number of the legacy phone button.
    fn phone(&self) -> EncryptedData {
        let user = "alice".into();
        self.encrypted(EncryptRequest { user, kind: Kind::Phone, ..Default::default() })
    }

    /// Encrypted phone number with another watermark and other changed fields.
    fn with_watermark(&self, app_id: &str, seconds: i64, changes: Value) -> EncryptedData {
        let watermark = json!({ "timestamp": seconds, "appid": app_id });
        let data = json!({
            "phoneNumber": "13800138000", "purePhoneNumber": "13800138000", "countryCode": "86",
            "watermark": watermark,
        });
        let mut data: Map<String, Value> = serde_json::from_value(data).unwrap();
        data.extend(serde_json::from_value::<Map<String, Value>>(changes).unwrap());
        let user = "alice".into();
        let data = Some(data);
        self.encrypted(EncryptRequest { user, data, ..Default::default() })
    }

    fn encrypted(&self, request: EncryptRequest) -> EncryptedData {
        let EncryptedOpenData { encrypted_data, iv, .. } = self.sandbox.encrypt(request).unwrap();
        let iv = STANDARD.decode(iv).unwrap().try_into().unwrap();
        EncryptedData { ciphertext: STANDARD.decode(encrypted_data).unwrap(), iv }
    }

    fn decrypt(&self, data: &EncryptedData) -> Option<String> {
        self.app.program.decrypt_phone(&self.key, data).map(|phone| phone.e164())
    }
}

#[tokio::test]
async fn encrypted_phone_number_is_decrypted() {
    let alice = Alice::new().await;
    assert_eq!(alice.decrypt(&alice.phone()).as_deref(), Some("+8613800138000"));
    let chan =
        json!({ "phoneNumber": "+85291234567", "purePhoneNumber": "91234567", "countryCode": 852 });
    let now = alice.app.clock.now().unix_seconds();
    let data = alice.with_watermark(MAIN_APP, now, chan);
    assert_eq!(alice.decrypt(&data).as_deref(), Some("+85291234567"));
}

#[tokio::test]
async fn modified_ciphertexts_yield_no_phone_number() {
    let alice = Alice::new().await;
    let data = alice.phone();
    let random = FixedRandom::seeded(7);
    let bits = (data.iv.len() + data.ciphertext.len()) * 8;
    for round in 0..10_000 {
        let mut changed = [&data.iv[..], &data.ciphertext].concat();
        let mut random_bytes = [0; 8];
        random.fill(&mut random_bytes);
        let random_bit = usize::try_from(u64::from_be_bytes(random_bytes) % bits as u64).unwrap();
        // The first rounds flip each bit alone, the others flip two bits.
        let round_bit = round % bits;
        changed[round_bit / 8] ^= 1 << (round_bit % 8);
        if round >= bits && random_bit != round_bit {
            changed[random_bit / 8] ^= 1 << (random_bit % 8);
        }
        let (iv, ciphertext) = changed.split_first_chunk().unwrap();
        let changed = EncryptedData { iv: *iv, ciphertext: ciphertext.to_vec() };
        assert_eq!(alice.decrypt(&changed), None, "bits {round_bit} and {random_bit}");
    }
    for length in 0..data.ciphertext.len() {
        let cut = EncryptedData { ciphertext: data.ciphertext[..length].to_vec(), ..data };
        assert_eq!(alice.decrypt(&cut), None, "{length} bytes");
    }
}

#[tokio::test]
async fn encrypted_phone_number_requires_a_valid_watermark() {
    let alice = Alice::new().await;
    let now = alice.app.clock.now().unix_seconds();
    for seconds in [now, now - 600, now + 600] {
        assert!(alice.decrypt(&alice.with_watermark(MAIN_APP, seconds, json!({}))).is_some());
    }
    for (app_id, seconds, more) in [
        (SECOND_APP, now, json!({})),
        ("", now, json!({})),
        (MAIN_APP, now - 601, json!({})),
        (MAIN_APP, now + 601, json!({})),
        (MAIN_APP, now * 1000, json!({})),
        (MAIN_APP, now, json!({ "watermark": null })),
        (MAIN_APP, now, json!({ "purePhoneNumber": "13900139000" })),
        (MAIN_APP, now, json!({ "purePhoneNumber": null })),
        (MAIN_APP, now, json!({ "countryCode": "0" })),
    ] {
        let data = alice.with_watermark(app_id, seconds, more.clone());
        assert_eq!(alice.decrypt(&data), None, "{app_id} {seconds} {more}");
    }
    let user = "alice".into();
    let profile = alice.encrypted(EncryptRequest { user, ..Default::default() });
    assert_eq!(alice.decrypt(&profile), None, "a profile contains no phone number");
}

#[tokio::test]
async fn wrong_session_key_neither_decrypts_nor_verifies() {
    let alice = Alice::new().await;
    let user = "alice".into();
    let request = EncryptRequest { user, ..Default::default() };
    let signed = alice.sandbox.encrypt(request).unwrap();
    let is_signed =
        |key: &SessionKey| alice.app.program.is_signed(key, &signed.raw_data, &signed.signature);
    assert!(is_signed(&alice.key));
    for wrong in [SESSION_KEY, "", "short", "tiihtNczf5v6AKRyjwEU"] {
        let key = SessionKey::new(wrong.into());
        assert!(!is_signed(&key), "{wrong}");
        assert_eq!(alice.app.program.decrypt_phone(&key, &alice.phone()), None, "{wrong}");
    }
}

#[tokio::test]
async fn session_key_is_checked_and_rotated_at_wechat() {
    let Alice { sandbox, app, user, key } = Alice::new().await;
    assert!(app.program.is_current(&user, &key).await.unwrap());
    assert!(!app.program.is_current(&user, &session_key()).await.unwrap());
    assert!(app.program.rotate(&user, &session_key()).await.unwrap().is_none());
    assert!(app.program.is_current(&user, &key).await.unwrap(), "a wrong key rotates nothing");

    let new_key = app.program.rotate(&user, &key).await.unwrap().unwrap();
    assert!(!app.program.is_current(&user, &key).await.unwrap());
    assert!(app.program.is_current(&user, &new_key).await.unwrap());
    assert_eq!((sandbox.log(Some(CHECK)).len(), sandbox.log(Some(RESET)).len()), (5, 2));
}

#[tokio::test]
async fn session_key_operations_require_a_user_of_this_app() {
    let upstream = Upstream::start(success).await;
    let app = App::at(upstream.url());
    for foreign in [
        Subject { namespace: "wechat:app:wx0000000000000000".into(), ..owner() },
        Subject { kind: SubjectKind::UnionId, ..owner() },
    ] {
        let checked = app.program.is_current(&foreign, &session_key()).await;
        assert_eq!(failure(checked), ProviderFailure::Misconfigured);
        let rotated = app.program.rotate(&foreign, &session_key()).await;
        assert_eq!(failure(rotated), ProviderFailure::Misconfigured);
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn stale_token_is_replaced_and_the_check_repeated() {
    let upstream = Upstream::script([
        body(token("71_old")),
        body(refusal(40001)),
        body(token("71_new")),
        body(json!({ "errcode": 0, "errmsg": "ok" })),
    ])
    .await;
    assert!(App::at(upstream.url()).program.is_current(&owner(), &session_key()).await.unwrap());
    let [_, first, _, second] = upstream.requests().try_into().unwrap();
    assert_eq!(first.param("access_token").as_deref(), Some("71_old"));
    assert_eq!(second.param("access_token").as_deref(), Some("71_new"));
    assert_eq!(second.param("openid").as_deref(), Some(OPENID));
    assert_eq!(second.param("sig_method").as_deref(), Some("hmac_sha256"));
    // HMAC-SHA256 of the empty text with the text of the key, computed with another tool.
    let signature = "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735";
    assert_eq!(second.param("signature").as_deref(), Some(signature));
}

#[tokio::test]
async fn rotation_response_without_a_valid_key_is_an_outage() {
    let upstream = Upstream::start(|request| match request.path() {
        TOKEN => body(token("71_token")),
        _ => body(json!({ "errcode": 0, "errmsg": "ok", "session_key": "short" })),
    })
    .await;
    let rotated = App::at(upstream.url()).program.rotate(&owner(), &session_key()).await;
    assert!(matches!(failure(rotated), ProviderFailure::Unavailable { .. }));
}
