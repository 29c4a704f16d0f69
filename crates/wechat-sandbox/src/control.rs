//! The control face: what a test may do to this WeChat.

pub mod apps;
pub mod encrypt;
pub(crate) mod routes;

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use crate::ids;
use crate::state::{LoginCode, PhoneCode, State};
use crate::users::User;

/// Why the control face refused: what is wrong, and often what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl State {
    /// What `wx.login` would give this user in this app.
    pub(crate) fn login_code(&mut self, user: &str, app: Option<&str>) -> Result<String, Refused> {
        let (user, _) = self.user(user)?;
        let app_id = self.app_id(app)?;
        let (now, min_age) = (self.now(), self.config.session_key_min_age);
        if let Some(app) = self.apps.get_mut(&app_id) {
            app.obtain_code(&user, std::time::Duration::from_secs(min_age), now);
        }
        Ok(self.login_codes.issue(ids::login_code(), LoginCode { app_id, user }, now))
    }

    /// What the phone button would give this user in this app. It needs no earlier login.
    pub(crate) fn phone_code(&mut self, user: &str, app: Option<&str>) -> Result<String, Refused> {
        let (name, user) = self.user(user)?;
        let (phone, country_code) = (user.phone(&name)?.to_owned(), user.country_code.clone());
        let app_id = self.app_id(app)?;
        let openid = ids::openid(&app_id, &name);
        let now = self.now();
        let about = PhoneCode { app_id, openid, phone, country_code, tapped: now };
        Ok(self.phone_codes.issue(ids::phone_code(), about, now))
    }

    /// The app of this id, or the first of the configuration.
    pub(crate) fn app_id(&self, named: Option<&str>) -> Result<Arc<str>, Refused> {
        let first = self.config.apps.first().map(|app| app.app_id.as_str());
        let id = named.or(first).ok_or_else(|| Refused::new("there are no apps: add one"))?;
        let found = self.apps.get_key_value(id).map(|(id, _)| id.clone());
        found.ok_or_else(|| Refused::new(format!("no such app `{id}`")))
    }
}

impl User {
    /// The phone number, which not everyone has.
    pub(crate) fn phone(&self, name: &str) -> Result<&str, Refused> {
        let phone = self.phone.as_deref();
        phone.ok_or_else(|| Refused::new(format!("user `{name}` has no phone: give one first")))
    }
}

/// What becomes of something that one need not have. In JSON: absent, `null`, or the new value.
#[derive(Clone, Debug, Default)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is taken away.
    Clear,
    /// It is this from now on.
    Set(T),
}

impl<T> Change<T> {
    pub(crate) fn of(self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Clear, Self::Set))
    }
}
