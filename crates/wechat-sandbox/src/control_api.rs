//! Control API: tests obtain codes, change users and apps, move the clock and inject faults.

pub mod apps;
pub mod encrypt;
pub(crate) mod routes;

use std::sync::Arc;
use std::time::Duration;

use crate::error::ControlError;
use crate::fault::Fault;
use crate::ids;
use crate::state::{LoginCode, PhoneCode, State};
use crate::wechat_api::endpoint::{self, ENDPOINTS};

impl State {
    /// Issues the login code that `wx.login` would return to this user in this app.
    pub(crate) fn login_code(
        &mut self,
        user: &str,
        app: Option<&str>,
    ) -> Result<String, ControlError> {
        let (user, _) = self.user(user)?;
        let app_id = self.app_id(app)?;
        let now = self.now();
        let session_key_min_age = Duration::from_secs(self.config.session_key_min_age);
        if let Some(app) = self.apps.get_mut(&app_id) {
            app.obtain_code(&user, session_key_min_age, now);
        }
        Ok(self.login_codes.issue(ids::login_code(), LoginCode { app_id, user }, now))
    }

    /// Issues the phone code that the phone number button would return to this user in this app.
    /// It requires no earlier login.
    pub(crate) fn phone_code(
        &mut self,
        user: &str,
        app: Option<&str>,
    ) -> Result<String, ControlError> {
        let (name, user) = self.user(user)?;
        let phone = user.phone(&name)?.to_owned();
        let country_code = user.country_code.clone();
        let app_id = self.app_id(app)?;
        let openid = ids::openid(&app_id, &name);
        let now = self.now();
        let data = PhoneCode { app_id, openid, phone, country_code, tapped_at: now };
        Ok(self.phone_codes.issue(ids::phone_code(), data, now))
    }

    /// Injects a fault into an existing endpoint.
    pub(crate) fn inject_fault(&mut self, fault: Fault) -> Result<(), ControlError> {
        if endpoint::find(&fault.path).is_none() {
            let paths: Vec<_> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
            let paths = paths.join(", ");
            let error = format!("no such path `{}`: use one of {paths}", fault.path);
            return Err(ControlError::new(error));
        }
        self.faults.inject(fault)
    }

    /// Finds an app by id; without an id, the first app of the configuration.
    pub(crate) fn app_id(&self, requested: Option<&str>) -> Result<Arc<str>, ControlError> {
        let first = self.config.apps.first().map(|app| app.app_id.as_str());
        let id =
            requested.or(first).ok_or_else(|| ControlError::new("there are no apps: add one"))?;
        let found = self.apps.get_key_value(id).map(|(id, _)| id.clone());
        found.ok_or_else(|| ControlError::new(format!("no such app `{id}`")))
    }
}
