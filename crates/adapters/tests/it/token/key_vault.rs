//! Signing keys at rest: a key opens in its own row and with its own sealing key only.

use std::sync::Arc;

use adapters::crypto::master_key::MasterKey;
use adapters::crypto::sealer::{OpenError, Sealer, SealingKey};
use adapters::token::key_vault::{KeyVault, VaultError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::model::signing_key::{SigningKey, SigningKeys};
use domain::ports::signing_keys::{KeyGenerator, VerificationKeys};
use domain::ports::tokens::{TokenIssuer, TokenRejected, TokenVerifier};

use super::{NOW, access_claims, at, tokens, tokens_with_keys};

fn sealing_key(seed: u8) -> SealingKey {
    let bytes: Vec<u8> = (seed..seed + 32).collect();
    SealingKey::new(&MasterKey::from_base64(&STANDARD.encode(bytes)).unwrap())
}

fn vault(seed: u8) -> KeyVault {
    KeyVault::new(Arc::new(Sealer::new(sealing_key(seed))))
}

/// Stored form of a key that the vault generates.
fn generate(vault: &KeyVault, number: u32, active_from: Option<i64>) -> SigningKey {
    let generated = vault.generate().unwrap();
    SigningKey {
        number,
        id: generated.id,
        sealed: generated.sealed,
        created_at: at(0),
        active_from: active_from.map(at),
    }
}

#[test]
fn current_key_signs_and_all_keys_are_accepted_and_published() {
    let vault = vault(1);
    let all = SigningKeys(vec![
        generate(&vault, 1, Some(0)),
        generate(&vault, 2, Some(NOW - 60)),
        generate(&vault, 3, None),
    ]);
    let (_, clock) = tokens();
    let tokens = tokens_with_keys(vault.ring(&all, at(NOW)).unwrap(), clock.clone());
    let token = tokens.access_token(&access_claims()).unwrap();
    for signing in &all.0 {
        let single = SigningKeys(vec![SigningKey { active_from: Some(at(0)), ..signing.clone() }]);
        let single = tokens_with_keys(vault.ring(&single, at(NOW)).unwrap(), clock.clone());
        let other_token = single.access_token(&access_claims()).unwrap();
        assert!(tokens.verify(other_token.expose()).is_ok(), "key {}", signing.number);
        assert_eq!(single.verify(token.expose()).is_ok(), signing.number == 2);
    }
    let mut published: Vec<_> = tokens.verification_keys().into_iter().map(|key| key.id).collect();
    let mut expected: Vec<_> = all.0.iter().map(|key| key.id.clone()).collect();
    published.sort();
    expected.sort();
    assert_eq!(published, expected);
}

#[test]
fn key_ring_requires_an_openable_current_key() {
    let vault_1 = vault(1);
    let own_key = generate(&vault_1, 1, Some(0));
    let ring = |key: &SigningKey| vault_1.ring(&SigningKeys(vec![key.clone()]), at(NOW)).err();
    assert!(ring(&own_key).is_none());
    assert!(matches!(
        ring(&SigningKey { active_from: None, ..own_key.clone() }),
        Some(VaultError::NoCurrentKey)
    ));
    let foreign_key = generate(&vault(2), 1, Some(0));
    assert!(matches!(
        ring(&foreign_key),
        Some(VaultError::Open { source: OpenError::UnknownKey, .. })
    ));
    let moved = SigningKey { id: foreign_key.id, ..own_key };
    assert!(matches!(ring(&moved), Some(VaultError::Open { source: OpenError::Damaged, .. })));
}

#[test]
fn unopenable_key_is_left_out_and_its_tokens_are_rejected() {
    let vault_1 = vault(1);
    let own_key = generate(&vault_1, 2, Some(1));
    let foreign_key = generate(&vault(2), 1, Some(0));
    let (_, clock) = tokens();
    let foreign_ring = vault(2).ring(&SigningKeys(vec![foreign_key.clone()]), at(NOW)).unwrap();
    let foreign_tokens = tokens_with_keys(foreign_ring, clock.clone());
    let foreign_token = foreign_tokens.access_token(&access_claims()).unwrap();
    let ring = vault_1.ring(&SigningKeys(vec![foreign_key, own_key.clone()]), at(NOW)).unwrap();
    let tokens = tokens_with_keys(ring, clock);
    assert_eq!(tokens.verify(foreign_token.expose()), Err(TokenRejected::Invalid));
    assert_eq!(tokens.verification_keys().len(), 1);
    assert_eq!(tokens.verification_keys()[0].id, own_key.id);
}

#[test]
fn key_sealed_with_a_former_sealing_key_still_signs() {
    let old = SigningKeys(vec![generate(&vault(1), 1, Some(0))]);
    let both = Sealer::new(sealing_key(2)).with_former_key(sealing_key(1));
    assert!(KeyVault::new(Arc::new(both)).ring(&old, at(NOW)).is_ok());
}

#[test]
fn generated_keys_have_different_ids() {
    let vault = vault(1);
    let one = vault.generate().unwrap();
    let other = vault.generate().unwrap();
    assert_ne!(one.id, other.id);
    assert_eq!(one.id.len(), 43, "a SHA-256 in Base64");
}
