//! Mocks of ports with constant results.

use domain::model::provider::call_stats::CallStats;
use domain::model::signing_key::VerificationKey;
use domain::ports::provider_stats::MockProviderStats;
use domain::ports::pushes::{MockPushReader, Push, PushRejected, PushSignature};
use domain::ports::signing_keys::MockVerificationKeys;

/// Returns a port that reports these call statistics.
pub(crate) fn provider_stats(calls: CallStats) -> MockProviderStats {
    let mut stats = MockProviderStats::new();
    stats.expect_call_stats().return_const(calls);
    stats
}

/// Returns a reader that accepts the signature `right`. The body is the id of a message without content.
pub(super) fn push_reader() -> MockPushReader {
    let verify = |signature: &PushSignature| match signature.signature.as_str() {
        "right" => Ok(()),
        _ => Err(PushRejected::Forged),
    };
    let mut reader = MockPushReader::new();
    reader.expect_verify().returning(verify);
    reader.expect_read().returning(move |signature, body| {
        verify(signature)?;
        let id = String::from_utf8(body.to_vec());
        let id = id.map_err(|_invalid| PushRejected::Malformed("it is not UTF-8"))?;
        Ok(Push { dedup_key: vec![id], withdrawal: None })
    });
    reader
}

/// Returns a port with two verification keys.
pub(super) fn verification_keys() -> MockVerificationKeys {
    let mut keys = MockVerificationKeys::new();
    keys.expect_verification_keys().returning(|| {
        let key =
            |id: &str, x: &str| VerificationKey { id: id.into(), x: x.into(), y: "eQ".into() };
        vec![key("k2", "eDI"), key("k1", "eDE")]
    });
    keys
}
