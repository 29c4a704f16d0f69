//! Contract suite of [`domain::ports::store`]. Every store must pass it.
//!
//! The suite has a case for every MUST of the port and for known pitfalls of databases. A new adapter runs
//! all cases with [`store_contract!`](crate::store_contract).

pub mod admins;
pub mod apps;
pub mod audit;
pub mod cancellation;
pub mod erasure;
pub mod expired_rows;
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
use domain::ports::store::error::StoreError;
use domain::ports::store::{Store, StoreReader};
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

/// Generates a test of each case of the contract.
///
/// The argument is an `async fn` or closure without arguments. It is called once per case and returns a
/// pair: the store under test as an `Arc<dyn Backend>`, **empty** and with [`subscriptions()`], and a guard
/// that must outlive the case (e.g. a temporary folder, or `()`). The calling crate needs tokio with
/// `macros` and `rt-multi-thread`.
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
            unit_of_work::committed_changes_are_stored
            unit_of_work::uncommitted_changes_are_invisible_to_readers
            unit_of_work::dropped_unit_of_work_is_rolled_back
            unit_of_work::unit_of_work_reads_its_own_writes
            unit_of_work::dropped_units_of_work_release_their_resources
            unit_of_work::store_reports_readiness
            members::member_round_trip_keeps_every_field
            members::unknown_member_is_none
            members::nicknames_are_stored_byte_by_byte
            members::timestamps_are_stored_to_the_millisecond
            members::phone_number_is_unique
            members::members_without_phone_number_do_not_conflict
            members::taken_phone_number_leaves_the_unit_of_work_usable
            members::update_writes_all_fields_and_increments_the_version
            members::update_with_old_member_version_is_stale
            members::update_of_unknown_member_is_stale
            members::update_with_taken_phone_number_fails
            members::replaced_phone_number_can_be_reused
            members::removed_member_cascades_to_owned_rows
            members::removal_with_old_member_version_is_stale
            members::member_search_by_id_phone_masked_phone_and_subject
            members::member_search_pages_newest_first
            identities::member_is_found_by_subject_with_all_subjects
            identities::unknown_subject_has_no_member
            identities::subjects_are_compared_byte_by_byte
            identities::longest_subject_is_not_truncated
            identities::taken_subject_leaves_the_unit_of_work_usable
            identities::member_of_taken_subject_is_found_in_the_same_unit_of_work
            identities::subjects_are_reassigned_to_another_member
            redemptions::redemption_round_trip_keeps_every_field
            redemptions::second_redemption_of_a_code_is_taken
            redemptions::concurrent_redemptions_of_one_code_add_one
            session_keys::session_key_round_trip_keeps_every_byte
            session_keys::later_session_key_replaces_the_previous_one
            session_keys::concurrent_session_key_upserts_leave_one_key
            session_keys::session_key_of_unknown_user_is_refused
            session_keys::session_key_moves_with_its_identity
            session_keys::session_key_is_deleted_with_its_member
            session_keys::identities_are_listed_by_member
            sessions::session_round_trip_keeps_every_field
            sessions::unknown_session_is_none
            sessions::session_advances_by_one_generation_only
            sessions::concurrent_advances_of_a_session_succeed_once
            sessions::ended_session_does_not_advance
            sessions::sessions_are_removed_singly_or_by_member
            sessions::sessions_opened_until_a_time_are_removed_in_batches
            sessions::epoch_of_sessions_rises_only
            sessions::committed_session_is_found_with_its_member
            audit::audit_event_round_trip_keeps_every_field
            audit::audit_events_are_filtered_and_paged
            audit::audit_events_are_counted_by_day
            admins::admin_round_trip_keeps_every_field
            admins::admin_name_is_unique
            admins::update_with_old_admin_version_is_stale
            admins::admin_lock_waits_and_reads_the_committed_account
            admins::admin_sessions_exist_until_they_are_ended
            apps::app_round_trip_keeps_every_field
            apps::app_name_and_app_id_are_unique
            apps::update_with_old_app_version_is_stale
            apps::removed_app_can_be_added_again
            apps::namespace_exists_while_it_has_subjects
            erasure::personal_data_export_is_complete_and_of_one_member
            erasure::subjects_and_phone_of_a_removed_member_can_be_reused
            erasure::tombstones_are_added_once_and_found
            erasure::removed_subject_has_no_member
            expired_rows::expired_redemptions_are_deleted_in_batches
            expired_rows::expired_sessions_are_deleted_in_batches
            expired_rows::old_session_keys_are_deleted_in_batches
            expired_rows::unused_admin_sessions_are_deleted_in_batches
            expired_rows::old_seen_pushes_are_deleted_in_batches
            expired_rows::old_audit_events_are_deleted_in_batches
            expired_rows::orphaned_events_are_deleted_in_batches
            expired_rows::uncommitted_deletion_keeps_expired_rows
            pushes::seen_push_is_known
            pushes::concurrent_marks_of_one_push_succeed_once
            pushes::pending_withdrawals_are_listed_oldest_first
            pushes::concurrent_removals_of_a_withdrawal_succeed_once
            outbox::event_is_stored_for_each_subscribed_receiver
            outbox::uncommitted_event_is_not_due
            outbox::events_of_one_member_are_due_in_order
            outbox::rescheduled_delivery_delays_only_its_member
            outbox::merge_event_is_ordered_for_both_members
            outbox::expired_claim_can_be_reclaimed
            outbox::concurrent_claims_of_a_delivery_succeed_once
            outbox::lost_claim_cannot_reschedule_the_delivery
            outbox::events_of_an_erased_member_stay_in_order
            outbox::events_of_one_member_keep_commit_order
            outbox::due_deliveries_respect_the_limit
            outbox::oldest_event_of_a_receiver
            signing_keys::signing_key_round_trip_keeps_every_field
            signing_keys::signing_key_number_is_unique
            signing_keys::signing_key_start_moves_earlier_only
            signing_keys::removed_signing_key_is_deleted
            signing_keys::concurrent_adds_of_one_number_add_one_signing_key
            races::concurrent_adds_of_one_subject_succeed_once
            races::concurrent_adds_of_one_phone_number_add_one_member
            races::concurrent_updates_of_one_member_are_never_lost
            races::thousand_first_logins_of_one_openid_add_one_member
            races::first_logins_of_distinct_openids_add_distinct_members
            races::write_for_removed_member_reports_contention
            races::logins_succeed_while_their_members_are_removed
            races::rows_for_a_locked_member_wait_for_its_removal
            races::member_lock_waits_and_reads_the_committed_member
            cancellation::cancelled_login_leaves_no_partial_data
            cancellation::cancelled_waiter_leaves_the_write_queue
            cancellation::concurrent_cancellations_leave_the_store_usable
        }
    };
    ($fresh:expr => $($topic:ident::$case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let fresh = $fresh;
            let (store, _guard) = fresh().await;
            let case = $crate::contract::store::$topic::$case(store);
            $crate::contract::store::with_timeout(case).await;
        }
    )* };
}

/// Runs a case and panics if it takes longer than two minutes, e.g. because of a deadlock.
pub async fn with_timeout(case: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_mins(2), case).await.expect("the case timed out");
}

pub(super) const SESSIONS: SessionPolicy = SessionPolicy {
    idle: Duration::from_hours(1),
    absolute: Duration::from_hours(10),
    grace: Duration::from_secs(10),
    per_member: 10,
};

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

static RANDOM: FixedRandom = FixedRandom::seeded(2020);

fn member() -> Member {
    let nickname = Nickname::parse("好柿开花8915").unwrap();
    Member::register(MemberId::generate(NOW, &RANDOM), nickname, None, NOW)
}

fn phone(number: u32) -> PhoneNumber {
    PhoneNumber::new(86, &format!("138{number:08}")).unwrap()
}

fn open_id(value: &str) -> Subject {
    Subject { namespace: "test:app".into(), kind: SubjectKind::OpenId, value: value.into() }
}

fn session_of(member: MemberId) -> Session {
    let app = AppName::parse("main").unwrap();
    Session::open(member, app, &SESSIONS, NOW, &RANDOM)
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
async fn add_known_member(store: &dyn Backend, subjects: &[Subject]) -> MemberId {
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

/// Logs in as the use case does: finds or adds the member and opens a session.
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
pub(super) async fn run_concurrently<I, F>(tasks: I) -> Vec<F::Output>
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

/// Store under test.
type Shared = Arc<dyn Backend>;
