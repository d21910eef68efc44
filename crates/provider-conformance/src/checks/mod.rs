//! The checks. Each panics where the adapter breaks the contract.

mod allowances;
mod bodies;
mod forgetting;
mod golden;
mod honesty;
mod lifecycle;
mod network;
mod outputs;
mod queue;
mod rotation;
mod secrets;
mod statements;
mod statuses;

pub use allowances::allowances_are_told;
pub use bodies::{malformed_json, oversized_body, truncated_body, wrong_content_type};
pub use forgetting::forgetting_is_honest;
pub use golden::{golden_requests, golden_responses};
pub use honesty::{
    account_is_honest, advertised_parameters_are_sent, cancel_is_idempotent,
    capabilities_are_honest, recovery_is_honest, rotation_is_honest, terminal_is_terminal,
};
pub use lifecycle::{
    every_further_request_takes_a_turn, quote_bounds_charge, quote_is_stable, submit_finishes,
    unknown_enum_value_survives, unknown_fields_survive,
};
pub use network::{
    connection_reset_after_send_is_unknown, connection_reset_before_work,
    dropped_future_leaves_no_task, no_second_submit_on_unknown, refused_connection_is_safe,
    slow_vendor_hits_deadline,
};
pub use outputs::{
    expired_address_is_issued_anew, nothing_kept_comes_inline, other_hosts_get_no_credential,
};
pub use queue::{
    blocked_job_is_final, delete_is_idempotent, failed_job_tells_its_charge,
    job_is_followed_to_its_end, queued_submit_failure_is_unknown, refused_poll_is_safe,
    vanished_job_is_not_found,
};
pub use rotation::{lost_rotation_is_unknown, rotated_key_is_never_shown, rotation_finds_the_key};
pub use secrets::{
    secret_never_in_debug_display_or_log, vendor_error_text_never_in_public_message,
};
pub use statements::statement_is_honest;
pub use statuses::{
    a_proxys_failure_proves_nothing, content_refusal_is_not_retryable, maps_status,
    retry_after_is_kept,
};
