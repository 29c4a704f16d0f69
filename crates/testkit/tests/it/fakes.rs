//! Tests of fakes without a contract suite.

use std::sync::Arc;
use std::time::Duration;

use domain::model::app::name::AppName;
use domain::model::clock::Clock;
use domain::model::member::MemberId;
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::random::Random;
use domain::model::secret::LoginCode;
use domain::model::session::SessionId;
use domain::model::session::claims::AccessClaims;
use domain::ports::provider::{IdentityProvider, PhoneProvider, ProviderFailure};
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use domain::ports::tokens::{TokenIssuer, TokenRejected, TokenVerifier};
use testkit::fake::clock::FixedClock;
use testkit::fake::provider::{MemoryCall, MemoryProvider, MemoryUser};
use testkit::fake::random::FixedRandom;
use testkit::fake::service_accounts::MemoryServiceAccounts;
use testkit::fake::tokens::MemoryTokens;

fn bytes(random: &FixedRandom) -> [u8; 20] {
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    bytes
}

#[test]
fn fixed_clock_stands_still_until_it_is_set() {
    let clock = FixedClock::default();
    let before = clock.now();
    assert_eq!(clock.now(), before);
    clock.advance(Duration::from_millis(1_500));
    assert_eq!(clock.now().unix_millis() - before.unix_millis(), 1_500);
    clock.set(before);
    assert_eq!(clock.now(), before);
}

#[test]
fn fixed_random_repeats_with_the_same_seed_only() {
    let one = FixedRandom::seeded(1);
    let same = FixedRandom::seeded(1);
    let other = FixedRandom::seeded(2);
    let first = bytes(&one);
    assert_eq!(bytes(&same), first);
    assert_ne!(bytes(&other), first);
    assert_ne!(bytes(&one), first);
}

#[tokio::test]
async fn fake_login_code_is_redeemed_once() {
    let provider = MemoryProvider::default();
    let user = MemoryUser::person("o1").with_union_id("u1");
    let code = provider.login_code(&user);
    let verified = provider.redeem_login_code(&code).await.unwrap();
    assert_eq!((&verified.subject, &verified.aliases), (&user.login, &user.aliases));
    let again = provider.redeem_login_code(&code).await.unwrap_err();
    assert_eq!(again.failure, ProviderFailure::CodeUsed);
    let unknown =
        provider.redeem_login_code(&LoginCode::parse("unknown").unwrap()).await.unwrap_err();
    assert_eq!(unknown.failure, ProviderFailure::CodeInvalid);
}

#[tokio::test]
async fn fake_phone_code_belongs_to_one_user() {
    let provider = MemoryProvider::default();
    let ann = MemoryUser::person("o1");
    let bob = MemoryUser::person("o2");
    let phone = PhoneNumber::new(86, "13800138000").unwrap();
    let anns = provider.phone_code(&ann, &phone);
    let bobs = provider.phone_code(&bob, &phone);
    assert_eq!(provider.redeem_phone_code(&ann.login, &anns).await.unwrap(), phone);
    let stolen = provider.redeem_phone_code(&ann.login, &bobs).await.unwrap_err();
    assert_eq!(stolen.failure, ProviderFailure::CodeInvalid);
}

#[tokio::test]
async fn injected_failures_leave_the_code_valid() {
    let provider = MemoryProvider::default();
    let code = provider.login_code(&MemoryUser::person("o1"));
    provider.fail_next(ProviderFailure::Misconfigured);
    provider.fail_next(ProviderFailure::UserBlocked);
    assert_eq!(
        provider.redeem_login_code(&code).await.unwrap_err().failure,
        ProviderFailure::Misconfigured
    );
    assert_eq!(
        provider.redeem_login_code(&code).await.unwrap_err().failure,
        ProviderFailure::UserBlocked
    );
    provider.redeem_login_code(&code).await.unwrap();
    assert_eq!(provider.calls(), [MemoryCall::Login; 3]);
}

#[test]
fn fake_token_is_valid_until_it_expires() {
    let clock = Arc::new(FixedClock::default());
    let tokens = MemoryTokens::new(clock.clone());
    let random = FixedRandom::default();
    let id = MemberId::generate(clock.now(), &random);
    let claims = AccessClaims {
        member: id,
        session: SessionId(id.0),
        app: AppName::parse("main").unwrap(),
        name: Nickname::parse("Ann").unwrap(),
        issued_at: clock.now(),
        expires_at: clock.now().plus(Duration::from_mins(1)),
        id: id.0,
    };
    let token = tokens.access_token(&claims).unwrap();
    assert_eq!(tokens.verify(token.expose()).unwrap().member, id);
    assert_eq!(tokens.claims(token.expose()), Some(claims));
    assert_eq!(tokens.verify("forged"), Err(TokenRejected::Invalid));
    clock.advance(Duration::from_mins(1));
    assert_eq!(tokens.verify(token.expose()), Err(TokenRejected::Expired));
}

#[test]
fn fake_service_account_is_found_by_its_key() {
    let services = MemoryServiceAccounts::default().with("orders", "key-1").with("shop", "key-2");
    assert_eq!(services.authenticate("key-2").map(|service| service.name), Some("shop".into()));
    assert_eq!(services.authenticate("key-3"), None);
}
