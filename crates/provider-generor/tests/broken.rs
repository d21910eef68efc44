//! The suite is worth what it catches: an adapter broken in one way fails the check of that way.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod vendor;

use provider_conformance::checks;

use vendor::Gn::{Images, Texts, Videos};

provider_conformance::catches! {
    advertised_parameters_are_sent: checks::advertised_parameters_are_sent, Images => AdvertisesSeeds;
    quote_is_stable: checks::quote_is_stable, Images => QuotesAnew;
    quote_bounds_charge: checks::quote_bounds_charge, Images => QuotesLow ChargesMore;
    submit_finishes: checks::submit_finishes, Videos => LosesReference ChargesMore;
    unknown_fields_survive: checks::unknown_fields_survive, Images => RefusesUnknownFields;
    unknown_enum_value_survives: checks::unknown_enum_value_survives, Images => RefusesUnknownValues;
    every_further_request_takes_a_turn: checks::every_further_request_takes_a_turn, Images => TakesTwoTurns;
    terminal_is_terminal: checks::terminal_is_terminal, Images => PollsAnything;
    cancel_is_idempotent: checks::cancel_is_idempotent, Images => CancelsAnything;
    rotation_is_honest: checks::rotation_is_honest, Images => RotatesNothing;
    account_is_honest: checks::account_is_honest, Images => KnowsNoBalance;
    recovery_is_honest: checks::recovery_is_honest, Texts => FindsNothing;
    maps_status_400: [400], Images => CallsAllSafe CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_401: [401], Images => CallsAllFinal CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_402: [402], Images => CallsAllFinal CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_403: [403], Images => CallsAllFinal CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_404: [404], Images => CallsAllFinal CallsAllUnknown CallsAllUnauthorised SubmitsTwice;
    maps_status_409: [409], Images => CallsAllSafe CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_422: [422], Images => CallsAllSafe CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_429: [429], Images => CallsAllFinal CallsAllUnknown CallsAllFailed SubmitsTwice;
    maps_status_500: [500], Images => CallsAllFinal CallsAllUnauthorised SubmitsTwice;
    maps_status_502: [502], Images => CallsAllFinal CallsAllUnauthorised SubmitsTwice;
    maps_status_503: [503], Images => CallsAllFinal CallsAllFailed SubmitsTwice;
    retry_after_is_kept: checks::retry_after_is_kept, Images => ForgetsRetryAfter;
    content_refusal_is_not_retryable: checks::content_refusal_is_not_retryable, Images => CallsAllFailed CallsAllSafe;
    a_proxys_failure_proves_nothing: checks::a_proxys_failure_proves_nothing, Images => CallsAllSafe;
    malformed_json: checks::malformed_json, Images => CallsAllSafe CallsAllUnknown;
    truncated_body: checks::truncated_body, Images => CallsAllSafe CallsAllUnknown;
    oversized_body: checks::oversized_body, Images => CallsAllSafe;
    wrong_content_type: checks::wrong_content_type, Images => CallsAllSafe;
    slow_vendor_hits_deadline: checks::slow_vendor_hits_deadline, Images => CallsAllSafe CallsAllUnknown CallsAllFailed;
    refused_connection_is_safe: checks::refused_connection_is_safe, Images => CallsAllUnknown CallsAllFailed;
    connection_reset_before_work: checks::connection_reset_before_work, Images => CallsAllFinal CallsAllFailed;
    connection_reset_after_send_is_unknown: checks::connection_reset_after_send_is_unknown, Images => CallsAllSafe;
    no_second_submit_on_unknown: checks::no_second_submit_on_unknown, Images => SubmitsTwice;
    dropped_future_leaves_no_task: checks::dropped_future_leaves_no_task, Images => LeavesTask;
    secret_never_in_debug_display_or_log: checks::secret_never_in_debug_display_or_log, Images => ShowsKey LogsPrompt;
    vendor_error_text_never_in_public_message: checks::vendor_error_text_never_in_public_message, Images => ShowsVendorsWords;
    golden_requests: checks::golden_requests, Images => ChangesPrompt;
    golden_responses: checks::golden_responses, Images => CallsAllFailed LosesReference;
    job_is_followed_to_its_end: checks::job_is_followed_to_its_end, Images => PollsAnything CancelsAnything;
    rotation_finds_the_key: checks::rotation_finds_the_key, Images => RotatesAnything;
    lost_rotation_is_unknown: checks::lost_rotation_is_unknown, Images => CallsAllSafe CallsAllUnknown;
    rotated_key_is_never_shown: checks::rotated_key_is_never_shown, Images => LogsNewKey ShowsKey;
    other_hosts_get_no_credential: checks::other_hosts_get_no_credential, Images => SendsKeyAlong;
    forgetting_is_honest: checks::forgetting_is_honest, Images => ForgetsNothing ForgetsFirst ForgetsUncounted CallsAllFinal;
    nothing_kept_comes_inline: checks::nothing_kept_comes_inline, Images => KeepsEverything;
    statement_is_honest: checks::statement_is_honest, Images => StatesNothing StatesZeros StatesTwice StatesUncounted StatesTotalsOnly LooksTwice IgnoresBadEntries CallsAllFinal;
}
