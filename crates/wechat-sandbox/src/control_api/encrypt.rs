//! Open data as mini programs receive it: encrypted and signed under the session key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::crypto;
use crate::error::ControlError;
use crate::state::State;
use crate::state::users::{User, full_phone};

/// Request to encrypt open data of a user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncryptRequest {
    /// Name of the user, who must have obtained a login code in the app.
    pub user: String,
    /// App id [default: the first app].
    pub appid: Option<String>,
    /// Data to encrypt [default: the data of `kind`]. A `watermark` is added if it has none.
    pub data: Option<Map<String, Value>>,
    /// Kind of data to encrypt if `data` is absent.
    pub kind: Kind,
}

/// Kind of open data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Profile, as returned by `wx.getUserProfile`.
    #[default]
    Profile,
    /// Phone number, as returned by the phone number button before it returned codes.
    Phone,
}

/// Encrypted open data as the mini program receives it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EncryptedOpenData {
    /// Data and watermark, encrypted, in base64.
    pub encrypted_data: String,
    /// Initialisation vector in base64.
    pub iv: String,
    /// Plaintext of the data without the watermark.
    pub raw_data: String,
    /// Signature of the raw data.
    pub signature: String,
}

impl State {
    /// Encrypts data of a user under the current session key.
    pub(crate) fn encrypt(
        &mut self,
        request: EncryptRequest,
    ) -> Result<EncryptedOpenData, ControlError> {
        let (name, user) = self.user(&request.user)?;
        let app_id = self.app_id(request.appid.as_deref())?;
        let mut data = match (request.data, request.kind) {
            (Some(data), _) => data,
            (None, Kind::Profile) => profile(user),
            (None, Kind::Phone) => phone(&name, user)?,
        };
        let timestamp = self.watermark_time(self.now()).as_secs();
        let default_watermark = json!({ "timestamp": timestamp, "appid": &*app_id });
        let watermark = data.remove("watermark").unwrap_or(default_watermark);
        let raw_data = Value::Object(data.clone()).to_string();
        data.insert("watermark".into(), watermark);

        let app_user = self.apps.get_mut(&app_id).and_then(|app| app.user(&name));
        let app_user = app_user.ok_or_else(|| {
            let error = format!("user `{name}` has no session with `{app_id}`: get a login code");
            ControlError::new(error)
        })?;
        let iv: [u8; 16] = rand::random();
        let plaintext = Value::Object(data).to_string();
        Ok(EncryptedOpenData {
            encrypted_data: crypto::open_data(&app_user.session.key, &iv, plaintext.as_bytes()),
            iv: STANDARD.encode(iv),
            signature: crypto::raw_data_signature(&raw_data, &app_user.session.text()),
            raw_data,
        })
    }
}

/// Profile of a user. WeChat no longer returns gender or place, and never returned ids this way.
fn profile(user: &User) -> Map<String, Value> {
    object([
        ("nickName", json!(user.nickname)),
        ("gender", json!(0)),
        ("language", json!("zh_CN")),
        ("city", json!("")),
        ("province", json!("")),
        ("country", json!("")),
        ("avatarUrl", json!("https://thirdwx.qlogo.cn/mmopen/vi_32/sandbox/132")),
    ])
}

fn phone(name: &str, user: &User) -> Result<Map<String, Value>, ControlError> {
    let pure = user.phone(name)?;
    Ok(object([
        ("phoneNumber", json!(full_phone(pure, &user.country_code))),
        ("purePhoneNumber", json!(pure)),
        ("countryCode", json!(user.country_code)),
    ]))
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
