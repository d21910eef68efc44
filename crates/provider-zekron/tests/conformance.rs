//! Both dialects against the suite that every adapter passes.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod vendor;

mod v1 {
    provider_conformance::conformance!(crate::vendor::V1);
}

mod preview {
    provider_conformance::conformance!(crate::vendor::Preview);
}
