//! Ports that say the same whatever happens in the house.

use domain::model::provider::call_stats::CallStats;
use domain::model::signing_key::VerificationKey;
use domain::ports::provider_stats::MockProviderStats;
use domain::ports::pushes::{MockPushReader, Push, PushRejected, PushSignature};
use domain::ports::signing_keys::MockVerificationKeys;

/// A provider that these calls were made to.
pub(crate) fn watching(calls: CallStats) -> MockProviderStats {
    let mut watch = MockProviderStats::new();
    watch.expect_call_stats().return_const(calls);
    watch
}

/// Believes what is signed `right`, and takes the body for the id of a message that says nothing.
pub(super) fn believing() -> MockPushReader {
    let believes = |signature: &PushSignature| match signature.signature.as_str() {
        "right" => Ok(()),
        _ => Err(PushRejected::Forged),
    };
    let mut reader = MockPushReader::new();
    reader.expect_verify().returning(believes);
    reader.expect_read().returning(move |signature, body| {
        believes(signature)?;
        let id = String::from_utf8(body.to_vec());
        let id = id.map_err(|_invalid| PushRejected::Malformed("it is not UTF-8"))?;
        Ok(Push { identity: vec![id], withdrawn: None })
    });
    reader
}

/// Two keys that tokens are verified with.
pub(super) fn two_keys() -> MockVerificationKeys {
    let mut keys = MockVerificationKeys::new();
    keys.expect_verification_keys().returning(|| {
        let key =
            |id: &str, x: &str| VerificationKey { id: id.into(), x: x.into(), y: "eQ".into() };
        vec![key("k2", "eDI"), key("k1", "eDE")]
    });
    keys
}
