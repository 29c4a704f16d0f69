//! Every forgery we know of. Each differs from a good token in one thing only and is, unless it is
//! about the signature itself, signed with the true key: the rule it breaks must refuse it alone.

mod claims;
mod headers;
mod shape;
mod signing;

use std::collections::HashSet;

use domain::ports::tokens::{TokenRejected, TokenVerifier};
use serde_json::Value;

use super::{Json, caller, claims, header, published_key, tokens, with};

/// What is wrong with a token, and the token.
type Forgery = (String, String);

#[test]
fn no_forgery_is_accepted() {
    let (tokens, _) = tokens();
    let good = published_key().mint(header(), claims());
    assert_eq!(
        tokens.verify(&good).map(|claims| claims.caller()),
        Ok(caller()),
        "what all forgeries are made from"
    );

    let groups: [fn() -> Vec<Forgery>; 9] = [
        signing::other_algorithms,
        signing::broken_signatures,
        signing::other_keys,
        headers::headers_that_say_more,
        headers::other_types,
        shape::broken_encodings,
        shape::other_serialisations,
        claims::other_times,
        claims::other_claims,
    ];
    let forgeries: Vec<Forgery> = groups.iter().flat_map(|group| group()).collect();
    let names: HashSet<&str> = forgeries.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(names.len(), forgeries.len(), "every forgery has a name of its own");
    assert!(forgeries.len() >= 60, "{}", forgeries.len());

    let accepted: Vec<_> = forgeries
        .iter()
        .filter(|(_, token)| tokens.verify(token) != Err(TokenRejected::Invalid))
        .map(|(what, token)| format!("{what}: {:?} for {token}", tokens.verify(token)))
        .collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
}

#[test]
fn a_token_with_any_other_letter_in_it_is_refused() {
    let (tokens, _) = tokens();
    let token = published_key().mint(header(), claims());
    for (place, letter) in token.char_indices() {
        let other = if letter == 'A' { "B" } else { "A" };
        let mut changed = token.clone();
        changed.replace_range(place..=place, other);
        assert_eq!(tokens.verify(&changed), Err(TokenRejected::Invalid), "{letter} at {place}");
    }
}

/// Signed with the true key.
fn signed(what: &str, header: impl Into<Json>, claims: impl Into<Json>) -> Forgery {
    (what.into(), published_key().mint(header, claims))
}

fn with_header(what: &str, member: &str, value: impl Into<Value>) -> Forgery {
    signed(&format!("{member} is {what}"), with(header(), member, value), claims())
}

fn with_claim(what: &str, member: &str, value: impl Into<Value>) -> Forgery {
    signed(&format!("{member} is {what}"), header(), with(claims(), member, value))
}
