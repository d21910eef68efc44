//! Images and videos against the suite that every adapter passes.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod vendor;

mod images {
    provider_conformance::conformance!(crate::vendor::Zs::Images);
}

mod videos {
    provider_conformance::conformance!(crate::vendor::Zs::Videos);
}
