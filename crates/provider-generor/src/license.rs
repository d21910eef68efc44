//! The license of creations. No field of `generate` sets it: every creation begins as an open one, and
//! another license is set when it is there. What was made and paid for stays so where that fails.

use bytes::Bytes;
use serde_json::{Value, json};

use provider::{Adjustment, Blame, Call, Error, ErrorKind, Result, Retry, Work};
use provider_http::Request;

use crate::{Config, client::Api, options::LICENSE, refusals};

/// What every creation begins with.
const OPEN: u64 = 1;

/// The license that has to be set once the work is done; none where it has it from the beginning.
pub(crate) fn wished(work: &Work) -> Option<u64> {
    let asked = work.options.get(LICENSE).and_then(Value::as_u64);
    asked.filter(|license| *license != OPEN)
}

/// That the work has not the license that was asked for.
pub(crate) fn not_set(config: &Config, asked: u64, reason: &str) -> (String, Adjustment) {
    let name = format!("provider_options.{}.{LICENSE}", config.name);
    let (requested, used) = (Value::from(asked), Value::from(OPEN));
    (name, Adjustment { requested, used, reason: reason.to_owned() })
}

impl Api {
    /// Sets the license of each creation. One that fails keeps none of the others; only where the account
    /// itself may not, or not now, the rest is left.
    ///
    /// # Errors
    /// The first failure.
    pub(crate) async fn license(
        &self,
        call: Call<'_>,
        creations: &[String],
        license: u64,
    ) -> Result<()> {
        if creations.is_empty() {
            let public = "the vendor did not say which creations it made";
            return Err(Error::new(ErrorKind::Failed, Blame::Vendor, Retry::No, public));
        }
        let body = Bytes::from(json!({ LICENSE: license }).to_string());
        let mut result = Ok(());
        for id in creations {
            let url = self.url(&["creations", id])?;
            let request = Request::amend("license", url, body.clone());
            match self.told(call, request).await.map_err(refusals::needs_write) {
                Ok(()) => {}
                Err(error) if error.blame() == Blame::Account => return Err(error),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}
