//! The checks that every backend of [`Records`](crate::Records) passes, one function a check.
//!
//! A backend instantiates them all with [`records_suite!`](crate::records_suite), a named test for
//! each, so that what the engine relies on is written down once and no backend can forget a part.
//! Each check gets records of its own, empty ones.
#![expect(clippy::unwrap_used, reason = "checks are tests, wherever they are compiled")]

mod accounts;
mod answers;
mod audit;
mod batches;
mod budgets;
mod decisions;
mod deliveries;
mod erasing;
mod hostile;
mod ledger;
mod life;
mod lists;
mod money;
mod people;
mod reports;
mod retention;
pub(crate) mod samples;
mod schedules;
mod states;
mod units;
mod users;
mod workers;

pub use accounts::{accounts_are_replaced, sealed_texts_are_found_and_replaced};
pub use answers::{
    an_answer_is_whole_at_once, answers_need_their_source, shared_bytes_go_with_the_last,
    who_waited_in_vain_pays_for_itself,
};
pub use audit::{audit_goes_from_its_old_end, audit_is_filtered_and_paged, audit_keeps_everything};
pub use batches::{a_bad_list_spoils_no_other, queued_changes_come_before_later_ones};
pub use budgets::{
    budgets_count_what_was_before, budgets_cover_to_the_last, corrections_and_losses_free_budgets,
    racing_never_passes_a_budget, reserves_become_holds_and_charges,
};
pub use decisions::decisions_are_kept_and_counted;
pub use deliveries::{
    deliveries_are_due_in_turn, deliveries_go_with_the_generation, deliveries_keep_everything,
    deliveries_page_both_ways, webhook_secrets_are_kept_sealed,
};
pub use erasing::{
    erased_teams_keep_only_their_books, erased_teams_take_their_shadows,
    work_of_an_erased_team_ends_without_words,
};
pub use hostile::{claims_differ_by_a_byte, hostile_text_is_only_text};
pub use ledger::{
    drifts_are_entered_once, ledgers_are_filtered, losses_are_entered_once, purses_have_accounts,
};
pub use life::{
    assets_live_and_go, attempts_come_in_order, calls_are_remembered, erasing_keeps_the_books,
    idempotency_keys_stand_for_one, late_outputs_are_added, pruning_forgets_only_the_old,
    unfinished_finds_what_it_must, unheard_submits_are_remembered,
    what_comes_after_erasing_is_not_kept,
};
pub use lists::{
    generations_page_both_ways, keys_and_teams_page_both_ways, ledgers_page_both_ways,
    teams_are_walled_off,
};
pub use money::{
    a_late_charge_is_booked, a_list_is_all_or_nothing, ceilings_are_told_apart,
    corrections_are_new_entries, holds_go_with_booking_or_end, one_of_many_claims_wins, paid_once,
    usage_adds_up, zero_claims_and_books_nothing,
};
pub use people::{
    credentials_are_kept, documents_are_replaced, keys_are_found_by_hash,
    keys_are_found_by_their_beginning, last_uses_go_forward, old_texts_are_pruned, revoking_lasts,
    rotated_keys_have_a_grace, settings_are_decided_once, teams_and_keys_are_updated,
};
pub use reports::{spending_adds_up_by_any_dimension, usage_tells_savings_and_keys};
pub use retention::{
    forgotten_allowances_count_as_one, old_generations_are_forgotten, old_words_are_forgotten,
};
pub use schedules::random_schedules;
pub use states::{attempts_move_only_forward, generations_end_once, generations_keep_everything};
pub use units::{judgements_are_remembered, units_are_remembered};
pub use users::{users_are_rotated_and_revoked, users_keep_everything};
pub use workers::the_dead_are_taken_over_once;

/// A named test for every check of the suite. `$fresh` names an `async fn()` that returns empty
/// records as `Arc<dyn Records>`, and whatever must live as long as they do; `$again` names a `fn` that
/// opens the same records again by a reference to that.
#[macro_export]
macro_rules! records_suite {
    ($fresh:path, $again:path) => {
        $crate::records_suite! { @checks $fresh:
            an_answer_is_whole_at_once,
            answers_need_their_source,
            shared_bytes_go_with_the_last,
            who_waited_in_vain_pays_for_itself,
            a_bad_list_spoils_no_other,
            decisions_are_kept_and_counted,
            queued_changes_come_before_later_ones,
            deliveries_are_due_in_turn,
            deliveries_go_with_the_generation,
            deliveries_keep_everything,
            deliveries_page_both_ways,
            webhook_secrets_are_kept_sealed,
            claims_differ_by_a_byte,
            hostile_text_is_only_text,
            assets_live_and_go,
            attempts_come_in_order,
            calls_are_remembered,
            unheard_submits_are_remembered,
            erasing_keeps_the_books,
            idempotency_keys_stand_for_one,
            late_outputs_are_added,
            pruning_forgets_only_the_old,
            unfinished_finds_what_it_must,
            what_comes_after_erasing_is_not_kept,
            generations_page_both_ways,
            keys_and_teams_page_both_ways,
            ledgers_page_both_ways,
            teams_are_walled_off,
            a_late_charge_is_booked,
            a_list_is_all_or_nothing,
            ceilings_are_told_apart,
            corrections_are_new_entries,
            holds_go_with_booking_or_end,
            one_of_many_claims_wins,
            paid_once,
            usage_adds_up,
            zero_claims_and_books_nothing,
            credentials_are_kept,
            documents_are_replaced,
            keys_are_found_by_hash,
            keys_are_found_by_their_beginning,
            last_uses_go_forward,
            old_texts_are_pruned,
            revoking_lasts,
            rotated_keys_have_a_grace,
            teams_and_keys_are_updated,
            users_are_rotated_and_revoked,
            users_keep_everything,
            audit_goes_from_its_old_end,
            audit_is_filtered_and_paged,
            audit_keeps_everything,
            accounts_are_replaced,
            sealed_texts_are_found_and_replaced,
            erased_teams_keep_only_their_books,
            erased_teams_take_their_shadows,
            work_of_an_erased_team_ends_without_words,
            settings_are_decided_once,
            attempts_move_only_forward,
            generations_end_once,
            generations_keep_everything,
            units_are_remembered,
            judgements_are_remembered,
            budgets_count_what_was_before,
            budgets_cover_to_the_last,
            corrections_and_losses_free_budgets,
            racing_never_passes_a_budget,
            reserves_become_holds_and_charges,
            drifts_are_entered_once,
            ledgers_are_filtered,
            losses_are_entered_once,
            purses_have_accounts,
            spending_adds_up_by_any_dimension,
            usage_tells_savings_and_keys,
            forgotten_allowances_count_as_one,
            old_generations_are_forgotten,
            old_words_are_forgotten,
            the_dead_are_taken_over_once,
        }

        #[test]
        fn random_schedules() {
            $crate::suite::random_schedules($fresh, $again);
        }
    };
    (@checks $fresh:path: $($check:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $check() {
            let (records, _kept) = $fresh().await;
            $crate::suite::$check(records).await;
        }
    )*};
}
