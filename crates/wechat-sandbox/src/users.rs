//! The people of this WeChat.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::NewUser;
use crate::control::{Change, Refused};
use crate::ids;
use crate::state::State;

/// One of the people.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) nickname: String,
    pub(crate) phone: Option<String>,
    pub(crate) country_code: String,
    pub(crate) blocked: bool,
}

/// A user, and the ids that apps see.
#[derive(Clone, Debug, Serialize)]
pub struct UserView {
    /// The name by which the sandbox is told of this user.
    pub user: String,
    /// The nickname.
    pub nickname: String,
    /// The phone number without country code.
    pub phone: Option<String>,
    /// The country code of the phone number.
    pub country_code: String,
    /// Whether logins are answered with 40226.
    pub blocked: bool,
    /// The openid in every app, by app id.
    pub openids: BTreeMap<String, String>,
    /// The union id in every app that is bound to an Open Platform account, by app id.
    pub unionids: BTreeMap<String, String>,
}

/// What to change of a user. What is absent stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserChange {
    /// Whom.
    pub user: String,
    /// A new nickname.
    pub nickname: Option<String>,
    /// A new phone number, or none.
    pub phone: Change<String>,
    /// A new country code.
    pub country_code: Option<String>,
    /// Whether WeChat considers this user a risk and answers logins with 40226.
    pub blocked: Option<bool>,
}

impl State {
    /// Makes a user.
    pub(crate) fn add_user(&mut self, new: NewUser) -> Result<UserView, Refused> {
        let name: Arc<str> = new.user.unwrap_or_else(|| self.free_name()).into();
        if name.is_empty() || self.users.contains_key(&name) {
            return Err(Refused::new(format!("the user name `{name}` is empty or taken")));
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
    pub(crate) fn change_user(&mut self, change: UserChange) -> Result<UserView, Refused> {
        let (name, user) = self.user(&change.user)?;
        let changed = User {
            nickname: change.nickname.unwrap_or_else(|| user.nickname.clone()),
            phone: change.phone.of(user.phone.clone()),
            country_code: change.country_code.unwrap_or_else(|| user.country_code.clone()),
            blocked: change.blocked.unwrap_or(user.blocked),
        };
        changed.check()?;
        let view = self.view(&name, &changed);
        self.users.insert(name, changed);
        Ok(view)
    }

    /// Everyone.
    pub(crate) fn list_users(&self) -> Vec<UserView> {
        self.users.iter().map(|(name, user)| self.view(name, user)).collect()
    }

    /// One of them, and the ids that apps see.
    pub(crate) fn find_user(&self, name: &str) -> Result<UserView, Refused> {
        self.user(name).map(|(name, user)| self.view(&name, user))
    }

    /// A user by name.
    pub(crate) fn user(&self, name: &str) -> Result<(Arc<str>, &User), Refused> {
        let found = self.users.get_key_value(name).map(|(name, user)| (name.clone(), user));
        found.ok_or_else(|| Refused::new(format!("no such user `{name}`")))
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

    fn free_name(&self) -> String {
        let numbers = self.users.len().saturating_sub(self.config.users.len()) + 1..;
        let mut names = numbers.map(|number| format!("u{number}"));
        names.find(|name| !self.users.contains_key(name.as_str())).unwrap_or_default()
    }
}

impl User {
    fn check(&self) -> Result<(), Refused> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !self.phone.as_deref().is_none_or(digits) || !digits(&self.country_code) {
            return Err(Refused::new("phone and country_code are digits only"));
        }
        Ok(())
    }
}

/// A phone number as WeChat writes it: those from outside the mainland carry their country code.
pub(crate) fn full_phone(phone: &str, country_code: &str) -> String {
    match country_code {
        "86" => phone.to_owned(),
        abroad => format!("+{abroad}{phone}"),
    }
}
