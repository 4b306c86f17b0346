//! The suite that every store must pass.
//!
//! [`conforms`] checks the rules of the [`Store`] contract one by one, on any engine, in memory or
//! across a network. [`agrees_with_the_model`] plays random requests on a store that lives on
//! tokio's clock and compares every answer and every watch with a [`Model`] that is too simple to
//! be wrong. A test of an engine calls both; an embedder's own engine is no different. One that
//! keeps its data while it is closed has a [`Home`], and two more: [`survives_reopening`] and
//! [`agrees_with_the_model_across_reopening`].
//!
//! # Rules
//!
//! | of | checked |
//! |---|---|
//! | revisions | each write takes the next one, what writes nothing takes none, versions and create revisions |
//! | reads | one key, prefix, range, open range; limit, count, more; the past, the future; serializable; any bytes |
//! | transactions | conditions on every target and relation, of ranges and of missing keys; reads that see the writes before them; nesting; all checks before any write; kept values and leases; the bounds |
//! | meetings | one of those that create a key wins; writers at once take a revision each; a write that is given up is whole or not there |
//! | watches | order, once, whole, filter, start anywhere, the future, what was replaced, progress, an unread watch stops nobody |
//! | compaction | the floor, what stays, watches from before, deletions at the floor |
//! | leases | end in one revision, not early, by themselves; kept, moved, unknown, double, too long |
//! | reopening | data, floor, watches and leases as before |
//! | the model | random requests of all these kinds, against an implementation that is too simple to be wrong |
//!
//! # Examples
//!
//! In the tests of a crate with a store of its own:
//!
//! ```
//! use std::sync::Arc;
//!
//! use orchestrator_core::Store;
//! use orchestrator_testkit::store;
//!
//! /// `make` gives a new, empty store each time.
//! async fn our_store_conforms(make: impl Fn() -> Arc<dyn Store>) {
//!     store::conforms(make).await;
//! }
//!
//! /// The same on a clock that stands still unless all wait: the store takes its time from `Env`.
//! fn our_store_agrees_with_the_model(make: impl Fn() -> Arc<dyn Store>) {
//!     store::agrees_with_the_model(make);
//! }
//! ```
//!
//! A test is then one call, `our_store_conforms(|| Arc::new(OurStore::new())).await`. A store under
//! power failures and network faults is the matter of `orchestrator_store::sim`.

mod calls;
mod compaction;
mod generate;
mod home;
mod leases;
mod meetings;
mod model;
mod observer;
mod random;
mod reads;
mod reopening;
mod revisions;
mod spread;
mod transactions;
mod watches;

pub use generate::{steps, steps_with_reopening};
pub use home::Home;
pub use model::Model;
pub use observer::Observer;
pub use random::{
    Step, agrees_with_the_model, agrees_with_the_model_across_reopening,
    agrees_with_the_model_opened, play, play_at,
};
pub use spread::Spread;

use std::sync::Arc;

use orchestrator_core::Store;

/// Checks every rule, each on a new store from `make`.
///
/// Takes some seconds where time is real, for leases have to run out.
///
/// # Panics
/// The store breaks its contract; the message says which rule.
pub async fn conforms(make: impl Fn() -> Arc<dyn Store>) {
    conforms_opened(async || make()).await;
}

/// The same for a store that takes a moment to open.
///
/// # Panics
/// The store breaks its contract; the message says which rule.
pub async fn conforms_opened(open: impl AsyncFn() -> Arc<dyn Store>) {
    revisions::each_write_takes_the_next_revision(&*open().await).await;
    revisions::what_writes_nothing_takes_none(&*open().await).await;
    revisions::a_key_knows_its_history_in_numbers(&*open().await).await;
    reads::a_range_is_one_key_a_prefix_or_all_from_a_key_on(&*open().await).await;
    reads::a_limit_cuts_the_keys_and_not_the_count(&*open().await).await;
    reads::the_past_reads_as_it_was(&*open().await).await;
    reads::a_serializable_read_is_of_one_revision(&*open().await).await;
    reads::keys_and_values_are_any_bytes(&*open().await).await;
    transactions::conditions_choose_the_branch(&*open().await).await;
    transactions::a_missing_key_compares_as_zeros(&*open().await).await;
    transactions::reads_see_the_writes_before_them(&*open().await).await;
    transactions::nested_transactions_are_one_revision(&*open().await).await;
    transactions::a_refused_transaction_writes_nothing(&*open().await).await;
    transactions::a_put_may_keep_the_value_or_the_lease(&*open().await).await;
    transactions::short_forms_tell_of_conflicts(&*open().await).await;
    transactions::a_range_is_deleted_in_one_revision(&*open().await).await;
    transactions::all_writes_share_one_revision(&*open().await).await;
    meetings::of_writers_that_meet_one_wins(&*open().await).await;
    meetings::writers_that_meet_take_one_revision_each(&*open().await).await;
    meetings::a_write_that_is_given_up_happens_whole_or_not_at_all(&*open().await).await;
    watches::changes_come_in_order_once_and_whole(&*open().await).await;
    watches::the_largest_revision_comes_whole(&*open().await).await;
    watches::only_what_matches_comes(&*open().await).await;
    watches::a_watch_starts_anywhere_in_the_kept_history(&*open().await).await;
    watches::deletions_carry_what_was_deleted(&*open().await).await;
    watches::progress_is_told_and_true(&*open().await).await;
    watches::one_that_is_not_read_stops_nobody(&*open().await).await;
    watches::a_watch_of_the_future_waits_for_it(&*open().await).await;
    watches::a_range_is_watched_like_it_is_read(&*open().await).await;
    compaction::what_is_older_is_gone_and_the_rest_stays(&*open().await).await;
    compaction::a_watch_from_before_is_refused(&*open().await).await;
    compaction::the_newest_revision_can_be_compacted(&*open().await).await;
    leases::keys_end_with_their_lease_in_one_revision(&*open().await).await;
    leases::a_key_has_the_lease_of_its_last_put(&*open().await).await;
    leases::a_lease_ends_by_itself_and_not_early(&*open().await).await;
    leases::a_kept_lease_lives_on(&*open().await).await;
    leases::unknown_and_double_leases_are_refused(&*open().await).await;
    leases::a_deleted_key_leaves_its_lease(&*open().await).await;
    leases::a_lease_that_is_too_long_is_refused(&*open().await).await;
}

/// Checks that a compaction keeps the changes of the revision that it names, deletions too.
///
/// Our engines do; of etcd, versions from before 2024 forget the deletions among them.
///
/// # Panics
/// The store has forgotten one.
pub async fn keeps_the_compacted_revision(store: Arc<dyn Store>) {
    compaction::a_deletion_at_the_compacted_revision_is_still_told(&*store).await;
}

/// Checks the rules of stores that keep their data while they are closed, each in a new home.
///
/// # Panics
/// The store breaks its contract; the message says which rule.
pub async fn survives_reopening<H: Home>(make: impl Fn() -> H) {
    reopening::what_was_written_is_there(&mut make()).await;
    reopening::a_watch_resumes_where_it_was(&mut make()).await;
    reopening::what_was_compacted_stays_so(&mut make()).await;
    reopening::leases_live_on_and_end_in_time(&mut make()).await;
}
