//! A whole service over fakes, and the calls that tests make to it.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Once};
use std::time::Duration;

use api::config::ApiConfig;
use api::drain::Drain;
use api::metrics::Metrics;
use api::openapi::openapi;
use api::routes::Parts;
use api::routes::admin::Administration;
use api::served_request::ServedRequest;
use api::service::service;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use domain::admin::{AdminName, AdminPassword, AdminSessionPolicy, Role};
use domain::app::{App, AppId, AppName, Apps};
use domain::app_policy::AppPolicy;
use domain::app_secret::SharedKind;
use domain::audit::Journal;
use domain::authenticate::Authenticate;
use domain::authenticate_admin::AuthenticateAdmin;
use domain::ban::Ban;
use domain::bind_phone::BindPhone;
use domain::conflict::ConflictPolicy;
use domain::current_member::CurrentMember;
use domain::erase_member::EraseMember;
use domain::exchange_code::ExchangeCode;
use domain::export_member::ExportMember;
use domain::identify::Identify;
use domain::introspect::Introspect;
use domain::limits::{LimitedProvider, Quotas};
use domain::log_out::LogOut;
use domain::login::in_flight::InFlight;
use domain::login::{Login, LoginPolicy};
use domain::look_after_members::LookAfterMembers;
use domain::manage_admins::ManageAdmins;
use domain::manage_apps::ManageApps;
use domain::member::MemberStatus;
use domain::nickname::NicknamePrefixes;
use domain::phone::PhoneNumber;
use domain::ports::apps::{AppFactory, AppSecretSeal};
use domain::ports::clock::Clock;
use domain::ports::provider::{IdentityProvider, PhoneProof};
use domain::ports::provider_watch::{MockProviderWatch, ProviderWatch};
use domain::ports::pushes::{MockPushReader, Push, PushReader, PushRejected, PushSignature};
use domain::ports::services::ServiceAuthenticator;
use domain::ports::store::{
    AdminDirectory, AppDirectory, AuditDirectory, MemberDirectory, SigningKeyDirectory, Store,
};
use domain::ports::tokens::{MockVerificationKeys, TokenIssuer, TokenVerifier, VerificationKey};
use domain::provider_calls::ProviderCalls;
use domain::read_record::ReadRecord;
use domain::receive_push::ReceivePush;
use domain::refresh::Refresh;
use domain::registered_app::{RegisteredApp, SealedSecret};
use domain::serve_apps::{BuiltApps, ServeApps};
use domain::session::SessionPolicy;
use domain::session_key::SessionKeys;
use domain::sign_in::SignIn;
use domain::signing_key::KeyPolicy;
use domain::update_profile::UpdateProfile;
use domain::use_session_key::UseSessionKey;
use domain::watch_service::WatchService;
use prometheus_client::registry::Registry;
use salvo::Service;
use salvo::http::HeaderMap;
use salvo::http::Method;
use salvo::http::header::{HeaderName, HeaderValue};
use salvo::test::{RequestBuilder, ResponseExt};
use serde_json::{Value, json};
use testkit::apps::{MemoryAppFactory, MemoryAppSeal};
use testkit::clock::FixedClock;
use testkit::fingerprints::MemoryFingerprints;
use testkit::journal::journal;
use testkit::memory::MemoryStore;
use testkit::passwords::MemoryPasswords;
use testkit::provider::{MemoryProvider, MemoryUser};
use testkit::random::FixedRandom;
use testkit::rate_limiter::MemoryRateLimiter;
use testkit::redemption::MemorySeal;
use testkit::services::MemoryServices;
use testkit::session_keys::MemoryKeySeal;
use testkit::tokens::MemoryTokens;
use tracing::subscriber::set_global_default;

/// The key of the back end `orders`.
pub(crate) const SERVICE_KEY: &str = "orders-service-key-canary";

/// What every administrator here signs in with.
pub(crate) const ADMIN_PASSWORD: &str = "a long password of an administrator";

/// How long sessions last here, and how many.
pub(crate) const SESSIONS: SessionPolicy = SessionPolicy {
    idle: Duration::from_hours(720),
    absolute: Duration::from_hours(2160),
    grace: Duration::from_secs(10),
    per_member: 3,
};

/// How long administrators stay signed in here.
pub(crate) const ADMIN_SESSIONS: AdminSessionPolicy =
    AdminSessionPolicy { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };

/// When keys change here.
const KEYS: KeyPolicy = KeyPolicy {
    rotation: Some(Duration::from_hours(720)),
    overlap: Duration::from_hours(24),
    access_ttl: Duration::from_hours(2),
};

/// A provider that these calls were made to.
pub(crate) fn watching(calls: ProviderCalls) -> MockProviderWatch {
    let mut watch = MockProviderWatch::new();
    watch.expect_calls().return_const(calls);
    watch
}

/// What a house is built of; a test replaces what it is about.
pub(crate) struct Plan {
    pub(crate) identity: Arc<dyn IdentityProvider>,
    pub(crate) phone: Arc<dyn PhoneProof>,
    pub(crate) session_keys: Option<SessionKeys>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<dyn MemberDirectory>,
    pub(crate) admins: Arc<dyn AdminDirectory>,
    pub(crate) record: Arc<dyn AuditDirectory>,
    pub(crate) keys: Arc<dyn SigningKeyDirectory>,
    pub(crate) watch: Arc<dyn ProviderWatch>,
    pub(crate) app_directory: Arc<dyn AppDirectory>,
    pub(crate) factory: Arc<dyn AppFactory>,
    pub(crate) issuer: Arc<dyn TokenIssuer>,
    pub(crate) verifier: Arc<dyn TokenVerifier>,
    pub(crate) services: Arc<dyn ServiceAuthenticator>,
    pub(crate) pushes: Arc<dyn PushReader>,
    pub(crate) auto_register: bool,
    pub(crate) phone_required: bool,
    pub(crate) on_conflict: ConflictPolicy,
    pub(crate) quotas: Quotas,
    pub(crate) drain: Drain,
    pub(crate) config: ApiConfig,
}

/// A service and the fakes under it.
pub(crate) struct House {
    pub(crate) service: Service,
    pub(crate) store: MemoryStore,
    /// Knows users by login codes.
    pub(crate) provider: Arc<MemoryProvider>,
    /// Knows phone numbers by phone codes.
    pub(crate) phones: Arc<MemoryProvider>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) tokens: Arc<MemoryTokens>,
    journal: Journal,
}

/// The two tokens of a device.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    /// Those of an answer that holds some.
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let data = &answer.json()["data"];
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        Self { access: text("token"), refresh: text("refreshToken") }
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self::planned(|_| {})
    }

    pub(crate) fn planned(change: impl FnOnce(&mut Plan)) -> Self {
        listen();
        let (provider, phones) =
            (Arc::<MemoryProvider>::default(), Arc::<MemoryProvider>::default());
        let (store, clock) = (MemoryStore::default(), Arc::new(FixedClock::default()));
        let tokens = Arc::new(MemoryTokens::new(clock.clone()));
        let mut plan = Plan {
            identity: provider.clone(),
            phone: phones.clone(),
            session_keys: Some(SessionKeys {
                seal: Arc::new(MemoryKeySeal),
                uses: provider.clone(),
            }),
            store: Arc::new(store.clone()),
            directory: Arc::new(store.clone()),
            admins: Arc::new(store.clone()),
            record: Arc::new(store.clone()),
            keys: Arc::new(store.clone()),
            watch: Arc::new(watching(ProviderCalls::new(clock.now()))),
            app_directory: Arc::new(store.clone()),
            factory: Arc::new(MemoryAppFactory::new(provider.clone())),
            issuer: tokens.clone(),
            verifier: tokens.clone(),
            pushes: Arc::new(believing()),
            services: Arc::new(MemoryServices::default().with("orders", SERVICE_KEY)),
            auto_register: true,
            phone_required: false,
            on_conflict: ConflictPolicy::default(),
            quotas: Quotas::default(),
            drain: Drain::default(),
            config: ApiConfig::default(),
        };
        change(&mut plan);
        let config = plan.config.clone();
        let drain = plan.drain.clone();
        let service = service(plan.into_parts(&clock), &config, drain);
        let journal = journal(clock.clone(), 8);
        Self { service, store, provider, phones, clock, tokens, journal }
    }

    pub(crate) fn login_code(&self, open_id: &str) -> String {
        self.provider.login_code(&MemoryUser::person(open_id)).expose().to_owned()
    }

    pub(crate) fn phone_code(&self, open_id: &str, national: &str) -> String {
        let phone = PhoneNumber::new(86, national).unwrap();
        self.phones.phone_code(&MemoryUser::person(open_id), &phone).expose().to_owned()
    }

    /// Logs this user in and returns the access token.
    pub(crate) async fn token_of(&self, open_id: &str) -> String {
        self.log_in(open_id).await.access
    }

    /// Logs this user in.
    pub(crate) async fn log_in(&self, open_id: &str) -> Tokens {
        let body = json!({ "code": self.login_code(open_id) });
        Tokens::of(&post("/login").json(&body).send(self).await)
    }

    /// Exchanges a refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        post("/token/refresh").json(&json!({ "refreshToken": token })).send(self).await
    }

    /// Makes somebody an administrator, and signs them in: their cookie.
    pub(crate) async fn admin(&self, name: &str, role: Role) -> String {
        let manage = ManageAdmins {
            store: Arc::new(self.store.clone()),
            directory: Arc::new(self.store.clone()),
            passwords: Arc::new(MemoryPasswords),
            fingerprints: Arc::new(MemoryFingerprints),
            journal: self.journal.clone(),
        };
        let admin = AdminName::parse(name).unwrap();
        let invited = manage.invite(None, &admin, role).await.unwrap();
        let password = AdminPassword::choose(ADMIN_PASSWORD).unwrap();
        manage.accept(&admin, &invited.code, &password).await.unwrap();
        self.sign_in(name).await
    }

    /// Signs an administrator in: their cookie.
    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let credentials = json!({ "name": name, "password": ADMIN_PASSWORD });
        let answer = post("/admin/api/session").json(&credentials).send(self).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// Adds an app, whose secret is being rotated or which is disabled.
    pub(crate) async fn register(&self, name: &str, rotating: bool, disabled: bool) {
        let (name, now) = (AppName::parse(name).unwrap(), self.clock.now());
        let seal = || MemoryAppSeal.seal(&name, SharedKind::Secret, "a secret");
        let app = RegisteredApp {
            app_id: AppId::parse(&format!("wx-{}", name.as_str())).unwrap(),
            policy: AppPolicy::default(),
            secret: SealedSecret { current: seal(), former: rotating.then(seal), changed_at: now },
            push: None,
            disabled_at: disabled.then_some(now),
            created_at: now,
            version: 0,
            name: name.clone(),
        };
        let work = self.store.begin().await.unwrap();
        work.apps().add(&app).await.unwrap();
        work.commit().await.unwrap();
    }

    /// Bans the one member there is, as an operator does.
    pub(crate) async fn ban(&self) {
        let ban = Ban { store: Arc::new(self.store.clone()), journal: self.journal.clone() };
        ban.ban(self.store.members()[0].id, None, None).await.unwrap();
    }

    /// Bans the one member there is, and forgets to end their sessions.
    pub(crate) async fn ban_and_forget_the_sessions(&self) {
        let work = self.store.begin().await.unwrap();
        let mut member = self.store.members().remove(0);
        member.stand(MemberStatus::Banned, None, self.clock.now());
        work.members().update(&member).await.unwrap();
        work.commit().await.unwrap();
    }
}

/// Has somebody listen to every event on every thread. A place in the code that is first reached on a
/// thread where nobody listens would be silent from then on for the tests that read the log.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_global_default(tracing_subscriber::registry()).unwrap());
}

impl Plan {
    #[expect(clippy::too_many_lines, reason = "it wires every use case, each in a few lines")]
    fn into_parts(self, clock: &Arc<FixedClock>) -> Parts {
        let limits = MemoryRateLimiter::limits(self.quotas, clock.clone());
        let name = AppName::parse("main").unwrap();
        let app = App {
            name: name.clone(),
            app_id: AppId::parse("wx5e8d6c0a4b2f1e37").unwrap(),
            namespace: "memory".into(),
            policy: AppPolicy {
                auto_register: self.auto_register,
                phone_required: self.phone_required,
                on_conflict: self.on_conflict,
                ..AppPolicy::default()
            },
            disabled: false,
            identity: Arc::new(LimitedProvider {
                app: name,
                provider: self.identity,
                limits: limits.clone(),
            }),
            phone: self.phone,
            session_keys: self.session_keys,
            pushes: Some(self.pushes),
        };
        let (apps, random) = (Arc::new(Apps::new(vec![app])), Arc::new(FixedRandom::default()));
        let policy = LoginPolicy {
            nickname_prefixes: NicknamePrefixes::new(vec!["好柿开花".into()]).unwrap(),
            access_ttl: Duration::from_hours(2),
            sessions: SESSIONS,
        };
        let journal = Journal { requests: Arc::new(ServedRequest), ..journal(clock.clone(), 9) };
        let erase_member = Arc::new(EraseMember {
            store: self.store.clone(),
            fingerprints: Arc::new(MemoryFingerprints),
            journal: journal.clone(),
        });
        let authenticate = Arc::new(Authenticate {
            tokens: self.verifier.clone(),
            directory: self.directory.clone(),
            clock: clock.clone(),
            limits: limits.clone(),
        });
        Parts {
            refresh: Arc::new(Refresh {
                apps: apps.clone(),
                store: self.store.clone(),
                verifier: self.verifier.clone(),
                issuer: self.issuer.clone(),
                journal: journal.clone(),
                policy: SESSIONS,
                access_ttl: policy.access_ttl,
                limits: limits.clone(),
            }),
            login: Arc::new(Login {
                apps: apps.clone(),
                store: self.store.clone(),
                directory: self.directory.clone(),
                seal: Arc::new(MemorySeal::default()),
                in_flight: InFlight::default(),
                tokens: self.issuer,
                fingerprints: Arc::new(MemoryFingerprints),
                journal: journal.clone(),
                policy,
            }),
            log_out: Arc::new(LogOut {
                store: self.store.clone(),
                directory: self.directory.clone(),
                clock: clock.clone(),
            }),
            introspect: Arc::new(Introspect {
                apps: apps.clone(),
                authenticate: authenticate.clone(),
                tokens: self.verifier,
                store: self.store.clone(),
                policy: SESSIONS,
            }),
            authenticate,
            verification_keys: Arc::new(two_keys()),
            identify: Arc::new(Identify { apps: apps.clone() }),
            receive_push: Arc::new(ReceivePush {
                apps: apps.clone(),
                store: self.store.clone(),
                fingerprints: Arc::new(MemoryFingerprints),
                clock: clock.clone(),
                random: random.clone(),
            }),
            export_member: Arc::new(ExportMember { directory: self.directory.clone() }),
            administration: Administration {
                sign_in: Arc::new(SignIn {
                    store: self.store.clone(),
                    directory: self.admins.clone(),
                    passwords: Arc::new(MemoryPasswords),
                    fingerprints: Arc::new(MemoryFingerprints),
                    journal: journal.clone(),
                    policy: ADMIN_SESSIONS,
                }),
                authenticate_admin: Arc::new(AuthenticateAdmin {
                    store: self.store.clone(),
                    directory: self.admins.clone(),
                    fingerprints: Arc::new(MemoryFingerprints),
                    clock: clock.clone(),
                    policy: ADMIN_SESSIONS,
                }),
                manage_admins: Arc::new(ManageAdmins {
                    store: self.store.clone(),
                    directory: self.admins,
                    passwords: Arc::new(MemoryPasswords),
                    fingerprints: Arc::new(MemoryFingerprints),
                    journal: journal.clone(),
                }),
                look_after_members: Arc::new(LookAfterMembers {
                    store: self.store.clone(),
                    directory: self.directory.clone(),
                    ban: Arc::new(Ban { store: self.store.clone(), journal: journal.clone() }),
                    erase: erase_member.clone(),
                    journal: journal.clone(),
                }),
                manage_apps: Arc::new(ManageApps {
                    store: self.store.clone(),
                    seal: Arc::new(MemoryAppSeal),
                    serve: Arc::new(ServeApps {
                        apps: apps.clone(),
                        directory: self.app_directory,
                        factory: self.factory,
                        built: BuiltApps::default(),
                    }),
                    journal: journal.clone(),
                }),
                read_record: Arc::new(ReadRecord {
                    directory: self.record,
                    clock: clock.clone(),
                    utc_offset: 8 * 3_600_000,
                }),
                watch_service: Arc::new(WatchService {
                    keys: self.keys,
                    policy: KEYS,
                    provider: self.watch,
                    clock: clock.clone(),
                }),
            },
            erase_member,
            exchange_code: Arc::new(ExchangeCode { apps: apps.clone() }),
            bind_phone: Arc::new(BindPhone {
                apps: apps.clone(),
                store: self.store.clone(),
                directory: self.directory.clone(),
                journal: journal.clone(),
            }),
            use_session_key: Arc::new(UseSessionKey {
                apps,
                store: self.store.clone(),
                directory: self.directory.clone(),
                clock: clock.clone(),
            }),
            current_member: Arc::new(CurrentMember { directory: self.directory.clone() }),
            update_profile: Arc::new(UpdateProfile { store: self.store, journal: journal.clone() }),
            directory: self.directory,
            services: self.services,
            limits,
            metrics: Metrics::new(Registry::with_prefix("menshen")),
            clock: clock.clone(),
            random,
        }
    }
}

/// Believes what is signed `right`, and takes the body for the id of a message that says nothing.
fn believing() -> MockPushReader {
    let believes = |signature: &PushSignature| match signature.signature.as_str() {
        "right" => Ok(()),
        _ => Err(PushRejected::Forged),
    };
    let mut reader = MockPushReader::new();
    reader.expect_verify().returning(believes);
    reader.expect_read().returning(move |signature, body| {
        believes(signature)?;
        let id = String::from_utf8(body.to_vec());
        let id = id.map_err(|_invalid| PushRejected::Malformed("it is not UTF-8"))?;
        Ok(Push { identity: vec![id], withdrawn: None })
    });
    reader
}

fn two_keys() -> MockVerificationKeys {
    let mut keys = MockVerificationKeys::new();
    keys.expect_verification_keys().returning(|| {
        let key =
            |id: &str, x: &str| VerificationKey { id: id.into(), x: x.into(), y: "eQ".into() };
        vec![key("k2", "eDI"), key("k1", "eDE")]
    });
    keys
}

/// A request that is being made up.
pub(crate) struct Call {
    method: Method,
    path: String,
    builder: RequestBuilder,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Every byte as in `%2f`.
pub(crate) fn escape(bytes: impl AsRef<[u8]>) -> String {
    let escaped = bytes.as_ref().iter().map(|b| format!("%{b:02x}"));
    escaped.collect::<Vec<_>>().concat()
}

pub(crate) fn get(path: &str) -> Call {
    Call::new(Method::GET, path)
}

pub(crate) fn post(path: &str) -> Call {
    Call::new(Method::POST, path)
}

pub(crate) fn delete(path: &str) -> Call {
    Call::new(Method::DELETE, path)
}

pub(crate) fn put(path: &str) -> Call {
    Call::new(Method::PUT, path)
}

pub(crate) fn patch(path: &str) -> Call {
    Call::new(Method::PATCH, path)
}

impl Call {
    /// A request with one Host and an id that makes answers comparable.
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let builder = RequestBuilder::new(format!("http://localhost{path}"), method.clone());
        let call = Self { method, path: path.to_owned(), builder };
        call.header("host", "localhost").header("x-request-id", "test-request")
    }

    /// Sets a header.
    pub(crate) fn header(self, name: &'static str, value: &str) -> Self {
        self.raw_header(name, value.as_bytes(), true)
    }

    /// Adds a header to those of the same name.
    pub(crate) fn another_header(self, name: &'static str, value: &str) -> Self {
        self.raw_header(name, value.as_bytes(), false)
    }

    pub(crate) fn raw_header(self, name: &'static str, value: &[u8], replace: bool) -> Self {
        let value = HeaderValue::from_bytes(value).unwrap();
        let builder = self.builder.add_header(HeaderName::from_static(name), value, replace);
        Self { builder, ..self }
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Shows a name and a key by HTTP Basic.
    pub(crate) fn basic(self, name: &str, key: &str) -> Self {
        let credentials = BASE64_STANDARD.encode(format!("{name}:{key}"));
        self.header("authorization", &format!("Basic {credentials}"))
    }

    pub(crate) fn form(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw_json(body.to_string())
    }

    pub(crate) fn raw_json(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { builder: self.builder.body(body.into()), ..self }
    }

    /// Sends it from the loopback.
    pub(crate) async fn send(self, house: &House) -> Answer {
        self.send_from("127.0.0.1", house).await
    }

    /// Sends it, and holds the answer to what is true of every answer.
    pub(crate) async fn send_from(self, address: &str, house: &House) -> Answer {
        let mut request = self.builder.build();
        *request.remote_addr_mut() = SocketAddr::new(address.parse().unwrap(), 4711).into();
        let mut response = house.service.handle(request).await;
        let answer = Answer {
            status: response.status_code.unwrap().as_u16(),
            headers: response.headers().clone(),
            body: response.take_string().await.unwrap(),
        };
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let address = self.path.split('?').next().unwrap();
        let kept = address == "/.well-known/jwks.json" && answer.status == 200;
        let of_the_console = address.starts_with("/admin") && !address.starts_with("/admin/api");
        let caching = match answer.status {
            200 if kept => "public, max-age=300",
            200 | 304 if of_the_console => "no-cache",
            _ => "no-store",
        };
        assert_eq!(answer.header("cache-control"), caching);
        let id = answer.header("x-request-id");
        assert!((8..=64).contains(&id.len()), "{id}");
        if answer.status >= 400 && self.path.starts_with("/oauth/") {
            assert_is_oauth_failure(&answer);
        } else if answer.status >= 400 && !answer.body.contains(r#"{"status":"unavailable"}"#) {
            let failure = answer.json();
            assert_eq!(failure["code"], answer.status);
            assert_eq!(failure["data"], Value::Null);
            assert_eq!(failure["requestId"], id);
        }
        assert_documented(&self.method, &self.path, answer.status);
        answer
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The value of a header that is there once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(values.next(), None, "{name}");
        value.to_str().unwrap()
    }

    /// Status and error id of a failure.
    pub(crate) fn failure(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    /// What a malformed request is told of this field.
    pub(crate) fn fault(&self, field: &str) -> String {
        assert_eq!(self.failure(), (400, "invalid_request".into()), "{}", self.body);
        self.json()["fields"][field].as_str().unwrap_or_default().to_owned()
    }
}

/// RFC 6749 section 5.2.
fn assert_is_oauth_failure(answer: &Answer) {
    let failure = answer.json();
    let error = match answer.status {
        401 => "invalid_client",
        429 => "temporarily_unavailable",
        500.. => "server_error",
        _ => "invalid_request",
    };
    let described = failure["error_description"].as_str().unwrap();
    assert!(!described.is_empty());
    assert!(described.chars().all(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')));
    assert_eq!(failure, json!({ "error": error, "error_description": described }));
}

/// Every status that a documented route answers with stands in the document.
fn assert_documented(method: &Method, path: &str, status: u16) {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(openapi()).unwrap());
    let path = path.split('?').next().unwrap();
    let is_template = |template: &str| {
        let (template, path) = (template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template
                .zip(path)
                .all(|(step, taken)| step == taken || step.starts_with('{') && !taken.is_empty())
    };
    let mut paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let Some((_, item)) = paths.find(|(template, _)| is_template(template)) else { return };
    let operation = &item[method.as_str().to_lowercase()];
    if operation.is_object() {
        let documented = &operation["responses"][status.to_string()];
        assert!(documented.is_object(), "{method} {path} answered {status}");
    }
}
