//! Validity period of access tokens, by the clock of the verifier.

use std::sync::atomic::Ordering;

use domain::ports::tokens::TokenRejected::{Expired, Invalid};
use domain::ports::tokens::{TokenIssuer, TokenVerifier};

use super::{NOW, access_claims, caller, claims, header, published_key, tokens, with};

const EXPIRES_AT: i64 = NOW + 3540;
const ISSUED_AT: i64 = NOW - 60;

#[test]
fn access_token_expires_at_the_second_of_exp() {
    let (tokens, clock) = tokens();
    let token = tokens.access_token(&access_claims()).unwrap();
    for offset in -600..=600 {
        clock.0.store(EXPIRES_AT + offset, Ordering::Relaxed);
        let expected = if offset < 0 { Ok(caller()) } else { Err(Expired) };
        assert_eq!(
            tokens.verify(token.expose()).map(|claims| claims.caller()),
            expected,
            "{offset} s after the expiry"
        );
    }
}

#[test]
fn issuer_clock_may_be_five_seconds_ahead() {
    let (tokens, clock) = tokens();
    let token = tokens.access_token(&access_claims()).unwrap();
    for offset in -600..=600 {
        clock.0.store(ISSUED_AT + offset, Ordering::Relaxed);
        let expected = if offset >= -5 { Ok(caller()) } else { Err(Invalid) };
        assert_eq!(
            tokens.verify(token.expose()).map(|claims| claims.caller()),
            expected,
            "{offset} s after the time of issue"
        );
    }
}

#[test]
fn iat_and_nbf_are_both_checked() {
    let (tokens, _) = tokens();
    for claim in ["iat", "nbf"] {
        for (ahead, expected) in
            [(5, Ok(caller())), (6, Err(Invalid)), (i64::MAX - NOW, Err(Invalid))]
        {
            let token = published_key().sign_token(header(), with(claims(), claim, NOW + ahead));
            assert_eq!(
                tokens.verify(&token).map(|claims| claims.caller()),
                expected,
                "{claim} {ahead} s ahead"
            );
        }
    }
}

#[test]
fn expired_is_reported_only_for_otherwise_valid_tokens() {
    let (tokens, _) = tokens();
    let forger = published_key();
    let old = |claim, value: &str| with(with(claims(), "exp", NOW - 1), claim, value);
    for exp in [NOW, NOW - 1, 0, -1, i64::MIN] {
        let token = forger.sign_token(header(), with(claims(), "exp", exp));
        assert_eq!(tokens.verify(&token), Err(Expired), "{exp}");
    }
    for (claim, value) in [
        ("iss", "https://evil.example.com"),
        ("aud", "another"),
        ("sub", "unknown"),
        ("sid", "none"),
        ("app", "NO APP"),
    ] {
        let token = forger.sign_token(header(), old(claim, value));
        assert_eq!(tokens.verify(&token), Err(Invalid), "expired and with another {claim}");
    }
    let later = with(with(claims(), "exp", NOW - 1), "nbf", NOW + 60);
    assert_eq!(tokens.verify(&forger.sign_token(header(), later)), Err(Invalid));
    let unsigned = forger
        .sign_token(header(), with(claims(), "exp", NOW - 1))
        .replace(char::is_uppercase, "A");
    assert_eq!(tokens.verify(&unsigned), Err(Invalid));
}

#[test]
fn extreme_clock_values_do_not_panic() {
    let (tokens, clock) = tokens();
    let token = tokens.access_token(&access_claims()).unwrap();
    for extreme in [i64::MIN / 1000, -1, 0, 2_147_483_648, 253_402_300_800, i64::MAX / 1000] {
        clock.0.store(extreme, Ordering::Relaxed);
        assert!(tokens.verify(token.expose()).is_err(), "{extreme}");
    }
}
