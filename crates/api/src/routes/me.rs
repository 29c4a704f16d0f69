//! Routes for the profile of the logged-in member.

use std::sync::Arc;

use domain::model::member::avatar::Avatar;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Member, ProfileChange};
use domain::model::provider::session_key::EncryptedData;
use domain::model::session::claims::Caller;
use domain::use_cases::member::access_error::MemberAccessError;
use domain::use_cases::member::bind_phone::{BindPhone, BindPhoneError, PhoneProofInput};
use domain::use_cases::member::get_profile::GetProfile;
use domain::use_cases::member::update_profile::UpdateProfile;
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::auth::authenticated::Authenticated;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::{AVATAR, ENCRYPTED_DATA, GENDER, IV, NICKNAME, PHONE_CODE};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::response::envelope::Envelope;
use crate::rfc3339;

/// Handlers for the profile of the member.
#[derive(Clone)]
pub struct MeApi {
    pub(crate) get_profile: Arc<GetProfile>,
    pub(crate) update_profile: Arc<UpdateProfile>,
    pub(crate) bind_phone: Arc<BindPhone>,
}

#[craft]
impl MeApi {
    /// Get the current member
    #[craft(endpoint(operation_id = "getMe", tags("member")))]
    pub(crate) async fn get_me(
        &self,
        caller: Authenticated<Caller>,
    ) -> Result<Envelope<MemberData>, ErrorResponse<MemberAccessError>> {
        Ok(Envelope(self.get_profile.run(&caller.0).await?.into()))
    }

    /// Update my profile
    ///
    /// Fields that are absent or null stay unchanged. Returns the updated member.
    #[craft(endpoint(operation_id = "updateMe", tags("member")))]
    pub(crate) async fn update_me(
        &self,
        caller: Authenticated<Caller>,
        body: JsonBody<ProfileChange>,
    ) -> Result<Envelope<MemberData>, ErrorResponse<MemberAccessError>> {
        Ok(Envelope(self.update_profile.run(&caller.0, body.0).await?.into()))
    }

    /// Update my profile (for clients without PATCH)
    ///
    /// The same as `PATCH /me`, since WeChat's `wx.request` does not support PATCH.
    #[craft(endpoint(operation_id = "updateMeByPost", tags("member")))]
    pub(crate) async fn update_me_by_post(
        &self,
        caller: Authenticated<Caller>,
        body: JsonBody<ProfileChange>,
    ) -> Result<Envelope<MemberData>, ErrorResponse<MemberAccessError>> {
        Ok(Envelope(self.update_profile.run(&caller.0, body.0).await?.into()))
    }

    /// Bind my phone number
    ///
    /// Send `phoneCode`, or the legacy `encryptedData` and `iv` if the app stores session keys. Returns the
    /// updated member. A number that belongs to another member is a `conflict`.
    #[craft(endpoint(operation_id = "bindPhone", tags("member")))]
    pub(crate) async fn bind_phone(
        &self,
        caller: Authenticated<Caller>,
        body: JsonBody<PhoneProofInput>,
    ) -> Result<Envelope<MemberData>, ErrorResponse<BindPhoneError>> {
        let bind_phone = self.bind_phone.clone();
        // The redeemed code costs money: the number is bound even if the client disconnects.
        let work = async move { bind_phone.run(&caller.0, &body.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }
}

impl FromForm for PhoneProofInput {
    const NAME: &'static str = "PhoneRequest";
    const DESCRIPTION: &'static str = "Phone number to bind: `phoneCode`, or `encryptedData` with `iv`. If all three are present, `phoneCode` is used.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let code = form.optional(&PHONE_CODE);
        let ciphertext = form.optional(&ENCRYPTED_DATA);
        let iv = form.optional(&IV);
        match (code, ciphertext, iv) {
            (Some(code), _, _) => Some(Self::Code(code)),
            (None, Some(ciphertext), Some(iv)) => {
                Some(Self::Encrypted(EncryptedData { ciphertext, iv }))
            }
            (None, _, _) => form.reject("needs `phoneCode`, or `encryptedData` and `iv`"),
        }
    }
}

impl FromForm for ProfileChange {
    const NAME: &'static str = "ProfileChange";
    const DESCRIPTION: &'static str = "Changes to a member's profile.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        Some(Self {
            nickname: form.optional(&NICKNAME),
            avatar: form.optional(&AVATAR),
            gender: form.optional(&GENDER),
        })
    }
}

/// Profile of a member.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "MemberData"))]
pub(crate) struct MemberData {
    /// Permanent id of the member.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    member_id: String,
    /// Nickname.
    #[salvo(schema(example = "好柿开花8915"))]
    nick_name: String,
    /// URL of the avatar; null if there is none.
    #[salvo(schema(required = true, example = "https://img.example.com/a.png"))]
    avatar: Option<String>,
    /// Gender: 0 unknown, 1 male, 2 female.
    #[salvo(schema(minimum = 0, maximum = 2))]
    gender: u8,
    /// Masked phone number; null if there is none.
    #[salvo(schema(required = true, example = "138******15"))]
    phone: Option<String>,
    /// Time of the first login, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00.000Z"))]
    created_at: String,
    /// Time of the last change, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00.000Z"))]
    updated_at: String,
}

impl From<Member> for MemberData {
    fn from(member: Member) -> Self {
        Self {
            member_id: member.id.0.to_string(),
            nick_name: member.nickname.as_str().to_owned(),
            avatar: member.avatar.as_ref().map(Avatar::as_str).map(str::to_owned),
            gender: member.gender.code(),
            phone: member.phone.as_ref().map(PhoneNumber::masked),
            created_at: rfc3339::millis(member.created_at),
            updated_at: rfc3339::millis(member.updated_at),
        }
    }
}
