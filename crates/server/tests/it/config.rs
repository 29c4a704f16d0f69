//! Configuration: sources, precedence, and errors without secrets.

use std::path::PathBuf;

use server::config::{Config, ConfigError, Sources};

/// Returns the repository's `config/` with the given profile and environment.
fn sources(profile: &str, environment: &[(&str, &str)]) -> Sources {
    Sources {
        profile: profile.into(),
        root: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")),
        file: None,
        environment: environment.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
    }
}

fn issues(profile: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let ConfigError(issues) = Config::load(&sources(profile, environment)).unwrap_err();
    issues.into_iter().map(|issue| format!("{}: {}", issue.key, issue.problem)).collect()
}

#[test]
fn development_needs_no_settings() {
    let config = Config::load(&sources("development", &[])).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:2020");
    assert_eq!(config.apps[0].app_id.as_str(), "wx5e8d6c0a4b2f1e37");
    assert!(!config.production);
}

#[test]
fn environment_overrides_files_and_keeps_leading_zeros() {
    let environment = [
        ("MENSHEN_HTTP__LISTEN", "127.0.0.1:1"),
        ("MENSHEN_APPS__MAIN__SECRET", "00123456"),
        ("MENSHEN_TOKENS__ACCESS_TTL", "60"),
        ("MENSHEN_NICKNAMES__PREFIXES", "甲, 乙"),
        ("PATH", "/bin"),
    ];
    let config = Config::load(&sources("development", &environment)).unwrap();
    assert_eq!(config.listen.port(), 1);
    assert_eq!(secrecy::ExposeSecret::expose_secret(&config.apps[0].secret), "00123456");
    assert_eq!(config.access_ttl.as_secs(), 60);
}

#[test]
fn production_refuses_to_start_without_secrets() {
    assert_eq!(
        issues("production", &[("MENSHEN_APPS__MAIN__APP_ID", "wx1")]),
        [
            "apps.main.secret: is missing; find it in WeChat's console",
            "tokens.refresh_key: is missing; production needs it, best as tokens.refresh_key_file",
            "sealing.key: is missing; production needs it, best as sealing.key_file",
        ]
    );
}

#[test]
fn production_refuses_sandbox_secret_and_short_secrets() {
    for secret in ["0123456789abcdef0123456789abcdef", "short"] {
        let environment = [
            ("MENSHEN_APPS__MAIN__APP_ID", "wx1"),
            ("MENSHEN_APPS__MAIN__SECRET", secret),
            ("MENSHEN_SEALING__KEY", "x"),
            ("MENSHEN_TOKENS__REFRESH_KEY", "x"),
        ];
        let issues = issues("production", &environment);
        assert_eq!(issues.len(), 1, "{issues:?}");
        assert!(issues[0].starts_with("apps.main.secret: ") && !issues[0].contains(secret));
    }
}

#[test]
fn all_issues_are_reported_at_once_with_allowed_values() {
    let environment = [
        ("MENSHEN_HTTP__LISTEN", "nowhere"),
        ("MENSHEN_HTTP__PORT", "1"),
        ("MENSHEN_LOG__FORMAT", "xml"),
        ("MENSHEN_LOG__FILTER", "shout=loud"),
        ("MENSHEN_DATABASE__URL", "oracle://x"),
        ("MENSHEN_DATABASE__MAX_CONNECTIONS", "0"),
        ("MENSHEN_APPS__MAIN__PHONE_REQUIRED", "maybe"),
        ("MENSHEN_APPS__MAIN__PROVIDER", "icq"),
        ("MENSHEN_APPS__MAIN__SECRET_FILE", "/nowhere"),
        ("MENSHEN_NICKNAMES__PREFIXES", ""),
        ("MENSHEN_HTTP__CORS_ORIGINS", "*"),
        ("MENSHEN_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, 0.0.0.0/0"),
        ("MENSHEN_LIMITS__ADDRESS_BURST", "0"),
        ("MENSHEN_LIMITS__APP_PER_MINUTE", "many"),
    ];
    assert_eq!(
        issues("development", &environment),
        [
            "http.listen: must be an address and a port, as in 127.0.0.1:2020",
            "apps.main.provider: must be wechat",
            "apps.main.secret_file: the file /nowhere cannot be read: \
             No such file or directory (os error 2)",
            "apps.main.phone_required: must be true or false",
            "nicknames.prefixes: at least one nickname prefix is required",
            "log.filter: must be a level, or levels per module: info,adapters=debug",
            "http.cors_origins: an origin consists of http:// or https://, a host in lower case and an \
             optional port",
            "http.trusted_proxies: a proxy is an IP address or a network such as 10.0.0.0/8, but not \
             the whole internet",
            "limits.address_burst: must be a whole number from 1 to 1000000",
            "limits.app_per_minute: must be a whole number from 0 to 1000000",
            "log.format: must be json or text",
            "database.url: must begin with sqlite://, postgres:// or mysql://",
            "database.max_connections: must be a whole number from 1 to 1000",
            "http.port: is not a key of the configuration",
        ]
    );
}

#[test]
fn webhook_receiver_defaults_to_all_events_and_five_days() {
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";
    let environment = [
        ("MENSHEN_WEBHOOKS__CRM__URL", "http://crm.example/canary"),
        ("MENSHEN_WEBHOOKS__CRM__SECRET", secret),
        ("MENSHEN_WEBHOOKS__BANS__URL", "https://bans.example"),
        ("MENSHEN_WEBHOOKS__BANS__SECRET", secret),
        ("MENSHEN_WEBHOOKS__BANS__FORMER_SECRET", secret),
        ("MENSHEN_WEBHOOKS__BANS__EVENTS", "member.banned,member.unbanned"),
        ("MENSHEN_WEBHOOKS__BANS__MAX_AGE", "3600"),
    ];
    let config = Config::load(&sources("development", &environment)).unwrap();
    let [bans, crm] = &config.webhooks[..] else { panic!("{:?}", config.webhooks) };
    assert_eq!((crm.name.as_str(), crm.events.len(), crm.secrets.len()), ("crm", 8, 1));
    assert_eq!(crm.max_age.as_secs(), 5 * 24 * 3600);
    assert_eq!((bans.events.len(), bans.secrets.len()), (2, 2));
    assert_eq!(bans.max_age.as_secs(), 3600);
    let shown = format!("{config:?}");
    assert!(!shown.contains("canary") && !shown.contains("MDEy"), "{shown}");
}

#[test]
fn all_webhook_issues_are_reported_without_secrets() {
    let environment = [
        ("MENSHEN_APPS__MAIN__APP_ID", "wx1"),
        ("MENSHEN_APPS__MAIN__SECRET", "a-secret-that-is-long-enough"),
        ("MENSHEN_SEALING__KEY", "x"),
        ("MENSHEN_TOKENS__REFRESH_KEY", "x"),
        ("MENSHEN_WEBHOOKS__A__URL", "http://crm.example/canary"),
        ("MENSHEN_WEBHOOKS__A__SECRET", "whsec_canary"),
        ("MENSHEN_WEBHOOKS__A__EVENTS", "member.banned,canary"),
        ("MENSHEN_WEBHOOKS__A__MAX_AGE", "0"),
        ("MENSHEN_WEBHOOKS__B__FORMER_SECRET", "canary"),
        ("MENSHEN_WEBHOOKS__B__COLOUR", "red"),
    ];
    let made = "make one with `echo whsec_$(openssl rand -base64 32)`";
    let malformed = format!("must be whsec_ and 24 to 64 random bytes in Base64: {made}");
    assert_eq!(
        issues("production", &environment),
        [
            "webhooks.a.url: must start with https:// in production, unless the host is this \
             machine",
            &format!("webhooks.a.secret: {malformed}"),
            "webhooks.a.max_age: must be a whole number from 3600 to 2592000",
            "webhooks.a.events: must be of these: member.registered, member.profile_changed, \
             member.phone_bound, member.phone_withdrawn, member.banned, member.unbanned, \
             member.merged, member.erased",
            "webhooks.b.url: is missing; the address of the receiver",
            &format!("webhooks.b.secret: is missing; {made}"),
            &format!("webhooks.b.former_secret: {malformed}"),
            "webhooks.b.colour: is not a key of the configuration",
        ]
    );
}

#[test]
fn variable_of_unknown_key_is_reported() {
    assert_eq!(
        issues("development", &[("MENSHEN_LISTEN", "x")]),
        ["MENSHEN_LISTEN: is not a configuration key; the form is MENSHEN_SECTION__KEY"]
    );
}

#[test]
fn unknown_profile_is_reported() {
    assert_eq!(issues("prod", &[]), ["MENSHEN_PROFILE: must be development or production"]);
}

#[test]
fn missing_or_invalid_file_is_reported_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("menshen.toml");
    let load = || {
        Config::load(&Sources { file: Some(path.clone()), ..sources("development", &[]) })
            .unwrap_err()
            .to_string()
    };
    assert!(load().contains("cannot be read"));
    std::fs::write(&path, "[apps.main]\nsecret = canary\n").unwrap();
    let error = load();
    assert!(error.contains("line 2 is not valid TOML") && !error.contains("canary"), "{error}");
}

#[test]
fn secret_of_wrong_type_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("menshen.toml");
    std::fs::write(&path, "[apps.main]\nsecret = 271828\n").unwrap();
    let error = Config::load(&Sources { file: Some(path), ..sources("development", &[]) })
        .unwrap_err()
        .to_string();
    assert!(error.contains("apps.main.secret: must be text in quotes"), "{error}");
    assert!(!error.contains("271828"));
}

#[test]
fn secret_is_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "from-the-file\n").unwrap();
    let environment = [("MENSHEN_APPS__MAIN__SECRET_FILE", path.to_str().unwrap())];
    let config = Config::load(&sources("development", &environment)).unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&config.apps[0].secret), "from-the-file");
}

#[test]
fn value_is_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    std::fs::write(&path, "postgres://from-the-file\n").unwrap();
    let url_from = |path: &str| {
        sources("development", &[("MENSHEN_DATABASE__URL_FILE", path)]).value("database.url")
    };
    assert_eq!(url_from(path.to_str().unwrap()).unwrap(), "postgres://from-the-file");
    assert!(url_from("/nowhere").unwrap_err().to_string().contains("database.url_file: the file"));
    let sources = sources("development", &[]);
    for (key, value) in
        [("wechat.proxy", ""), ("log.format", "text"), ("tokens.access_ttl", "7200")]
    {
        assert_eq!(sources.value(key).unwrap(), value, "{key}");
    }
}

#[test]
fn signing_keys_rotate_unless_the_lifetime_is_zero() {
    let keys = |environment: &[(&str, &str)]| {
        let keys = Config::load(&sources("development", environment)).unwrap().keys;
        (keys.lifetime.map(|period| period.as_secs()), keys.prepublish.as_secs(), keys.access_ttl)
    };
    let two_hours = std::time::Duration::from_hours(2);
    assert_eq!(keys(&[]), (Some(90 * 86_400), 600, two_hours));
    let manual = [
        ("MENSHEN_TOKENS__SIGNING_KEY_LIFETIME", "0"),
        ("MENSHEN_TOKENS__SIGNING_KEY_PREPUBLISH", "3"),
    ];
    assert_eq!(keys(&manual), (None, 3, two_hours));
    assert_eq!(
        issues("development", &[("MENSHEN_TOKENS__SIGNING_KEY_PREPUBLISH", "2")]),
        ["tokens.signing_key_prepublish: must be a whole number from 3 to 86400"]
    );
}

#[test]
fn former_sealing_keys_are_read_from_a_list_or_from_lines_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("former");
    std::fs::write(&path, "one\r\ntwo\n").unwrap();
    for (name, value, expected) in [
        ("MENSHEN_SEALING__FORMER_KEYS", "one, two", &["one", "two"][..]),
        ("MENSHEN_SEALING__FORMER_KEYS_FILE", path.to_str().unwrap(), &["one", "two"]),
        ("MENSHEN_SEALING__FORMER_KEYS", "", &[]),
    ] {
        let config = Config::load(&sources("development", &[(name, value)])).unwrap();
        let keys = config.former_sealing_keys.iter();
        let keys: Vec<_> = keys.map(secrecy::ExposeSecret::expose_secret).collect();
        assert_eq!(keys, expected, "{name}={value}");
    }
}

#[test]
fn apps_keep_the_order_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("menshen.toml");
    let app = |name| format!("[apps.{name}]\napp_id = \"wx-{name}\"\nsecret = \"x\"\n");
    std::fs::write(&path, app("zebra") + &app("ant")).unwrap();
    let config =
        Config::load(&Sources { file: Some(path), ..sources("development", &[]) }).unwrap();
    let names: Vec<&str> = config.apps.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(names, ["main", "zebra", "ant"]);
}

#[test]
fn debug_output_shows_no_secret() {
    let environment = [
        ("MENSHEN_APPS__MAIN__SECRET", "canary-secret"),
        ("MENSHEN_DATABASE__URL", "postgres://u:canary-password@h/d"),
        ("MENSHEN_REDIS__URL", "redis+cluster://:canary-redis@a:1,b:2"),
        ("MENSHEN_SERVICES__BACKEND__KEY", "canary-service"),
        ("MENSHEN_SEALING__KEY", "canary-sealing"),
        ("MENSHEN_SEALING__FORMER_KEYS", "canary-former,canary-older"),
        ("MENSHEN_TOKENS__REFRESH_KEY", "canary-refresh"),
    ];
    let config = Config::load(&sources("development", &environment)).unwrap();
    assert!(!format!("{config:?}").contains("canary"), "{config:?}");
}
