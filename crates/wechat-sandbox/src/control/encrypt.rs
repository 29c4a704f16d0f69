//! Open data as the phone hands it to a mini program: encrypted, and signed, under the session key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::control::Refused;
use crate::crypto;
use crate::state::State;
use crate::users::{User, full_phone};

/// What to encrypt, for whom.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncryptOrder {
    /// Whose session key; the user must have obtained a login code in the app.
    pub user: String,
    /// The app; the first when absent.
    pub appid: Option<String>,
    /// The data itself. Absent: what `kind` says. A `watermark` is added if there is none.
    pub data: Option<Map<String, Value>>,
    /// What to encrypt in place of `data`.
    pub kind: Kind,
}

/// The data that WeChat encrypts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The profile, as of `wx.getUserProfile`.
    #[default]
    Profile,
    /// The phone number, as of the phone button before it gave codes.
    Phone,
}

/// What the mini program gets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Encrypted {
    /// The data and its watermark, encrypted, base64.
    pub encrypted_data: String,
    /// The initialisation vector, base64.
    pub iv: String,
    /// The data without its watermark, in the clear.
    pub raw_data: String,
    /// The signature of the raw data.
    pub signature: String,
}

impl State {
    /// Encrypts data of a user under the current session key.
    pub(crate) fn encrypt(&mut self, order: EncryptOrder) -> Result<Encrypted, Refused> {
        let (name, user) = self.user(&order.user)?;
        let app_id = self.app_id(order.appid.as_deref())?;
        let mut data = match (order.data, order.kind) {
            (Some(data), _) => data,
            (None, Kind::Profile) => profile(user),
            (None, Kind::Phone) => phone(&name, user)?,
        };
        let watermark = json!({ "timestamp": self.told(self.now()).as_secs(), "appid": &*app_id });
        let watermark = data.remove("watermark").unwrap_or(watermark);
        let raw_data = Value::Object(data.clone()).to_string();
        data.insert("watermark".into(), watermark);

        let visit = self.apps.get_mut(&app_id).and_then(|app| app.visit(&name));
        let visit = visit.ok_or_else(|| {
            Refused::new(format!("user `{name}` has no session with `{app_id}`: get a login code"))
        })?;
        let iv: [u8; 16] = rand::random();
        let plaintext = Value::Object(data).to_string();
        Ok(Encrypted {
            encrypted_data: crypto::open_data(&visit.session.key, &iv, plaintext.as_bytes()),
            iv: STANDARD.encode(iv),
            signature: crypto::raw_data_signature(&raw_data, &visit.session.text()),
            raw_data,
        })
    }
}

/// WeChat: the profile no longer tells gender or place, and never did tell ids this way.
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

fn phone(name: &str, user: &User) -> Result<Map<String, Value>, Refused> {
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
