//! The gateway that a command talks to: a running one, or one of its own for as long as it runs.

use secrecy::SecretString;

use super::{Session, args::Remote, client::Client, failure::Failure};
use crate::{
    config::Environment,
    server::{Gateway, Purpose, Running},
};

/// A gateway that a command talks to.
pub(super) struct Target {
    pub(super) client: Client,
    own: Option<Running>,
}

/// The address and key that flags or variables name.
fn named(remote: Remote, environment: &Environment) -> (Option<String>, Option<SecretString>) {
    let variable = |name| environment.filled(name).map(str::to_owned);
    let url = remote.url.or_else(|| variable("ATELIER_URL"));
    let key = remote.key.or_else(|| variable("ATELIER_KEY").map(SecretString::from));
    (url, key)
}

impl Target {
    /// The named gateway, or one that is started now.
    pub(super) async fn any(session: &Session<'_>, remote: Remote) -> Result<Self, Failure> {
        let (url, key) = named(remote, session.environment);
        if let Some(url) = url {
            return Ok(Self { client: Client::new(&url, key)?, own: None });
        }
        let mut config = session.load()?;
        // It serves this process alone; the configured address may be another gateway's by now.
        config.server.listen = ([127, 0, 0, 1], 0).into();
        config.server.public_url = None;
        let own = Gateway::start(config, Purpose::Command).await?;
        let client = Client::new(&own.base_url, own.command_key.clone())?;
        Ok(Self { client, own: Some(own) })
    }

    /// The named gateway, or the one that the configuration would start, with its admin key.
    pub(super) fn admin(session: &Session<'_>, remote: Remote) -> Result<Client, Failure> {
        let (url, key) = named(remote, session.environment);
        if let (Some(url), Some(key)) = (&url, &key) {
            return Client::new(url, Some(key.clone()));
        }
        let config = session.load()?;
        let url = url.unwrap_or_else(|| crate::server::local_url(config.server.listen));
        let key = key.or(config.admin_key).ok_or_else(|| {
            Failure::usage("this takes the admin key: give --key, or set ATELIER_KEY")
        })?;
        Client::new(&url, Some(key))
    }

    /// Ends the gateway that was started for this command.
    pub(super) async fn end(self) {
        if let Some(own) = self.own {
            own.stop().await;
        }
    }
}
