//! The suite that every store must pass.
//!
//! [`conforms`] checks the rules of the [`Store`] contract one by one, on any engine, in memory or
//! across a network. [`agrees_with_the_model`] plays random requests on a store that lives on
//! tokio's clock and compares every answer and every watch with a [`Model`] that is too simple to
//! be wrong. A test of an engine calls both; an embedder's own engine is no different.

mod calls;
mod compaction;
mod generate;
mod leases;
mod model;
mod observer;
mod random;
mod reads;
mod revisions;
mod transactions;
mod watches;

pub use generate::steps;
pub use model::Model;
pub use observer::Observer;
pub use random::{Step, agrees_with_the_model, play};

use std::sync::Arc;

use orchestrator_core::Store;

/// Checks every rule, each on a new store from `make`.
///
/// Takes some seconds where time is real, for leases have to run out.
///
/// # Panics
/// The store breaks its contract; the message says which rule.
pub async fn conforms(make: impl Fn() -> Arc<dyn Store>) {
    revisions::each_write_takes_the_next_revision(&*make()).await;
    revisions::what_writes_nothing_takes_none(&*make()).await;
    revisions::a_key_knows_its_history_in_numbers(&*make()).await;
    reads::a_range_is_one_key_a_prefix_or_all_from_a_key_on(&*make()).await;
    reads::a_limit_cuts_the_keys_and_not_the_count(&*make()).await;
    reads::the_past_reads_as_it_was(&*make()).await;
    transactions::conditions_choose_the_branch(&*make()).await;
    transactions::a_missing_key_compares_as_zeros(&*make()).await;
    transactions::reads_see_the_writes_before_them(&*make()).await;
    transactions::nested_transactions_are_one_revision(&*make()).await;
    transactions::a_refused_transaction_writes_nothing(&*make()).await;
    transactions::a_put_may_keep_the_value_or_the_lease(&*make()).await;
    transactions::short_forms_tell_of_conflicts(&*make()).await;
    watches::changes_come_in_order_once_and_whole(&*make()).await;
    watches::only_what_matches_comes(&*make()).await;
    watches::a_watch_starts_anywhere_in_the_kept_history(&*make()).await;
    watches::deletions_carry_what_was_deleted(&*make()).await;
    watches::progress_is_told_and_true(&*make()).await;
    watches::one_that_is_not_read_stops_nobody(&*make()).await;
    compaction::what_is_older_is_gone_and_the_rest_stays(&*make()).await;
    compaction::a_watch_from_before_is_refused(&*make()).await;
    leases::keys_end_with_their_lease_in_one_revision(&*make()).await;
    leases::a_key_has_the_lease_of_its_last_put(&*make()).await;
    leases::a_lease_ends_by_itself_and_not_early(&*make()).await;
    leases::a_kept_lease_lives_on(&*make()).await;
    leases::unknown_and_double_leases_are_refused(&*make()).await;
}
