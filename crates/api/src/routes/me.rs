//! Members and their own data.

use std::sync::Arc;

use domain::model::member::avatar::Avatar;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Member, ProfileChange};
use domain::model::provider::session_key::EncryptedData;
use domain::model::session::claims::Caller;
use domain::use_cases::member::bind_phone::{BindPhone, BindPhoneError, PhoneProofInput};
use domain::use_cases::member::get_profile::{GetProfile, GetProfileError};
use domain::use_cases::member::update_profile::{UpdateProfile, UpdateProfileError};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::auth::Authenticated;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::{AVATAR, ENCRYPTED_DATA, GENDER, IV, NICKNAME, PHONE_CODE};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::response::envelope::Envelope;
use crate::rfc3339;

/// Routes for members who are logged in.
#[derive(Clone)]
pub struct MeApi {
    pub(crate) current_member: Arc<GetProfile>,
    pub(crate) update_profile: Arc<UpdateProfile>,
    pub(crate) bind_phone: Arc<BindPhone>,
}

#[craft]
impl MeApi {
    /// Tell who I am
    #[craft(endpoint(operation_id = "getMe", tags("member")))]
    pub(crate) async fn get_me(
        &self,
        caller: Authenticated<Caller>,
    ) -> Result<Envelope<MemberData>, ErrorResponse<GetProfileError>> {
        Ok(Envelope(self.current_member.run(&caller.0).await?.into()))
    }

    /// Change my profile
    ///
    /// What is absent or null stays as it is. Answers with the member as they are then.
    #[craft(endpoint(operation_id = "updateMe", tags("member")))]
    pub(crate) async fn update_me(
        &self,
        caller: Authenticated<Caller>,
        body: JsonBody<ProfileChange>,
    ) -> Result<Envelope<MemberData>, ErrorResponse<UpdateProfileError>> {
        Ok(Envelope(self.update_profile.run(&caller.0, body.0).await?.into()))
    }

    /// Change my profile, where there is no PATCH
    ///
    /// The same as `PATCH /me`, which WeChat's `wx.request` does not know.
    #[craft(endpoint(operation_id = "updateMeByPost", tags("member")))]
    pub(crate) async fn update_me_by_post(
        &self,
        caller: Authenticated<Caller>,
        body: JsonBody<ProfileChange>,
    ) -> Result<Envelope<MemberData>, ErrorResponse<UpdateProfileError>> {
        Ok(Envelope(self.update_profile.run(&caller.0, body.0).await?.into()))
    }

    /// Bind my phone number
    ///
    /// Takes the `phoneCode`; without one, what the phone button gave before there were codes, where the
    /// app keeps session keys. Answers with the member as they are then. A number of another member
    /// stays theirs.
    #[craft(endpoint(operation_id = "bindPhone", tags("member")))]
    pub(crate) async fn bind_phone(
        &self,
        caller: Authenticated<Caller>,
        body: JsonBody<PhoneProofInput>,
    ) -> Result<Envelope<MemberData>, ErrorResponse<BindPhoneError>> {
        let bind_phone = self.bind_phone.clone();
        // The code is spent and was paid for: the number is bound even if the caller hangs up.
        let work = async move { bind_phone.run(&caller.0, &body.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }
}

impl FromForm for PhoneProofInput {
    const NAME: &'static str = "PhoneRequest";
    const DESCRIPTION: &'static str = "A phone number to bind: `phoneCode`, or `encryptedData` with `iv`. The button gives all three, and the code counts.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (code, ciphertext) = (form.optional(&PHONE_CODE), form.optional(&ENCRYPTED_DATA));
        match (code, ciphertext, form.optional(&IV)) {
            (Some(code), _, _) => Some(Self::Code(code)),
            (None, Some(ciphertext), Some(iv)) => {
                Some(Self::Encrypted(EncryptedData { ciphertext, iv }))
            }
            (None, _, _) => form.refuse("needs `phoneCode`, or `encryptedData` and `iv`"),
        }
    }
}

impl FromForm for ProfileChange {
    const NAME: &'static str = "ProfileChange";
    const DESCRIPTION: &'static str = "What a member changes of their profile.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (nickname, avatar) = (form.optional(&NICKNAME), form.optional(&AVATAR));
        Some(Self { nickname, avatar, gender: form.optional(&GENDER) })
    }
}

/// A member.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "MemberData"))]
pub(crate) struct MemberData {
    /// The member's lasting id.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    member_id: String,
    /// What they are called.
    #[salvo(schema(example = "好柿开花8915"))]
    nick_name: String,
    /// The address of their picture, where they have one.
    #[salvo(schema(required = true, example = "https://img.example.com/a.png"))]
    avatar: Option<String>,
    /// 0 not told, 1 male, 2 female.
    #[salvo(schema(minimum = 0, maximum = 2))]
    gender: u8,
    /// Their phone number without its middle, where they have one.
    #[salvo(schema(required = true, example = "138******15"))]
    phone: Option<String>,
    /// When they first logged in, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00.000Z"))]
    created_at: String,
    /// When their data last changed, UTC.
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
