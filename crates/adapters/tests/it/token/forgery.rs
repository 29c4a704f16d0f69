//! Known forgeries of access tokens. Each differs from a valid token in one respect and, unless it concerns the
//! signature itself, is signed with the right key. The one rule that it violates must therefore reject it.

mod claims;
mod headers;
mod shape;
mod signing;

use std::collections::HashSet;

use domain::ports::tokens::{TokenRejected, TokenVerifier};
use serde_json::Value;

use super::{Json, caller, claims, header, published_key, tokens, with};

/// Description of a forgery, and the token.
type Forgery = (String, String);

#[test]
fn forged_tokens_are_rejected() {
    let (tokens, _) = tokens();
    let valid = published_key().sign_token(header(), claims());
    assert_eq!(
        tokens.verify(&valid).map(|claims| claims.caller()),
        Ok(caller()),
        "the token that all forgeries are derived from"
    );

    let groups: [fn() -> Vec<Forgery>; 9] = [
        signing::other_algorithms,
        signing::broken_signatures,
        signing::other_keys,
        headers::additional_header_parameters,
        headers::other_types,
        shape::broken_encodings,
        shape::other_serialisations,
        claims::other_times,
        claims::other_claims,
    ];
    let forgeries: Vec<Forgery> = groups.iter().flat_map(|group| group()).collect();
    let names: HashSet<&str> =
        forgeries.iter().map(|(description, _)| description.as_str()).collect();
    assert_eq!(names.len(), forgeries.len(), "every forgery has a unique description");
    assert!(forgeries.len() >= 60, "{}", forgeries.len());

    let accepted: Vec<_> = forgeries
        .iter()
        .filter(|(_, token)| tokens.verify(token) != Err(TokenRejected::Invalid))
        .map(|(description, token)| {
            format!("{description}: {:?} for {token}", tokens.verify(token))
        })
        .collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
}

#[test]
fn token_with_any_changed_character_is_rejected() {
    let (tokens, _) = tokens();
    let token = published_key().sign_token(header(), claims());
    for (place, character) in token.char_indices() {
        let other = if character == 'A' { "B" } else { "A" };
        let mut changed = token.clone();
        changed.replace_range(place..=place, other);
        assert_eq!(tokens.verify(&changed), Err(TokenRejected::Invalid), "{character} at {place}");
    }
}

/// Forgery signed with the right key.
fn signed(description: &str, header: impl Into<Json>, claims: impl Into<Json>) -> Forgery {
    (description.into(), published_key().sign_token(header, claims))
}

fn with_header(what: &str, member: &str, value: impl Into<Value>) -> Forgery {
    signed(&format!("{member} is {what}"), with(header(), member, value), claims())
}

fn with_claim(what: &str, member: &str, value: impl Into<Value>) -> Forgery {
    signed(&format!("{member} is {what}"), header(), with(claims(), member, value))
}
