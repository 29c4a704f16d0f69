//! WeChat users.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::NewUser;
use crate::error::ControlError;
use crate::ids;
use crate::patch::Patch;
use crate::state::State;

/// WeChat user.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) nickname: String,
    pub(crate) phone: Option<String>,
    pub(crate) country_code: String,
    pub(crate) blocked: bool,
}

/// WeChat user with the ids that apps see.
#[derive(Clone, Debug, Serialize)]
pub struct UserView {
    /// Name that identifies the user in the control API.
    pub user: String,
    /// Nickname.
    pub nickname: String,
    /// Phone number without country code.
    pub phone: Option<String>,
    /// Country code of the phone number.
    pub country_code: String,
    /// True if logins fail with 40226.
    pub blocked: bool,
    /// Openids by app id.
    pub openids: BTreeMap<String, String>,
    /// Union ids by app id, for the apps that are bound to an Open Platform account.
    pub unionids: BTreeMap<String, String>,
}

/// Change of a user. Absent fields keep their values.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserChange {
    /// Name of the user.
    pub user: String,
    /// New nickname.
    pub nickname: Option<String>,
    /// New phone number, or its removal.
    pub phone: Patch<String>,
    /// New country code.
    pub country_code: Option<String>,
    /// True to treat the user as a risk: logins fail with 40226.
    pub blocked: Option<bool>,
}

impl State {
    /// Creates a user.
    pub(crate) fn add_user(&mut self, new: NewUser) -> Result<UserView, ControlError> {
        let name: Arc<str> = new.user.unwrap_or_else(|| self.next_free_name()).into();
        if name.is_empty() || self.users.contains_key(&name) {
            return Err(ControlError::new(format!("the user name `{name}` is empty or taken")));
        }
        let user = User {
            nickname: new.nickname.unwrap_or_else(|| name.to_string()),
            phone: new.phone,
            country_code: new.country_code.unwrap_or_else(|| "86".into()),
            blocked: new.blocked,
        };
        user.check()?;
        let view = self.view(&name, &user);
        self.users.insert(name, user);
        Ok(view)
    }

    /// Changes a user.
    pub(crate) fn change_user(&mut self, change: UserChange) -> Result<UserView, ControlError> {
        let (name, user) = self.user(&change.user)?;
        let changed = User {
            nickname: change.nickname.unwrap_or_else(|| user.nickname.clone()),
            phone: change.phone.apply_to(user.phone.clone()),
            country_code: change.country_code.unwrap_or_else(|| user.country_code.clone()),
            blocked: change.blocked.unwrap_or(user.blocked),
        };
        changed.check()?;
        let view = self.view(&name, &changed);
        self.users.insert(name, changed);
        Ok(view)
    }

    /// Lists all users by name.
    pub(crate) fn list_users(&self) -> Vec<UserView> {
        self.users.iter().map(|(name, user)| self.view(name, user)).collect()
    }

    /// Finds a user by name, with the ids that apps see.
    pub(crate) fn find_user(&self, name: &str) -> Result<UserView, ControlError> {
        self.user(name).map(|(name, user)| self.view(&name, user))
    }

    /// Finds a user by name.
    pub(crate) fn user(&self, name: &str) -> Result<(Arc<str>, &User), ControlError> {
        let found = self.users.get_key_value(name).map(|(name, user)| (name.clone(), user));
        found.ok_or_else(|| ControlError::new(format!("no such user `{name}`")))
    }

    fn view(&self, name: &str, user: &User) -> UserView {
        let apps = || self.apps.values().map(|app| &app.config);
        let unionid = |platform: &String| ids::unionid(platform, name);
        UserView {
            user: name.to_owned(),
            nickname: user.nickname.clone(),
            phone: user.phone.clone(),
            country_code: user.country_code.clone(),
            blocked: user.blocked,
            openids: apps().map(|a| (a.app_id.clone(), ids::openid(&a.app_id, name))).collect(),
            unionids: apps()
                .filter_map(|a| Some((a.app_id.clone(), unionid(a.open_platform.as_ref()?))))
                .collect(),
        }
    }

    fn next_free_name(&self) -> String {
        let numbers = self.users.len().saturating_sub(self.config.users.len()) + 1..;
        let mut names = numbers.map(|number| format!("u{number}"));
        names.find(|name| !self.users.contains_key(name.as_str())).unwrap_or_default()
    }
}

impl User {
    /// Returns the phone number, or an error if the user has none.
    pub(crate) fn phone(&self, name: &str) -> Result<&str, ControlError> {
        let phone = self.phone.as_deref();
        phone.ok_or_else(|| ControlError::new(format!("user `{name}` has no phone: add one first")))
    }

    fn check(&self) -> Result<(), ControlError> {
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !self.phone.as_deref().is_none_or(is_digits) || !is_digits(&self.country_code) {
            return Err(ControlError::new("phone and country_code must be digits only"));
        }
        Ok(())
    }
}

/// Formats a phone number as WeChat does: numbers from outside the mainland carry their country
/// code.
pub(crate) fn full_phone(phone: &str, country_code: &str) -> String {
    match country_code {
        "86" => phone.to_owned(),
        foreign => format!("+{foreign}{phone}"),
    }
}
