//! The suite that every adapter passes: a named check for each line of the contract.
//!
//! An adapter's `tests/conformance.rs` describes its vendor as a [`Fixture`] (how to build the
//! adapter, one valid piece of work, and the vendor's answers as a function of the request) and
//! writes `provider_conformance::conformance!(FIXTURE);`. Each check then is a test of its own.
//!
//! The suite knows no vendor. What it may demand it reads from the adapter's own
//! [`Description`](provider::Description): an advertised capability is tried, and one that is not
//! advertised must be refused before a byte is sent. So nothing is skipped silently: where a vendor
//! has no queue, no history or no rotation, the same check demands the refusal instead.
//!
//! A suite is worth what it catches. [`flaws`] breaks an adapter in one way at a time, and each check
//! has to find the flaws that are its own: an adapter's `tests/broken.rs` is a list of them.
//!
//! The vendor is played by a raw HTTP/1 server ([`Vendor`]) on a port of the system's choice and a
//! thread of its own. It can do what no HTTP library lets a server do: cut bodies, stall, flood,
//! and reset connections before and after it has read a request.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "this crate is a test: a failed check is a panic, and says why it demands a refusal"
)]

mod answer;
mod capture;
pub mod checks;
mod fixture;
pub mod flaws;
mod relay;
mod sink;
mod stage;
mod vendor;

pub use answer::{Answer, Ending};
pub use fixture::{Books, Fixture, Means, NothingKept, Queue, Rotation};
pub use sink::{MemorySink, MemoryWriter, Turns};
pub use vendor::{Recorded, Vendor};

/// Makes one test of every check, for one fixture.
#[macro_export]
macro_rules! conformance {
    ($fixture:expr) => {
        $crate::conformance! { @plain $fixture;
            capabilities_are_honest advertised_parameters_are_sent quote_is_stable
            quote_bounds_charge submit_finishes unknown_fields_survive unknown_enum_value_survives
            terminal_is_terminal cancel_is_idempotent rotation_is_honest account_is_honest
            recovery_is_honest every_further_request_takes_a_turn
            retry_after_is_kept content_refusal_is_not_retryable a_proxys_failure_proves_nothing
            malformed_json truncated_body oversized_body wrong_content_type
            slow_vendor_hits_deadline refused_connection_is_safe
            connection_reset_before_work connection_reset_after_send_is_unknown
            no_second_submit_on_unknown dropped_future_leaves_no_task
            secret_never_in_debug_display_or_log vendor_error_text_never_in_public_message
            golden_requests golden_responses
            job_is_followed_to_its_end vanished_job_is_not_found refused_poll_is_safe
            blocked_job_is_final failed_job_tells_its_charge queued_submit_failure_is_unknown
            delete_is_idempotent expired_address_is_issued_anew
            other_hosts_get_no_credential nothing_kept_comes_inline
            rotation_finds_the_key lost_rotation_is_unknown rotated_key_is_never_shown
            allowances_are_told forgetting_is_honest statement_is_honest
        }
        $crate::conformance! { @status $fixture;
            maps_status_400 400, maps_status_401 401, maps_status_402 402, maps_status_403 403,
            maps_status_404 404, maps_status_409 409, maps_status_422 422, maps_status_429 429,
            maps_status_500 500, maps_status_502 502, maps_status_503 503
        }
    };
    (@plain $fixture:expr; $($check:ident)*) => {$(
        #[tokio::test]
        async fn $check() {
            $crate::checks::$check(&$fixture).await;
        }
    )*};
    (@status $fixture:expr; $($check:ident $status:literal),*) => {$(
        #[tokio::test]
        async fn $check() {
            $crate::checks::maps_status(&$fixture, $status).await;
        }
    )*};
}
