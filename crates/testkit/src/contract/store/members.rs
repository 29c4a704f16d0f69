//! Members: exact values, unique phone numbers, optimistic locking, search.

use domain::model::fingerprint::Fingerprint;
use domain::model::login::redemption::Redemption;
use domain::model::member::avatar::Avatar;
use domain::model::member::nickname::{MAX_NICKNAME_CHARS, Nickname};
use domain::model::member::phone::PhoneNumber;
use domain::model::member::query::{MemberFilter, MemberQuery};
use domain::model::member::{Actor, Gender, Member, MemberId, MemberStatus, StatusReason};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, UpdateError};

use super::{
    Backend, NOW, Shared, add_known_member, add_members, member, open_id, owner_of, phone,
    session_of,
};

/// Every field is read back unchanged.
pub async fn member_round_trip_keeps_every_field(store: Shared) {
    let plain = member();
    let full = Member {
        avatar: Some(Avatar::parse("https://a.example/1?x=%20").unwrap()),
        gender: Gender::Female,
        phone: Some(PhoneNumber::new(1, "2025550123").unwrap()),
        status: MemberStatus::Banned,
        status_reason: Some(StatusReason::parse(&"刷".repeat(200)).unwrap()),
        remark: Some("备注: 🐼\n'\"\\%_--".into()),
        created_by: Actor::System,
        updated_by: Actor::System,
        updated_at: Timestamp::from_unix_millis(1_795_168_999_999),
        version: 7,
        ..member()
    };
    add_members(&*store, &[&plain, &full]).await;
    for written in [plain, full] {
        assert_eq!(read(&*store, &written).await, written);
        let unit = store.begin().await.unwrap();
        assert_eq!(unit.members().find(written.id).await.unwrap(), Some(written));
    }
}

/// An unknown id finds no member.
pub async fn unknown_member_is_none(store: Shared) {
    let unknown = member().id;
    assert_eq!(store.find(unknown).await.unwrap(), None);
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.members().find(unknown).await.unwrap(), None);
}

/// Nicknames with four-byte characters, combining characters, outer spaces and maximum length are stored
/// unchanged.
pub async fn nicknames_are_stored_byte_by_byte(store: Shared) {
    let longest = ["柿".repeat(MAX_NICKNAME_CHARS), "🐼".repeat(MAX_NICKNAME_CHARS)];
    let names = ["好柿开花8915", "👨‍👩‍👧‍👦", " Ann  ", "e\u{301}", "\u{e9}", "ÀÉ", "a'\"\\%_?$1:x"];
    for name in names.into_iter().chain(longest.iter().map(String::as_str)) {
        let written = Member { nickname: Nickname::parse(name).unwrap(), ..member() };
        add_members(&*store, &[&written]).await;
        assert_eq!(read(&*store, &written).await.nickname.as_str().as_bytes(), name.as_bytes());
    }
}

/// Times before 1970, after 2038 and at both ends of the range.
pub async fn timestamps_are_stored_to_the_millisecond(store: Shared) {
    for millis in [-2_208_988_800_001, -1, 0, 999, 2_147_483_648_001, i64::MIN, i64::MAX] {
        let time = Timestamp::from_unix_millis(millis);
        let written = Member { created_at: time, updated_at: time, ..member() };
        add_members(&*store, &[&written]).await;
        let found = read(&*store, &written).await;
        assert_eq!((found.created_at, found.updated_at), (time, time));
    }
}

/// A member with the phone number of another member is not added.
pub async fn phone_number_is_unique(store: Shared) {
    let first = Member { phone: Some(phone(1)), ..member() };
    let second = Member { phone: Some(phone(1)), ..member() };
    add_members(&*store, &[&first]).await;
    let unit = store.begin().await.unwrap();
    assert!(matches!(unit.members().add(&second).await, Err(AddError::Taken)));
    unit.commit().await.unwrap();
    assert_eq!(store.find(second.id).await.unwrap(), None);
}

/// The unique constraint on phone numbers ignores members without one.
pub async fn members_without_phone_number_do_not_conflict(store: Shared) {
    let members = [member(), member(), member()];
    add_members(&*store, &members.each_ref()).await;
    for member in members {
        assert_eq!(read(&*store, &member).await, member);
    }
}

/// After `Taken`, the unit of work can continue and be committed.
pub async fn taken_phone_number_leaves_the_unit_of_work_usable(store: Shared) {
    let first = Member { phone: Some(phone(1)), ..member() };
    add_members(&*store, &[&first]).await;
    let before = member();
    let after = member();
    let subject = open_id("after");
    let unit = store.begin().await.unwrap();
    unit.members().add(&before).await.unwrap();
    let taken = Member { phone: Some(phone(1)), ..member() };
    assert!(matches!(unit.members().add(&taken).await, Err(AddError::Taken)));
    unit.members().add(&after).await.unwrap();
    unit.identities().add(after.id, &subject, after.created_at).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(read(&*store, &before).await, before);
    assert_eq!(owner_of(&*store, &subject).await.unwrap().member.id, after.id);
}

/// An update writes every field and increments the version.
pub async fn update_writes_all_fields_and_increments_the_version(store: Shared) {
    let before = Member { phone: Some(phone(1)), remark: Some("old".into()), ..member() };
    let bystander = member();
    add_members(&*store, &[&before, &bystander]).await;
    let mut after = Member {
        nickname: Nickname::parse("🐼").unwrap(),
        gender: Gender::Male,
        phone: Some(phone(2)),
        status: MemberStatus::Banned,
        remark: None,
        updated_at: Timestamp::from_unix_millis(-5),
        updated_by: Actor::System,
        ..before
    };
    update(&*store, &after).await.unwrap();
    after.version = 1;
    assert_eq!(read(&*store, &after).await, after);
    update(&*store, &after).await.unwrap();
    assert_eq!(read(&*store, &after).await.version, 2, "an update that changes nothing counts too");
    assert_eq!(read(&*store, &bystander).await, bystander);
}

/// A write with an old version gets `Stale` and changes nothing.
pub async fn update_with_old_member_version_is_stale(store: Shared) {
    let read_by_both = member();
    add_members(&*store, &[&read_by_both]).await;
    let first = Member { remark: Some("first".into()), ..read_by_both.clone() };
    let second = Member { remark: Some("second".into()), ..read_by_both.clone() };
    update(&*store, &first).await.unwrap();
    assert!(matches!(update(&*store, &second).await, Err(UpdateError::Stale)));
    let newer = Member { version: 2, ..second };
    assert!(matches!(update(&*store, &newer).await, Err(UpdateError::Stale)));
    assert_eq!(read(&*store, &first).await, Member { version: 1, ..first });
}

/// An update of an unknown member gets `Stale`.
pub async fn update_of_unknown_member_is_stale(store: Shared) {
    assert!(matches!(update(&*store, &member()).await, Err(UpdateError::Stale)));
}

/// An update with the phone number of another member gets `Taken`.
pub async fn update_with_taken_phone_number_fails(store: Shared) {
    let owner = Member { phone: Some(phone(1)), ..member() };
    let other = Member { phone: Some(phone(2)), ..member() };
    add_members(&*store, &[&owner, &other]).await;
    let taking = Member { phone: Some(phone(1)), ..other.clone() };
    assert!(matches!(update(&*store, &taking).await, Err(UpdateError::Taken)));
    assert_eq!(read(&*store, &other).await, other);
}

/// A phone number can be used by another member once its member has changed it.
pub async fn replaced_phone_number_can_be_reused(store: Shared) {
    let first = Member { phone: Some(phone(1)), ..member() };
    add_members(&*store, &[&first]).await;
    update(&*store, &Member { phone: Some(phone(2)), ..first }).await.unwrap();
    let second = Member { phone: Some(phone(1)), ..member() };
    add_members(&*store, &[&second]).await;
    assert_eq!(read(&*store, &second).await, second);
}

async fn read(store: &dyn Backend, member: &Member) -> Member {
    store.find(member.id).await.unwrap().unwrap()
}

async fn update(store: &dyn Backend, member: &Member) -> Result<(), UpdateError> {
    let unit = store.begin().await?;
    unit.members().update(member).await?;
    Ok(unit.commit().await?)
}

/// A removal deletes identities, sessions and redemptions of the member only, and frees the phone number.
pub async fn removed_member_cascades_to_owned_rows(store: Shared) {
    let removed = add_known_member(&*store, &[open_id("o1")]).await;
    let other = add_known_member(&*store, &[open_id("o2")]).await;
    let sessions = [session_of(removed), session_of(other)];
    let redemption = Redemption {
        code: Fingerprint([1; 32]),
        member: removed,
        session: sessions[0].id,
        redeemed_at: NOW,
        stored_response: None,
    };
    let unit = store.begin().await.unwrap();
    for session in &sessions {
        unit.sessions().add(session).await.unwrap();
    }
    unit.redemptions().add(&redemption).await.unwrap();
    let member = unit.members().find(removed).await.unwrap().unwrap();
    unit.members().update(&Member { phone: Some(phone(1)), ..member }).await.unwrap();
    unit.commit().await.unwrap();

    let unit = store.begin().await.unwrap();
    let member = unit.members().find(removed).await.unwrap().unwrap();
    unit.members().remove(&member).await.unwrap();
    assert_eq!(unit.members().find(removed).await.unwrap(), None);
    let stored = unit.members().find(other).await.unwrap().unwrap();
    unit.members().update(&Member { phone: member.phone, ..stored }).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(owner_of(&*store, &open_id("o1")).await, None);
    assert!(store.find_session(sessions[0].id).await.unwrap().is_none());
    assert!(store.find_redemption(&redemption.code).await.unwrap().is_none());
    assert_eq!(owner_of(&*store, &open_id("o2")).await.unwrap().member.id, other);
    assert!(store.find_session(sessions[1].id).await.unwrap().is_some());
}

/// The removal of a member that changed since it was read gets `Stale`, because the change may be a ban.
pub async fn removal_with_old_member_version_is_stale(store: Shared) {
    let read = member();
    add_members(&*store, &[&read]).await;
    let unit = store.begin().await.unwrap();
    unit.members().update(&read).await.unwrap();
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    let refused = unit.members().remove(&read).await;
    assert!(matches!(refused, Err(UpdateError::Stale)), "{refused:?}");
    drop(unit);
    assert!(store.find(read.id).await.unwrap().is_some());
}

/// Returns the ids of the members that match the filter.
async fn found(store: &dyn Backend, filter: MemberFilter) -> Vec<MemberId> {
    let query = MemberQuery { filter, before: None, limit: 10 };
    store.search(&query).await.unwrap().into_iter().map(|member| member.id).collect()
}

/// Members are found by id, phone number, masked phone number and subject; comparisons are exact.
pub async fn member_search_by_id_phone_masked_phone_and_subject(store: Shared) {
    let masked = |masked: &str| MemberFilter::MaskedPhone(masked.to_owned());
    let subject = |value: &str| MemberFilter::Subject(value.to_owned());
    assert_eq!(found(&*store, MemberFilter::Phone(phone(1).e164())).await, [], "no member has one");
    assert_eq!(found(&*store, masked("138******01")).await, []);
    let alice = Member { phone: Some(phone(1)), ..member() };
    let bob = Member { phone: Some(phone(101)), ..member() };
    add_members(&*store, &[&alice, &bob]).await;
    let unit = store.begin().await.unwrap();
    unit.identities().add(alice.id, &open_id("oAlice"), NOW).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(found(&*store, MemberFilter::Id(alice.id)).await, [alice.id]);
    assert_eq!(found(&*store, MemberFilter::Phone(phone(1).e164())).await, [alice.id]);
    assert_eq!(found(&*store, subject("oAlice")).await, [alice.id]);
    for unknown in [MemberFilter::Id(member().id), subject("oalice"), masked("138******02")] {
        assert_eq!(found(&*store, unknown).await, []);
    }
    let mut both = found(&*store, masked("138******01")).await;
    both.sort();
    let mut expected = [alice.id, bob.id];
    expected.sort();
    assert_eq!(both, expected);

    let unit = store.begin().await.unwrap();
    let read = unit.members().find(alice.id).await.unwrap().unwrap();
    unit.members().update(&Member { phone: Some(phone(2)), ..read }).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(found(&*store, masked("138******01")).await, [bob.id]);
    assert_eq!(found(&*store, masked("138******02")).await, [alice.id]);
}

/// Pages list each member once, the newest first.
pub async fn member_search_pages_newest_first(store: Shared) {
    let members: Vec<Member> = (0..5)
        .map(|minutes| {
            let then = NOW.plus(std::time::Duration::from_mins(minutes));
            Member { id: MemberId::generate(then, &super::RANDOM), ..member() }
        })
        .collect();
    add_members(&*store, &members.iter().collect::<Vec<_>>()).await;
    let mut query = MemberQuery { filter: MemberFilter::Any, before: None, limit: 2 };
    let mut listed = vec![];
    loop {
        let page = store.search(&query).await.unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some(last.id);
        listed.extend(page.into_iter().map(|member| member.id));
    }
    assert_eq!(listed, members.iter().rev().map(|member| member.id).collect::<Vec<_>>());
}
