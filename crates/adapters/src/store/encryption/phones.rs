//! Encryption at rest of phone numbers, with blind indexes to find them.

use std::sync::Arc;

use domain::model::member::phone::PhoneNumber;
use domain::ports::store::error::StoreError;
use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use crate::crypto::sealer::{OpenError, SealContext};
use crate::store::encryption::data_keys::{DataKeyring, DataKeys};
use crate::store::entity::{data_key, member};
use crate::store::error::Row;

/// Column values of an encrypted phone number.
pub(crate) struct SealedPhone {
    /// Phone number, sealed for this member only.
    pub(crate) sealed: Vec<u8>,
    /// Blind index of the number: equal for equal numbers.
    pub(crate) index: Vec<u8>,
    /// Blind index of the masked number: equal for all numbers that are displayed alike.
    pub(crate) mask: Vec<u8>,
}

impl SealedPhone {
    /// Encrypts a member's phone number.
    pub(crate) fn new(keys: &DataKeys, member: Uuid, phone: &PhoneNumber) -> Self {
        let text = Zeroizing::new(format!("{} {}", phone.country_code(), phone.national()));
        let e164 = Zeroizing::new(phone.e164());
        Self {
            sealed: keys.seal.seal(seal_context(member.as_bytes()), text.as_bytes()),
            index: phone_index(keys, &e164),
            mask: mask_index(keys, &phone.masked()),
        }
    }
}

/// Computes the blind index of a number in E.164 format.
pub(crate) fn phone_index(keys: &DataKeys, e164: &str) -> Vec<u8> {
    keys.index.fingerprint("phone", &[e164.as_bytes()]).into()
}

/// Computes the blind index of a masked number.
pub(crate) fn mask_index(keys: &DataKeys, masked: &str) -> Vec<u8> {
    keys.index.fingerprint("masked phone", &[masked.as_bytes()]).into()
}

impl DataKeyring {
    /// Decrypts the phone number of a row.
    ///
    /// `read_keys` reads the data keys again if another process has sealed the number with a key that is
    /// not cached.
    pub(crate) async fn decrypt_phone(
        &self,
        row: &member::Model,
        read_keys: impl Future<Output = Result<Vec<data_key::Model>, StoreError>> + Send,
    ) -> Result<Option<PhoneNumber>, StoreError> {
        if row.phone.is_some() {
            return plaintext(row);
        }
        let Some(sealed) = &row.phone_sealed else { return Ok(None) };
        let location = Row { table: "member", id: row.id };
        let open = |keys: Option<Arc<DataKeys>>| {
            let keys = keys.ok_or(OpenError::UnknownKey)?;
            keys.seal.open(seal_context(row.id.as_bytes()), sealed)
        };
        let mut text = open(self.cached());
        if matches!(text, Err(OpenError::UnknownKey)) {
            text = open(self.open(read_keys.await?)?);
        }
        let text = text.map_err(|error| location.invalid("phone_sealed", error))?;
        let phone =
            parse(&text).ok_or_else(|| location.invalid("phone_sealed", "no phone number"))?;
        Ok(Some(phone))
    }
}

/// Returns the phone number of a row from before encryption at rest.
pub(crate) fn plaintext(row: &member::Model) -> Result<Option<PhoneNumber>, StoreError> {
    let location = Row { table: "member", id: row.id };
    let Some(e164) = &row.phone else { return Ok(None) };
    let e164 = str::from_utf8(e164).map_err(|error| location.invalid("phone", error))?;
    let country_code = row.phone_country_code.unwrap_or_default();
    let national = e164.strip_prefix(&format!("+{country_code}"));
    let national = national.ok_or_else(|| location.invalid("phone", "other country code"))?;
    let phone = PhoneNumber::new(country_code.cast_unsigned(), national);
    phone.map(Some).map_err(|error| location.invalid("phone", error))
}

fn parse(text: &[u8]) -> Option<PhoneNumber> {
    let (country_code, national) = str::from_utf8(text).ok()?.split_once(' ')?;
    PhoneNumber::new(country_code.parse().ok()?, national).ok()
}

fn seal_context(member: &[u8]) -> SealContext<'_> {
    SealContext { table: "member", column: "phone_sealed", row: member }
}
