//! The contract of [`domain::ports::store`]: THE way to check a new store.
//!
//! Every MUST of the port is a case here, and so is every edge that a database is known to get wrong.
//! A new adapter runs them all with [`store_contract!`](crate::store_contract).

pub mod admins;
pub mod apps;
pub mod audit;
pub mod cancellation;
pub mod erasure;
pub mod identities;
pub mod members;
pub mod outbox;
pub mod pushes;
pub mod races;
pub mod redemptions;
pub mod session_keys;
pub mod sessions;
pub mod signing_keys;
pub mod unit_of_work;

use std::sync::Arc;
use std::time::Duration;

use domain::model::app::name::AppName;
use domain::model::event::EventKind;
use domain::model::event::delivery::{ReceiverName, Subscriptions};
use domain::model::identity::{KnownMember, Subject, SubjectKind};
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Member, MemberId};
use domain::model::session::{Session, SessionPolicy};
use domain::model::timestamp::Timestamp;
use domain::ports::store::{Store, StoreReader};
use domain::ports::store::error::StoreError;
use domain::use_cases::retry::retry_on_contention;

use crate::fake::random::FixedRandom;

/// Store under test, with all its read ports.
pub trait Backend: Store + StoreReader {}

impl<T: Store + StoreReader> Backend for T {}

/// Webhook receivers that the store under test MUST be configured with.
#[must_use]
pub fn subscriptions() -> Subscriptions {
    let [all, bans] = [outbox::ALL, outbox::BANS].map(|name| ReceiverName::parse(name).unwrap());
    let kinds = vec![EventKind::Banned, EventKind::Unbanned];
    Subscriptions::new(vec![(all, EventKind::ALL.to_vec()), (bans, kinds)])
}

/// Makes a test of every case of the contract.
///
/// Takes an `async fn` or closure without arguments, called once per case, that makes a pair: the
/// backend under test as an `Arc<dyn Backend>`, **empty** and with [`subscriptions()`], and a guard that must
/// outlive the case (a temporary folder, say, or nothing: `()`). The crate that calls this needs tokio
/// with `macros` and `rt-multi-thread`.
///
/// ```
/// # mod tests {
/// use std::sync::Arc;
///
/// use testkit::contract::store::{Backend, subscriptions};
/// use testkit::memory::MemoryStore;
///
/// async fn fresh() -> (Arc<dyn Backend>, ()) {
///     (Arc::new(MemoryStore::default().with_subscriptions(subscriptions())), ())
/// }
///
/// testkit::store_contract!(fresh);
/// # }
/// ```
#[macro_export]
macro_rules! store_contract {
    ($fresh:expr) => {
        $crate::store_contract! { $fresh =>
            unit_of_work::what_was_committed_is_there
            unit_of_work::nobody_else_sees_what_is_not_committed
            unit_of_work::what_was_dropped_was_never_there
            unit_of_work::a_unit_of_work_sees_its_own_changes
            unit_of_work::many_dropped_units_of_work_leave_the_store_usable
            unit_of_work::a_store_says_that_it_is_ready
            members::a_member_is_read_as_it_was_written
            members::an_unknown_member_is_nobody
            members::names_are_kept_to_the_byte
            members::times_are_kept_to_the_millisecond
            members::a_phone_number_is_one_members_only
            members::many_members_have_no_phone_number
            members::a_taken_phone_number_leaves_the_unit_of_work_usable
            members::an_update_is_written_and_counted
            members::a_second_writer_is_stale
            members::an_unknown_member_cannot_be_updated
            members::an_update_cannot_take_anothers_phone_number
            members::a_phone_number_that_was_given_up_is_free
            members::a_removed_member_is_gone_with_all_that_is_theirs
            members::a_member_that_changed_is_not_removed
            members::members_are_found_by_what_is_known_of_them
            members::members_are_told_page_by_page_the_newest_first
            identities::an_owner_is_found_with_all_their_subjects
            identities::an_unknown_subject_has_no_owner
            identities::subjects_are_compared_byte_by_byte
            identities::the_longest_subject_is_kept_whole
            identities::a_taken_subject_leaves_the_unit_of_work_usable
            identities::the_owner_of_a_taken_subject_is_found_in_the_same_unit_of_work
            identities::what_one_member_is_known_under_becomes_anothers
            redemptions::a_redemption_is_found_as_it_was_added
            redemptions::a_redeemed_code_is_taken
            redemptions::concurrent_redemptions_of_one_code_are_one
            redemptions::expired_redemptions_are_forgotten
            session_keys::a_session_key_is_found_as_it_was_kept
            session_keys::a_later_session_key_replaces_the_one_before
            session_keys::concurrent_session_keys_of_one_user_are_one
            session_keys::a_session_key_of_nobody_is_not_kept
            session_keys::a_session_key_stays_with_its_identity
            session_keys::a_session_key_goes_with_its_member
            session_keys::old_session_keys_are_forgotten
            session_keys::a_member_is_known_under_their_own_subjects
            sessions::a_session_is_read_as_it_was_written
            sessions::an_unknown_session_is_none
            sessions::a_session_advances_from_the_generation_before_only
            sessions::concurrent_advances_of_one_session_are_one
            sessions::a_session_that_ended_does_not_advance
            sessions::sessions_end_one_by_one_or_all_of_a_member
            sessions::a_session_is_found_with_its_member_once_it_is_committed
            audit::security_events_are_read_as_they_were_recorded
            audit::security_events_are_found_by_what_they_are_about
            audit::security_events_are_counted_by_day
            audit::old_security_events_are_forgotten
            admins::an_administrator_is_read_as_they_were_written
            admins::a_name_is_one_administrators
            admins::a_second_writer_of_an_administrator_is_stale
            admins::administrators_sessions_last_until_they_are_ended
            apps::an_app_is_read_as_it_was_written
            apps::a_name_and_an_app_id_are_one_apps
            apps::a_second_writer_of_an_app_is_stale
            apps::an_app_that_was_removed_is_gone_and_its_name_is_free
            apps::a_namespace_is_in_use_while_somebody_is_known_there
            erasure::a_member_is_told_all_that_is_held_of_them_and_of_nobody_else
            erasure::a_removed_member_leaves_their_subjects_and_phone_number_free
            erasure::tombstones_are_kept_once_and_found_again
            erasure::a_subject_that_is_removed_is_nobodys
            pushes::what_was_seen_is_known_until_it_is_forgotten
            pushes::of_many_who_see_one_thing_at_once_one_is_the_first
            pushes::withdrawals_are_kept_until_they_are_obeyed_the_oldest_first
            pushes::of_many_who_obey_one_withdrawal_at_once_one_does
            outbox::an_event_is_kept_for_each_receiver_of_its_kind
            outbox::what_was_not_committed_did_not_happen
            outbox::events_of_one_member_are_due_one_after_the_other
            outbox::what_is_put_off_holds_back_that_member_and_nobody_else
            outbox::a_merger_waits_for_both_members_and_holds_back_who_is_left
            outbox::a_claim_is_one_callers_until_it_runs_out
            outbox::of_many_who_claim_one_delivery_at_once_one_does
            outbox::who_lost_a_claim_puts_nothing_off
            outbox::events_outlive_their_member_in_order
            outbox::events_of_one_member_keep_the_order_in_which_they_were_committed
            outbox::at_most_as_many_are_due_as_were_asked_for
            outbox::the_oldest_event_of_a_receiver_is_told
            outbox::what_no_receiver_waits_for_is_forgotten_after_a_time
            signing_keys::signing_keys_are_read_as_they_were_written
            signing_keys::a_number_is_one_signing_keys
            signing_keys::a_signing_key_starts_earlier_and_never_later
            signing_keys::a_removed_signing_key_is_gone
            signing_keys::concurrent_adds_of_one_number_make_one_signing_key
            races::concurrent_adds_of_one_subject_make_one_owner
            races::concurrent_adds_of_one_phone_number_make_one_member
            races::concurrent_updates_of_one_member_are_never_lost
            races::a_thousand_first_logins_of_one_openid_make_one_member
            races::first_logins_of_many_openids_make_as_many_members
            races::whoever_builds_on_somebody_who_is_removed_is_told_to_begin_again
            races::logins_go_on_while_their_members_are_removed
            cancellation::a_caller_who_gives_up_anywhere_leaves_nothing_half_made
            cancellation::a_caller_who_gives_up_while_waiting_leaves_the_queue
            cancellation::crowds_of_callers_who_give_up_leave_the_store_usable
        }
    };
    ($fresh:expr => $($topic:ident::$case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let fresh = $fresh;
            let (store, _outlives_the_case) = fresh().await;
            let case = $crate::contract::store::$topic::$case(store);
            $crate::contract::store::in_time(case).await;
        }
    )* };
}

/// Runs a case, which fails when it is not done within two minutes: something hangs.
pub async fn in_time(case: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_mins(2), case).await.expect("the case hangs");
}

pub(super) const SESSIONS: SessionPolicy = SessionPolicy {
    idle: Duration::from_hours(1),
    absolute: Duration::from_hours(10),
    grace: Duration::from_secs(10),
    per_member: 10,
};

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

static CHANCE: FixedRandom = FixedRandom::seeded(2020);

fn member() -> Member {
    let nickname = Nickname::parse("好柿开花8915").unwrap();
    Member::register(MemberId::generate(NOW, &CHANCE), nickname, None, NOW)
}

fn phone(number: u32) -> PhoneNumber {
    PhoneNumber::new(86, &format!("138{number:08}")).unwrap()
}

fn open_id(value: &str) -> Subject {
    Subject { namespace: "test:app".into(), kind: SubjectKind::OpenId, value: value.into() }
}

fn session_of(member: MemberId) -> Session {
    let app = AppName::parse("main").unwrap();
    Session::open(member, app, &SESSIONS, NOW, &CHANCE)
}

/// Adds members and commits.
async fn add_members(store: &dyn Backend, members: &[&Member]) {
    let unit = store.begin().await.unwrap();
    for member in members {
        unit.members().add(member).await.unwrap();
    }
    unit.commit().await.unwrap();
}

/// Adds a member with these subjects and commits.
async fn make_known(store: &dyn Backend, subjects: &[Subject]) -> MemberId {
    let member = member();
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    for subject in subjects {
        unit.identities().add(member.id, subject, NOW).await.unwrap();
    }
    unit.commit().await.unwrap();
    member.id
}

/// Returns the committed member of this subject.
pub(super) async fn owner_of(store: &dyn Backend, subject: &Subject) -> Option<KnownMember> {
    let unit = store.begin().await.unwrap();
    let owner = unit.identities().find_by_subject(subject).await.unwrap();
    unit.commit().await.unwrap();
    owner
}

/// A login as the use case does it: find the member or make one, open a session.
async fn log_in(store: &dyn Backend, subject: &Subject) -> Result<Session, StoreError> {
    retry_on_contention(|| try_to_log_in(store, subject)).await
}

async fn try_to_log_in(store: &dyn Backend, subject: &Subject) -> Result<Session, StoreError> {
    let unit = store.begin().await?;
    let member = if let Some(owner) = unit.identities().find_by_subject(subject).await? {
        owner.member.id
    } else {
        let member = member();
        unit.members().add(&member).await?;
        unit.identities().add(member.id, subject, NOW).await?;
        member.id
    };
    let session = session_of(member);
    unit.sessions().add(&session).await?;
    unit.commit().await?;
    Ok(session)
}

/// Runs one task per item at the same time and waits for all.
pub(super) async fn all_at_once<I, F>(tasks: I) -> Vec<F::Output>
where
    I: IntoIterator<Item = F>,
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut outputs = Vec::with_capacity(running.len());
    for task in running {
        outputs.push(task.await.unwrap());
    }
    outputs
}

/// A backend under test, as the cases pass it around.
type Shared = Arc<dyn Backend>;
