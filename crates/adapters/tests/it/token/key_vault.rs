//! Signing keys at rest: what is made opens again, in its own row and under its own key only.

use std::sync::Arc;

use adapters::crypto::master_key::MasterKey;
use adapters::crypto::sealer::{OpenError, Sealer, SealingKey};
use adapters::token::key_vault::{KeyVault, VaultError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::model::signing_key::{SigningKey, SigningKeys};
use domain::ports::signing_keys::{KeyGenerator, VerificationKeys};
use domain::ports::tokens::{TokenIssuer, TokenRejected, TokenVerifier};

use super::{NOW, access_claims, at, tokens, tokens_under};

fn sealing_key(seed: u8) -> SealingKey {
    let bytes: Vec<u8> = (seed..seed + 32).collect();
    SealingKey::new(&MasterKey::from_base64(&STANDARD.encode(bytes)).unwrap())
}

fn vault(seed: u8) -> KeyVault {
    KeyVault::new(Arc::new(Sealer::new(sealing_key(seed))))
}

/// A key that the vault made, as the store keeps it.
fn made(vault: &KeyVault, number: u32, signs_from: Option<i64>) -> SigningKey {
    let made = vault.generate().unwrap();
    let signs_from = signs_from.map(at);
    SigningKey {
        number,
        id: made.id,
        sealed: made.sealed,
        created_at: at(0),
        active_from: signs_from,
    }
}

#[test]
fn the_current_key_signs_and_all_are_accepted_and_published() {
    let vault = vault(1);
    let all = SigningKeys(vec![
        made(&vault, 1, Some(0)),
        made(&vault, 2, Some(NOW - 60)),
        made(&vault, 3, None),
    ]);
    let (_, clock) = tokens();
    let ours = tokens_under(vault.ring(&all, at(NOW)).unwrap(), clock.clone());
    let token = ours.access_token(&access_claims()).unwrap();
    for signing in &all.0 {
        let alone = SigningKeys(vec![SigningKey { active_from: Some(at(0)), ..signing.clone() }]);
        let alone = tokens_under(vault.ring(&alone, at(NOW)).unwrap(), clock.clone());
        let theirs = alone.access_token(&access_claims()).unwrap();
        assert!(ours.verify(theirs.expose()).is_ok(), "key {}", signing.number);
        assert_eq!(alone.verify(token.expose()).is_ok(), signing.number == 2);
    }
    let mut published: Vec<_> = ours.verification_keys().into_iter().map(|key| key.id).collect();
    let mut expected: Vec<_> = all.0.iter().map(|key| key.id.clone()).collect();
    published.sort();
    expected.sort();
    assert_eq!(published, expected);
}

#[test]
fn without_a_key_that_opens_and_signs_there_is_no_ring() {
    let vault_1 = vault(1);
    let good = made(&vault_1, 1, Some(0));
    let ring = |key: &SigningKey| vault_1.ring(&SigningKeys(vec![key.clone()]), at(NOW)).err();
    assert!(ring(&good).is_none());
    assert!(matches!(
        ring(&SigningKey { active_from: None, ..good.clone() }),
        Some(VaultError::NoneSigns)
    ));
    let strange = made(&vault(2), 1, Some(0));
    assert!(matches!(
        ring(&strange),
        Some(VaultError::Sealed { source: OpenError::UnknownKey, .. })
    ));
    let moved = SigningKey { id: strange.id, ..good };
    assert!(matches!(ring(&moved), Some(VaultError::Sealed { source: OpenError::Damaged, .. })));
}

#[test]
fn a_key_that_does_not_open_is_left_out_and_not_believed() {
    let vault_1 = vault(1);
    let (good, strange) = (made(&vault_1, 2, Some(1)), made(&vault(2), 1, Some(0)));
    let (_, clock) = tokens();
    let theirs = vault(2).ring(&SigningKeys(vec![strange.clone()]), at(NOW)).unwrap();
    let theirs = tokens_under(theirs, clock.clone()).access_token(&access_claims()).unwrap();
    let ours = vault_1.ring(&SigningKeys(vec![strange, good.clone()]), at(NOW)).unwrap();
    let ours = tokens_under(ours, clock);
    assert_eq!(ours.verify(theirs.expose()), Err(TokenRejected::Invalid));
    assert_eq!(ours.verification_keys().len(), 1);
    assert_eq!(ours.verification_keys()[0].id, good.id);
}

#[test]
fn keys_sealed_with_a_former_sealing_key_still_sign() {
    let old = SigningKeys(vec![made(&vault(1), 1, Some(0))]);
    let both = Sealer::new(sealing_key(2)).also_opening(sealing_key(1));
    assert!(KeyVault::new(Arc::new(both)).ring(&old, at(NOW)).is_ok());
}

#[test]
fn no_two_keys_are_alike() {
    let vault = vault(1);
    let (one, other) = (vault.generate().unwrap(), vault.generate().unwrap());
    assert_ne!(one.id, other.id);
    assert_eq!(one.id.len(), 43, "a SHA-256 in Base64");
}
