//! Phone numbers at rest: sealed, and recognised by a keyed index.

use std::sync::Arc;

use domain::model::member::phone::PhoneNumber;
use domain::ports::store::error::StoreError;
use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use crate::crypto::sealer::{OpenError, Place};
use crate::store::encryption::data_keys::{DataKeyring, DataKeys};
use crate::store::entity::{data_key, member};
use crate::store::error::Row;

/// A phone number as a row keeps it.
pub(crate) struct SealedPhone {
    /// What it was, for this member only.
    pub(crate) sealed: Vec<u8>,
    /// The same bytes for the same number, whoever has it.
    pub(crate) index: Vec<u8>,
    /// The same bytes for all numbers that look the same where they are masked.
    pub(crate) mask: Vec<u8>,
}

impl SealedPhone {
    /// Seals a member's number.
    pub(crate) fn new(keys: &DataKeys, member: Uuid, phone: &PhoneNumber) -> Self {
        let text = Zeroizing::new(format!("{} {}", phone.country_code(), phone.national()));
        let e164 = Zeroizing::new(phone.e164());
        Self {
            sealed: keys.seal.seal(place(member.as_bytes()), text.as_bytes()),
            index: index(keys, &e164),
            mask: mask(keys, &phone.masked()),
        }
    }
}

/// By what a number is found, in canonical form.
pub(crate) fn index(keys: &DataKeys, e164: &str) -> Vec<u8> {
    keys.index.fingerprint("phone", &[e164.as_bytes()]).into()
}

/// By what numbers are found that look like this where they are masked.
pub(crate) fn mask(keys: &DataKeys, masked: &str) -> Vec<u8> {
    keys.index.fingerprint("masked phone", &[masked.as_bytes()]).into()
}

impl DataKeyring {
    /// The number in a row. Where another process sealed it with a key that it made since, `rows` reads
    /// the data keys anew.
    pub(crate) async fn phone(
        &self,
        row: &member::Model,
        rows: impl Future<Output = Result<Vec<data_key::Model>, StoreError>> + Send,
    ) -> Result<Option<PhoneNumber>, StoreError> {
        if row.phone.is_some() {
            return in_clear(row);
        }
        let Some(sealed) = &row.phone_sealed else { return Ok(None) };
        let at = Row { table: "member", id: row.id };
        let open = |keys: Option<Arc<DataKeys>>| {
            let keys = keys.ok_or(OpenError::UnknownKey)?;
            keys.seal.open(place(row.id.as_bytes()), sealed)
        };
        let mut text = open(self.last_read());
        if matches!(text, Err(OpenError::UnknownKey)) {
            text = open(self.read(rows.await?)?);
        }
        let text = text.map_err(|error| at.damaged("phone_sealed", error))?;
        let phone = parse(&text).ok_or_else(|| at.damaged("phone_sealed", "it is no number"))?;
        Ok(Some(phone))
    }
}

/// The number of a row that no sealing program has written yet.
pub(crate) fn in_clear(row: &member::Model) -> Result<Option<PhoneNumber>, StoreError> {
    let at = Row { table: "member", id: row.id };
    let Some(e164) = &row.phone else { return Ok(None) };
    let e164 = str::from_utf8(e164).map_err(|error| at.damaged("phone", error))?;
    let country_code = row.phone_country_code.unwrap_or_default();
    let national = e164.strip_prefix(&format!("+{country_code}"));
    let national = national.ok_or_else(|| at.damaged("phone", "not of that country"))?;
    let phone = PhoneNumber::new(country_code.cast_unsigned(), national);
    phone.map(Some).map_err(|error| at.damaged("phone", error))
}

fn parse(text: &[u8]) -> Option<PhoneNumber> {
    let (country_code, national) = str::from_utf8(text).ok()?.split_once(' ')?;
    PhoneNumber::new(country_code.parse().ok()?, national).ok()
}

fn place(member: &[u8]) -> Place<'_> {
    Place { table: "member", column: "phone_sealed", row: member }
}
