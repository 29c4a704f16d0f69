//! Members: kept to the byte, one phone number each, no change lost.

use domain::model::fingerprint::Fingerprint;
use domain::model::login::redemption::Redemption;
use domain::model::member::avatar::Avatar;
use domain::model::member::nickname::{NICKNAME_MAX, Nickname};
use domain::model::member::phone::PhoneNumber;
use domain::model::member::query::{MemberFilter, MemberQuery};
use domain::model::member::{Actor, Gender, Member, MemberId, MemberStatus, StatusReason};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, UpdateError};

use super::{
    Backend, NOW, Shared, add_members, make_known, member, open_id, owner_of, phone, session_of,
};

/// Every field is read back unchanged.
pub async fn a_member_is_read_as_it_was_written(store: Shared) {
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
pub async fn an_unknown_member_is_nobody(store: Shared) {
    let unknown = member().id;
    assert_eq!(store.find(unknown).await.unwrap(), None);
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.members().find(unknown).await.unwrap(), None);
}

/// Characters of four bytes, of several parts, blanks at the ends, the longest name: as they were.
pub async fn names_are_kept_to_the_byte(store: Shared) {
    let longest = ["柿".repeat(NICKNAME_MAX), "🐼".repeat(NICKNAME_MAX)];
    let names = ["好柿开花8915", "👨‍👩‍👧‍👦", " Ann  ", "e\u{301}", "\u{e9}", "ÀÉ", "a'\"\\%_?$1:x"];
    for name in names.into_iter().chain(longest.iter().map(String::as_str)) {
        let written = Member { nickname: Nickname::parse(name).unwrap(), ..member() };
        add_members(&*store, &[&written]).await;
        assert_eq!(read(&*store, &written).await.nickname.as_str().as_bytes(), name.as_bytes());
    }
}

/// Times before 1970, after 2038 and at both ends of the range.
pub async fn times_are_kept_to_the_millisecond(store: Shared) {
    for millis in [-2_208_988_800_001, -1, 0, 999, 2_147_483_648_001, i64::MIN, i64::MAX] {
        let time = Timestamp::from_unix_millis(millis);
        let written = Member { created_at: time, updated_at: time, ..member() };
        add_members(&*store, &[&written]).await;
        let found = read(&*store, &written).await;
        assert_eq!((found.created_at, found.updated_at), (time, time));
    }
}

/// A member with the phone number of another member is not added.
pub async fn a_phone_number_is_one_members_only(store: Shared) {
    let first = Member { phone: Some(phone(1)), ..member() };
    let second = Member { phone: Some(phone(1)), ..member() };
    add_members(&*store, &[&first]).await;
    let unit = store.begin().await.unwrap();
    assert!(matches!(unit.members().add(&second).await, Err(AddError::Taken)));
    unit.commit().await.unwrap();
    assert_eq!(store.find(second.id).await.unwrap(), None);
}

/// Having no phone number is nothing two members could share.
pub async fn many_members_have_no_phone_number(store: Shared) {
    let members = [member(), member(), member()];
    add_members(&*store, &members.each_ref()).await;
    for member in members {
        assert_eq!(read(&*store, &member).await, member);
    }
}

/// After `Taken`, the same unit of work goes on and can be committed.
pub async fn a_taken_phone_number_leaves_the_unit_of_work_usable(store: Shared) {
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

/// An update writes every field and counts the version up.
pub async fn an_update_is_written_and_counted(store: Shared) {
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
pub async fn a_second_writer_is_stale(store: Shared) {
    let read_by_both = member();
    add_members(&*store, &[&read_by_both]).await;
    let first = Member { remark: Some("first".into()), ..read_by_both.clone() };
    let second = Member { remark: Some("second".into()), ..read_by_both.clone() };
    update(&*store, &first).await.unwrap();
    assert!(matches!(update(&*store, &second).await, Err(UpdateError::Stale)));
    let from_the_future = Member { version: 2, ..second };
    assert!(matches!(update(&*store, &from_the_future).await, Err(UpdateError::Stale)));
    assert_eq!(read(&*store, &first).await, Member { version: 1, ..first });
}

/// An update of an unknown member gets `Stale`.
pub async fn an_unknown_member_cannot_be_updated(store: Shared) {
    assert!(matches!(update(&*store, &member()).await, Err(UpdateError::Stale)));
}

/// An update cannot take over a phone number that is another member's.
pub async fn an_update_cannot_take_anothers_phone_number(store: Shared) {
    let owner = Member { phone: Some(phone(1)), ..member() };
    let other = Member { phone: Some(phone(2)), ..member() };
    add_members(&*store, &[&owner, &other]).await;
    let taking = Member { phone: Some(phone(1)), ..other.clone() };
    assert!(matches!(update(&*store, &taking).await, Err(UpdateError::Taken)));
    assert_eq!(read(&*store, &other).await, other);
}

/// A number that its member no longer has can be another's.
pub async fn a_phone_number_that_was_given_up_is_free(store: Shared) {
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

/// A member is removed with identities, sessions and redemptions; those of others stay, and the
/// phone number is free.
pub async fn a_removed_member_is_gone_with_all_that_is_theirs(store: Shared) {
    let gone = make_known(&*store, &[open_id("o1")]).await;
    let stays = make_known(&*store, &[open_id("o2")]).await;
    let sessions = [session_of(gone), session_of(stays)];
    let redemption = Redemption {
        code: Fingerprint([1; 32]),
        member: gone,
        session: sessions[0].id,
        redeemed_at: NOW,
        repeatable: None,
    };
    let unit = store.begin().await.unwrap();
    for session in &sessions {
        unit.sessions().add(session).await.unwrap();
    }
    unit.redemptions().add(&redemption).await.unwrap();
    let member = unit.members().find(gone).await.unwrap().unwrap();
    unit.members().update(&Member { phone: Some(phone(1)), ..member }).await.unwrap();
    unit.commit().await.unwrap();

    let unit = store.begin().await.unwrap();
    let member = unit.members().find(gone).await.unwrap().unwrap();
    unit.members().remove(&member).await.unwrap();
    assert_eq!(unit.members().find(gone).await.unwrap(), None);
    let heir = unit.members().find(stays).await.unwrap().unwrap();
    unit.members().update(&Member { phone: member.phone, ..heir }).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(owner_of(&*store, &open_id("o1")).await, None);
    assert!(store.find_session(sessions[0].id).await.unwrap().is_none());
    assert!(store.find_redemption(&redemption.code).await.unwrap().is_none());
    assert_eq!(owner_of(&*store, &open_id("o2")).await.unwrap().member.id, stays);
    assert!(store.find_session(sessions[1].id).await.unwrap().is_some());
}

/// A member that changed since it was read is not removed: the change may have been a ban.
pub async fn a_member_that_changed_is_not_removed(store: Shared) {
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

/// The ids of the members that a criterion means.
async fn found(store: &dyn Backend, criterion: MemberFilter) -> Vec<MemberId> {
    let query = MemberQuery { criterion, before: None, limit: 10 };
    store.search(&query).await.unwrap().into_iter().map(|member| member.id).collect()
}

/// By id, by phone number, by how that looks where it is masked, by an id at a provider; to the byte.
pub async fn members_are_found_by_what_is_known_of_them(store: Shared) {
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

/// The newest first, and each once, however many there are.
pub async fn members_are_told_page_by_page_the_newest_first(store: Shared) {
    let members: Vec<Member> = (0..5)
        .map(|minutes| {
            let then = NOW.plus(std::time::Duration::from_mins(minutes));
            Member { id: MemberId::generate(then, &super::CHANCE), ..member() }
        })
        .collect();
    add_members(&*store, &members.iter().collect::<Vec<_>>()).await;
    let mut query = MemberQuery { criterion: MemberFilter::Any, before: None, limit: 2 };
    let mut listed = vec![];
    loop {
        let page = store.search(&query).await.unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some(last.id);
        listed.extend(page.into_iter().map(|member| member.id));
    }
    assert_eq!(listed, members.iter().rev().map(|member| member.id).collect::<Vec<_>>());
}
