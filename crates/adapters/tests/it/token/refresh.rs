//! Refresh tokens: deterministic for a session and generation, and unforgeable.

use std::collections::HashSet;

use adapters::crypto::master_key::MasterKey;
use adapters::token::key_ring::KeyRing;
use adapters::token::keys::RefreshKeys;
use adapters::token::{Es256Tokens, TokenSettings};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::model::session::claims::RefreshClaims;
use domain::model::session::{Session, SessionId};
use domain::ports::tokens::{TokenIssuer, TokenRejected, TokenVerifier};
use uuid::Uuid;

use super::{NOW, SESSION, access_claims, at, published_key, tokens};

fn session(id: Uuid, generation: u32) -> Session {
    let claims = access_claims();
    Session {
        id: SessionId(id),
        member: claims.member,
        app: claims.app,
        generation,
        created_at: at(NOW),
        refreshed_at: at(NOW),
        expires_at: at(NOW + 60),
    }
}

/// Tokens of an installation with another refresh key.
fn other_installation() -> Es256Tokens {
    let key = MasterKey::from_base64(&STANDARD.encode((1..33).collect::<Vec<u8>>())).unwrap();
    let key = RefreshKeys::new(&key);
    let settings = TokenSettings { issuer: "i".into(), audience: "a".into() };
    Es256Tokens::new(settings, KeyRing::new(published_key().signing_pair()), key, super::tokens().1)
}

#[test]
fn refresh_token_contains_session_generation_and_mac() {
    let token = tokens().0.refresh_token(&session(SESSION.parse().unwrap(), 7));
    // Computed with Python's hmac, with the bytes 0 to 31 as key.
    assert_eq!(
        token.expose(),
        "AY8sXgAAcACAAAAAAAAACwAAAAcbSjEUN6wfTrynEjbhdgOdt4fTHOtimg6dHuQKkgTJGg"
    );
    assert_eq!(URL_SAFE_NO_PAD.decode(token.expose()).unwrap().len(), 16 + 4 + 32);
}

#[test]
fn refresh_token_depends_on_key_session_and_generation_only() {
    let (tokens, _) = tokens();
    let other_key = other_installation();

    let id = SESSION.parse().unwrap();
    let other = Uuid::nil();
    let sessions = [session(id, 0), session(id, 1), session(id, u32::MAX), session(other, 0)];
    let distinct: HashSet<String> = sessions
        .iter()
        .flat_map(|session| [tokens.refresh_token(session), other_key.refresh_token(session)])
        .map(|token| token.expose().to_owned())
        .collect();
    assert_eq!(distinct.len(), 2 * sessions.len());

    let later = Session { expires_at: at(NOW + 99), ..session(id, 0) };
    assert_eq!(
        tokens.refresh_token(&later).expose(),
        tokens.refresh_token(&session(id, 0)).expose()
    );
}

#[test]
fn refresh_token_is_rejected_as_access_token() {
    let (tokens, _) = tokens();
    let token = tokens.refresh_token(&session(SESSION.parse().unwrap(), 0));
    assert_eq!(tokens.verify(token.expose()), Err(TokenRejected::Invalid));
}

#[test]
fn refresh_token_claims_round_trip() {
    let (tokens, _) = tokens();
    for generation in [0, 7, u32::MAX] {
        let session = session(SESSION.parse().unwrap(), generation);
        let token = tokens.refresh_token(&session);
        let claims = RefreshClaims { session: session.id, generation };
        assert_eq!(tokens.open_refresh_token(token.expose()), Some(claims));
    }
}

#[test]
fn modified_refresh_token_is_rejected() {
    let (tokens, _) = tokens();
    let token = tokens.refresh_token(&session(SESSION.parse().unwrap(), 7));
    let bytes = URL_SAFE_NO_PAD.decode(token.expose()).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(tokens.open_refresh_token(&URL_SAFE_NO_PAD.encode(changed)), None, "{bit}");
    }
    for length in 0..bytes.len() {
        assert_eq!(tokens.open_refresh_token(&URL_SAFE_NO_PAD.encode(&bytes[..length])), None);
    }
    let access = tokens.access_token(&access_claims()).unwrap();
    let padded = format!("{}=", token.expose());
    let long = "A".repeat(10_000);
    for text in ["", "a b", "\0", padded.as_str(), long.as_str(), access.expose()] {
        assert_eq!(tokens.open_refresh_token(text), None, "{text}");
    }
}

/// Tokens of these keys, without access to signing keys.
fn tokens_with(refresh_keys: RefreshKeys) -> Es256Tokens {
    let settings = TokenSettings { issuer: "i".into(), audience: "a".into() };
    let keys = KeyRing::new(published_key().signing_pair());
    Es256Tokens::new(settings, keys, refresh_keys, super::tokens().1)
}

fn master(seed: u8) -> MasterKey {
    MasterKey::from_base64(&STANDARD.encode((seed..seed + 32).collect::<Vec<u8>>())).unwrap()
}

#[test]
fn former_refresh_key_is_accepted_and_issues_no_token() {
    let session = session(SESSION.parse().unwrap(), 7);
    let former = tokens_with(RefreshKeys::new(&master(1)));
    let current = tokens_with(RefreshKeys::new(&master(2)));
    let both = tokens_with(RefreshKeys::new(&master(2)).with_former_key(&master(1)));
    let token = former.refresh_token(&session);
    let claims = RefreshClaims { session: session.id, generation: 7 };
    assert_eq!(both.open_refresh_token(token.expose()), Some(claims));
    assert_eq!(current.open_refresh_token(token.expose()), None);
    let issued = both.refresh_token(&session);
    assert_eq!(issued.expose(), current.refresh_token(&session).expose());
    assert_eq!(both.open_refresh_token(issued.expose()), Some(claims));
}

#[test]
fn refresh_token_is_accepted_in_its_epoch_only() {
    let session = session(SESSION.parse().unwrap(), 7);
    let in_epoch = |epoch| {
        tokens_with(RefreshKeys::new(&master(2)).with_former_key(&master(1)).in_epoch(epoch))
    };
    let epochs = [0, 1, 11, u32::MAX];
    for issued in epochs {
        let token = in_epoch(issued).refresh_token(&session);
        for accepted in epochs {
            let claims = in_epoch(accepted).open_refresh_token(token.expose());
            assert_eq!(claims.is_some(), issued == accepted, "{issued} in {accepted}");
        }
    }
}

#[test]
fn refresh_token_of_another_installation_is_rejected() {
    let tokens = tokens().0;
    let other = other_installation();
    let token = other.refresh_token(&session(SESSION.parse().unwrap(), 7));
    assert_eq!(tokens.open_refresh_token(token.expose()), None);
}
