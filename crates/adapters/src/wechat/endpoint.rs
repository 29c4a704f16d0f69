//! Endpoints of WeChat's server API that are called.

/// Endpoint of WeChat's server API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Redeems a login code (`code2Session`). Needs no access token.
    CodeToSession,
    /// Redeems a phone code (`getPhoneNumber`).
    PhoneNumber,
    /// Checks that a session key is the user's current one (`checkSessionKey`).
    CheckSession,
    /// Replaces a session key (`ResetUserSessionKey`).
    ResetSession,
    /// Fetches the app's access token (`getStableAccessToken`).
    StableToken,
}

impl Endpoint {
    /// All endpoints.
    pub const ALL: [Self; 5] = [
        Self::CodeToSession,
        Self::PhoneNumber,
        Self::CheckSession,
        Self::ResetSession,
        Self::StableToken,
    ];

    /// Path below the base URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::CodeToSession => "/sns/jscode2session",
            Self::PhoneNumber => "/wxa/business/getuserphonenumber",
            Self::CheckSession => "/wxa/checksession",
            Self::ResetSession => "/wxa/resetusersessionkey",
            Self::StableToken => "/cgi-bin/stable_token",
        }
    }
}
