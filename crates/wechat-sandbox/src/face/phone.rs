//! `/wxa/business/getuserphonenumber`: a phone code becomes a phone number.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::errcode::Errcode;
use crate::face::answer::{OK, Verdict, json};
use crate::face::call::{Call, given};
use crate::state::State;
use crate::users::full_phone;

#[derive(Deserialize)]
struct Ask {
    code: Option<String>,
    openid: Option<String>,
}

#[derive(Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    verdict: Verdict<'static>,
    phone_info: PhoneInfo<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhoneInfo<'a> {
    phone_number: String,
    pure_phone_number: &'a str,
    country_code: &'a str,
    watermark: Watermark<'a>,
}

/// Who asked for the number, and when the user gave it.
#[derive(Serialize)]
struct Watermark<'a> {
    timestamp: u64,
    appid: &'a str,
}

pub(super) fn get_user_phone_number(
    state: &mut State,
    app_id: &Arc<str>,
    call: &Call,
) -> Result<String, Errcode> {
    let now = state.now();
    let ask: Ask = call.json()?;
    let code = given(ask.code.as_deref()).ok_or(Errcode::CODE_MISSING)?;
    // Unknown, expired, used up, a login code: WeChat says 40029 to all of them.
    let code = state.phone_codes.find(code, now).ok_or(Errcode::INVALID_CODE)?;
    if code.spent {
        return Err(Errcode::INVALID_CODE);
    }
    let tap = &code.about;
    if &tap.app_id != app_id {
        return Err(Errcode::INVALID_APPID);
    }
    // WeChat publishes that a code of another user is refused, but not the error: 40029 is a guess,
    // and so is that the code stays good.
    if given(ask.openid.as_deref()).is_some_and(|asked| asked != tap.openid) {
        return Err(Errcode::INVALID_CODE);
    }
    code.spent = true;
    let tap = code.about.clone();
    let tapped = state.told(tap.tapped);
    Ok(json(&Found {
        verdict: OK,
        phone_info: PhoneInfo {
            phone_number: full_phone(&tap.phone, &tap.country_code),
            pure_phone_number: &tap.phone,
            country_code: &tap.country_code,
            watermark: Watermark { timestamp: tapped.as_secs(), appid: app_id },
        },
    }))
}
