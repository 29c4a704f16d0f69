//! WeChat's error codes and messages.

/// WeChat `errcode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errcode(pub(crate) i64);

impl Errcode {
    pub(crate) const INVALID_CREDENTIAL: Self = Self(40001);
    pub(crate) const INVALID_GRANT_TYPE: Self = Self(40002);
    pub(crate) const INVALID_OPENID: Self = Self(40003);
    pub(crate) const INVALID_APPID: Self = Self(40013);
    pub(crate) const INVALID_ACCESS_TOKEN: Self = Self(40014);
    pub(crate) const INVALID_CODE: Self = Self(40029);
    pub(crate) const INVALID_URL: Self = Self(40066);
    pub(crate) const INVALID_APPSECRET: Self = Self(40125);
    pub(crate) const INVALID_SCENE: Self = Self(40129);
    pub(crate) const CODE_BEEN_USED: Self = Self(40163);
    pub(crate) const CODE_BLOCKED: Self = Self(40226);
    pub(crate) const ACCESS_TOKEN_MISSING: Self = Self(41001);
    pub(crate) const APPID_MISSING: Self = Self(41002);
    pub(crate) const APPSECRET_MISSING: Self = Self(41004);
    pub(crate) const CODE_MISSING: Self = Self(41008);
    pub(crate) const OPENID_MISSING: Self = Self(41009);
    pub(crate) const ACCESS_TOKEN_EXPIRED: Self = Self(42001);
    pub(crate) const POST_REQUIRED: Self = Self(43002);
    pub(crate) const OPENID_OF_OTHER_APP: Self = Self(43104);
    pub(crate) const EMPTY_BODY: Self = Self(44002);
    pub(crate) const MINUTE_FREQUENCY: Self = Self(44991);
    pub(crate) const CONTENT_TOO_LONG: Self = Self(45002);
    pub(crate) const DAILY_QUOTA: Self = Self(45009);
    pub(crate) const MINUTE_QUOTA: Self = Self(45011);
    pub(crate) const BAD_JSON: Self = Self(47001);
    pub(crate) const NO_CLEARS_LEFT: Self = Self(48006);
    pub(crate) const USER_NOT_ACTIVE: Self = Self(61010);
    pub(crate) const UNKNOWN_PATH: Self = Self(76021);
    pub(crate) const PATH_WITHOUT_QUOTA: Self = Self(76022);
    pub(crate) const SESSION_KEY_EXPIRED: Self = Self(87007);
    pub(crate) const INVALID_SIG_METHOD: Self = Self(87008);
    pub(crate) const INVALID_SIGNATURE: Self = Self(87009);
    pub(crate) const RISKY_CONTENT: Self = Self(87014);

    /// `errmsg` without its request id: as observed if a capture exists, otherwise as documented.
    /// WeChat changes these texts without notice, so clients must not rely on them.
    pub(crate) fn message(self) -> &'static str {
        match self.0 {
            0 => "ok",
            40001 => {
                "invalid credential, access_token is invalid or not latest, could get access_token \
                 by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
            }
            40002 => "invalid grant_type",
            40003 => "invalid openid",
            40013 => "invalid appid",
            40014 => "invalid access_token",
            40029 => "invalid code",
            40030 => "invalid refresh_token",
            40066 => "invalid url",
            40097 => "invalid args",
            40125 => "invalid appsecret",
            40129 => "invalid scene",
            40163 => "code been used",
            40164 => "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
            40226 => "code blocked",
            40243 => "appsecret is frozen",
            41001 => "access_token missing",
            41002 => "appid missing",
            41004 => "appsecret missing",
            41008 => "missing code",
            41009 => "missing openid",
            42001 => "access_token expired",
            42002 => "refresh_token expired",
            42003 => "code expired",
            42007 => "access_token and refresh_token exception",
            43002 => "require POST method",
            43104 => "appid does not match openid",
            44002 => "empty post data",
            44991 => "reach frequency limit, please try again later",
            45002 => "content size out of limit",
            45009 => "reach max api daily quota limit",
            45011 => "api minute-quota reach limit mustslower retry next minute",
            47001 => "data format error",
            48001 => "api unauthorized",
            48006 => "forbid to clear quota because of reaching the limit",
            50001 => "user unauthorized",
            50002 => "user limited",
            50004 => "forbid to use token api",
            50007 => "account frozen",
            61010 => "user has not visited within two hours",
            76021 => "cgi_path not found, please check",
            76022 => "could not use this cgi_path, no permission",
            // The spelling is WeChat's.
            87007 => "session_key is not existd or expired",
            87008 => "invalid sig_method",
            87009 => "invalid signature",
            87014 => "risky content",
            89002 => "open not exists",
            89300 => "invalid trade",
            89503 => "ip needs confirmation by an administrator",
            89506 => "ip was refused within 24 hours",
            89507 => "ip was refused within 1 hour",
            _ => "system error",
        }
    }
}
