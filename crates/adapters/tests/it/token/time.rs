//! A token's time is judged by the clock that the verifier is given, second by second.

use std::sync::atomic::Ordering;

use domain::ports::tokens::TokenRejected::{Expired, Invalid};
use domain::ports::tokens::{TokenIssuer, TokenVerifier};

use super::{NOW, access_claims, caller, claims, header, published_key, tokens, with};

const END: i64 = NOW + 3540;
const BEGIN: i64 = NOW - 60;

#[test]
fn a_token_ends_at_the_very_second_it_says() {
    let (tokens, clock) = tokens();
    let token = tokens.access_token(&access_claims()).unwrap();
    for offset in -600..=600 {
        clock.0.store(END + offset, Ordering::Relaxed);
        let expected = if offset < 0 { Ok(caller()) } else { Err(Expired) };
        assert_eq!(
            tokens.verify(token.expose()).map(|claims| claims.caller()),
            expected,
            "{offset} s after the end"
        );
    }
}

#[test]
fn a_token_of_an_instance_whose_clock_is_at_most_five_seconds_ahead_is_accepted() {
    let (tokens, clock) = tokens();
    let token = tokens.access_token(&access_claims()).unwrap();
    for offset in -600..=600 {
        clock.0.store(BEGIN + offset, Ordering::Relaxed);
        let expected = if offset >= -5 { Ok(caller()) } else { Err(Invalid) };
        assert_eq!(
            tokens.verify(token.expose()).map(|claims| claims.caller()),
            expected,
            "{offset} s after the beginning"
        );
    }
}

#[test]
fn each_of_the_two_beginnings_counts() {
    let (tokens, _) = tokens();
    for claim in ["iat", "nbf"] {
        for (ahead, expected) in
            [(5, Ok(caller())), (6, Err(Invalid)), (i64::MAX - NOW, Err(Invalid))]
        {
            let token = published_key().mint(header(), with(claims(), claim, NOW + ahead));
            assert_eq!(
                tokens.verify(&token).map(|claims| claims.caller()),
                expected,
                "{claim} {ahead} s ahead"
            );
        }
    }
}

#[test]
fn only_a_token_right_in_all_else_is_called_expired() {
    let (tokens, _) = tokens();
    let forger = published_key();
    let old = |claim, value: &str| with(with(claims(), "exp", NOW - 1), claim, value);
    for exp in [NOW, NOW - 1, 0, -1, i64::MIN] {
        let token = forger.mint(header(), with(claims(), "exp", exp));
        assert_eq!(tokens.verify(&token), Err(Expired), "{exp}");
    }
    for (claim, value) in [
        ("iss", "https://evil.example.com"),
        ("aud", "another"),
        ("sub", "nobody"),
        ("sid", "none"),
        ("app", "NO APP"),
    ] {
        let token = forger.mint(header(), old(claim, value));
        assert_eq!(tokens.verify(&token), Err(Invalid), "old and with another {claim}");
    }
    let later = with(with(claims(), "exp", NOW - 1), "nbf", NOW + 60);
    assert_eq!(tokens.verify(&forger.mint(header(), later)), Err(Invalid));
    let unsigned =
        forger.mint(header(), with(claims(), "exp", NOW - 1)).replace(char::is_uppercase, "A");
    assert_eq!(tokens.verify(&unsigned), Err(Invalid));
}

#[test]
fn no_time_makes_the_verifier_panic() {
    let (tokens, clock) = tokens();
    let token = tokens.access_token(&access_claims()).unwrap();
    for extreme in [i64::MIN / 1000, -1, 0, 2_147_483_648, 253_402_300_800, i64::MAX / 1000] {
        clock.0.store(extreme, Ordering::Relaxed);
        assert!(tokens.verify(token.expose()).is_err(), "{extreme}");
    }
}
