//! Pictures, words and clips against the suite that every adapter passes.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod vendor;

mod images {
    provider_conformance::conformance!(crate::vendor::Gn::Images);
}

mod texts {
    provider_conformance::conformance!(crate::vendor::Gn::Texts);
}

mod videos {
    provider_conformance::conformance!(crate::vendor::Gn::Videos);
}
