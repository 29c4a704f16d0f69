//! `/wxa/business/getuserphonenumber`: exchanges a phone code for a phone number.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::errcode::Errcode;
use crate::state::State;
use crate::state::users::full_phone;
use crate::wechat_api::answer::{ErrorBody, OK, json};
use crate::wechat_api::call::{Call, non_empty};

#[derive(Deserialize)]
struct PhoneRequest {
    code: Option<String>,
    openid: Option<String>,
}

#[derive(Serialize)]
struct PhoneResponse<'a> {
    #[serde(flatten)]
    status: ErrorBody<'static>,
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

/// Time of the user's tap on the phone number button, and the app it was in.
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
    let request: PhoneRequest = call.json()?;
    let code = non_empty(request.code.as_deref()).ok_or(Errcode::CODE_MISSING)?;
    // WeChat returns 40029 for unknown, expired and redeemed codes and for login codes alike.
    let code = state.phone_codes.find(code, now).ok_or(Errcode::INVALID_CODE)?;
    if code.is_redeemed {
        return Err(Errcode::INVALID_CODE);
    }
    if &code.data.app_id != app_id {
        return Err(Errcode::INVALID_APPID);
    }
    // WeChat documents that the code of another user is rejected, but not the error. 40029 is an
    // assumption, and so is that the code remains valid.
    let openid = non_empty(request.openid.as_deref());
    if openid.is_some_and(|openid| openid != code.data.openid) {
        return Err(Errcode::INVALID_CODE);
    }
    code.is_redeemed = true;
    let data = code.data.clone();
    let timestamp = state.watermark_time(data.tapped_at).as_secs();
    Ok(json(&PhoneResponse {
        status: OK,
        phone_info: PhoneInfo {
            phone_number: full_phone(&data.phone, &data.country_code),
            pure_phone_number: &data.phone,
            country_code: &data.country_code,
            watermark: Watermark { timestamp, appid: app_id },
        },
    }))
}
