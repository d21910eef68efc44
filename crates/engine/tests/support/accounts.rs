//! Accounts that a test adds: any name, the vendor's own limits.

use std::sync::Arc;

use engine::{Account, OpenAccount, Refusal};
use provider::Provider;
use secrecy::SecretString;
use serde_json::Value;

/// Takes `{"concurrent": N}` for settings, and nothing else.
#[derive(Debug)]
pub(crate) struct Opener(pub(crate) Arc<dyn Provider>);

impl OpenAccount for Opener {
    fn open(
        &self,
        provider: &str,
        name: &str,
        key: SecretString,
        settings: &Value,
    ) -> engine::Result<Account> {
        let mut limits = self.0.limits(name);
        for (setting, value) in settings.as_object().into_iter().flatten() {
            match (setting.as_str(), value.as_u64().and_then(|n| u32::try_from(n).ok())) {
                ("concurrent", Some(slots)) => limits.concurrent = Some(slots),
                _ => return Err(Refusal::field(setting, "there is no such setting")),
            }
        }
        let id = format!("{provider}/{name}");
        Ok(Account {
            name: name.to_owned(),
            id,
            key: key.into(),
            limits,
            terms: engine::Terms::default(),
        })
    }
}
