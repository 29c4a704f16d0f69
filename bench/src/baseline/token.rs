//! One signature for a token that is given out, one verification for a token that is shown.

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

/// A key of this run.
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
        let public = public.ok().context("the public key that was just made is none")?;
        let header = r#"{"typ":"at+jwt","alg":"ES256","kid":"floor"}"#;
        let header = URL_SAFE_NO_PAD.encode(header);
        Ok(Self { pair, public, random: SystemRandom::new(), header })
    }

    /// A token of the server's form, with the claims that the server's have.
    pub(super) fn sign(&self, member: Uuid) -> Result<String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let (until, id) = (now + 7200, Uuid::new_v4());
        let claims = format!(
            r#"{{"iss":"menshen","aud":"menshen","sub":"{member}","sid":"{member}","app":"main","name":"bench","iat":{now},"exp":{until},"jti":"{id}"}}"#
        );
        let message = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&self.random, message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whether the floor signed it. Nothing is remembered of tokens that were shown before.
    pub(super) fn is_signed(&self, token: &str) -> bool {
        let genuine = || {
            let (message, signature) = token.rsplit_once('.')?;
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            self.public.verify_sig(message.as_bytes(), &signature).ok()
        };
        genuine().is_some()
    }
}
