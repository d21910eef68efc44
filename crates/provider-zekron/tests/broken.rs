//! The suite is worth what it catches: an adapter broken in one way fails the check of that way.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod vendor;

use provider_conformance::checks;

use vendor::{Preview, V1};

provider_conformance::catches! {
    capabilities_are_honest: checks::capabilities_are_honest, Preview => HidesNegativePrompts;
    advertised_parameters_are_sent: checks::advertised_parameters_are_sent, V1 => AdvertisesSeeds;
    quote_is_stable: checks::quote_is_stable, V1 => QuotesAnew;
    quote_bounds_charge: checks::quote_bounds_charge, V1 => QuotesLow ChargesMore;
    submit_finishes: checks::submit_finishes, V1 => LosesReference ChargesMore;
    unknown_fields_survive: checks::unknown_fields_survive, V1 => RefusesUnknownFields;
    unknown_enum_value_survives: checks::unknown_enum_value_survives, V1 => RefusesUnknownValues;
    every_further_request_takes_a_turn: checks::every_further_request_takes_a_turn, Preview => TakesTwoTurns;
    terminal_is_terminal: checks::terminal_is_terminal, V1 => PollsAnything;
    cancel_is_idempotent: checks::cancel_is_idempotent, V1 => CancelsAnything;
    rotation_is_honest: checks::rotation_is_honest, V1 => RotatesAnything;
    account_is_honest: checks::account_is_honest, V1 => KnowsNoBalance;
    recovery_is_honest: checks::recovery_is_honest, V1 => FindsNothing;
    maps_status_400: [400], V1 => CallsAllSafe CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_401: [401], V1 => CallsAllFinal CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_402: [402], V1 => CallsAllFinal CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_403: [403], V1 => CallsAllFinal CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_404: [404], V1 => CallsAllFinal CallsAllUnknown CallsAllUnauthorised SubmitsTwice;
    maps_status_409: [409], V1 => CallsAllSafe CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_422: [422], V1 => CallsAllSafe CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_429: [429], V1 => CallsAllFinal CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_500: [500], V1 => CallsAllFinal CallsAllUnauthorised SubmitsTwice;
    maps_status_502: [502], V1 => CallsAllFinal CallsAllUnauthorised SubmitsTwice;
    maps_status_503: [503], V1 => CallsAllFinal CallsAllFailed SubmitsTwice;
    retry_after_is_kept: checks::retry_after_is_kept, V1 => ForgetsRetryAfter;
    content_refusal_is_not_retryable: checks::content_refusal_is_not_retryable, V1 => CallsAllFailed CallsAllSafe;
    a_proxys_failure_proves_nothing: checks::a_proxys_failure_proves_nothing, Preview => CallsAllSafe;
    malformed_json: checks::malformed_json, V1 => CallsAllSafe CallsAllUnknown;
    truncated_body: checks::truncated_body, V1 => CallsAllSafe CallsAllUnknown;
    oversized_body: checks::oversized_body, V1 => CallsAllSafe;
    wrong_content_type: checks::wrong_content_type, V1 => CallsAllSafe;
    slow_vendor_hits_deadline: checks::slow_vendor_hits_deadline, V1 => CallsAllSafe CallsAllUnknown CallsAllFailed;
    refused_connection_is_safe: checks::refused_connection_is_safe, V1 => CallsAllUnknown CallsAllFailed;
    connection_reset_before_work: checks::connection_reset_before_work, V1 => CallsAllFinal CallsAllFailed;
    connection_reset_after_send_is_unknown: checks::connection_reset_after_send_is_unknown, V1 => CallsAllSafe;
    no_second_submit_on_unknown: checks::no_second_submit_on_unknown, V1 => SubmitsTwice;
    dropped_future_leaves_no_task: checks::dropped_future_leaves_no_task, V1 => LeavesTask;
    secret_never_in_debug_display_or_log: checks::secret_never_in_debug_display_or_log, V1 => ShowsKey LogsPrompt;
    vendor_error_text_never_in_public_message: checks::vendor_error_text_never_in_public_message, V1 => ShowsVendorsWords;
    golden_requests: checks::golden_requests, V1 => ChangesPrompt;
    golden_responses: checks::golden_responses, V1 => CallsAllFailed LosesReference;
    job_is_followed_to_its_end: checks::job_is_followed_to_its_end, V1 => PollsAnything CancelsAnything;
    rotation_finds_the_key: checks::rotation_finds_the_key, V1 => RotatesAnything;
    other_hosts_get_no_credential: checks::other_hosts_get_no_credential, Preview => SendsKeyAlong;
    nothing_kept_comes_inline: checks::nothing_kept_comes_inline, V1 => KeepsEverything;
    forgetting_is_honest: checks::forgetting_is_honest, V1 => ForgetsNothing;
    statement_is_honest: checks::statement_is_honest, V1 => StatesNothing StatesZeros StatesTwice StatesUncounted StatesTotalsOnly LooksTwice IgnoresBadEntries CallsAllFinal;
}
