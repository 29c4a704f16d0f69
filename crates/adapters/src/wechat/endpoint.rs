//! Which of WeChat's calls are made, and where they live.

/// One of the calls made to WeChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Redeems a login code (`code2Session`). Needs no access token.
    CodeToSession,
    /// Redeems a phone code (`getPhoneNumber`).
    PhoneNumber,
    /// Asks whether a session key is its user's present one (`checkSessionKey`).
    CheckSession,
    /// Puts another session key in place (`ResetUserSessionKey`).
    ResetSession,
    /// Fetches the app's access token (`getStableAccessToken`).
    StableToken,
}

impl Endpoint {
    /// Every call there is.
    pub const ALL: [Self; 5] = [
        Self::CodeToSession,
        Self::PhoneNumber,
        Self::CheckSession,
        Self::ResetSession,
        Self::StableToken,
    ];

    /// Its path below the base URL.
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
