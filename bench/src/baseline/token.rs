//! Access tokens of the baseline: one signature to issue, one verification to check.

use std::time::SystemTime;

use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    ParsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// A key pair that is generated at the start.
pub(super) struct Signer {
    pair: EcdsaKeyPair,
    public: ParsedPublicKey,
    random: SystemRandom,
    header: String,
}

impl Signer {
    pub(super) fn new() -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        let public = public.ok().context("the generated public key cannot be parsed")?;
        let header = r#"{"typ":"at+jwt","alg":"ES256","kid":"baseline"}"#;
        let header = URL_SAFE_NO_PAD.encode(header);
        Ok(Self { pair, public, random: SystemRandom::new(), header })
    }

    /// Issues a token with the same claims as the server's.
    pub(super) fn sign(&self, member: Uuid) -> Result<String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let expires_at = now + 7200;
        let id = Uuid::new_v4();
        let claims = format!(
            r#"{{"iss":"menshen","aud":"menshen","sub":"{member}","sid":"{member}","app":"main","name":"bench","iat":{now},"exp":{expires_at},"jti":"{id}"}}"#
        );
        let message = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&self.random, message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Returns true if the signature is valid. Results are not cached.
    pub(super) fn is_signed(&self, token: &str) -> bool {
        let verify = || {
            let (message, signature) = token.rsplit_once('.')?;
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            self.public.verify_sig(message.as_bytes(), &signature).ok()
        };
        verify().is_some()
    }
}
