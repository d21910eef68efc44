//! Reading what is wanted, and what becomes of a read that failed.

use std::{sync::Arc, time::Duration};

use provider::{Error, ErrorKind, Kind, Pace, Result};
use provider_http::{Effect, unreadable};
use serde_json::Value;

use crate::{
    catalogue::{self, Catalogue, Listed},
    estimates::{Answer, Entry, Failure},
    facts::Media,
    generators::Due,
    key::Key,
    knowledge::Known,
    order::default_slug,
};

impl Known {
    pub(crate) async fn learn_models(&self, pace: &dyn Pace) -> Result<()> {
        let read = self.read_models(pace).await;
        let now = self.clock.now();
        let listed = match read {
            Ok(listed) => listed,
            Err(error) => {
                self.catalogue_due.write().failed(false, now);
                return Err(error);
            }
        };
        let before = Arc::clone(&self.catalogue.read());
        // The same models keep their one description: who holds it sees that nothing changed.
        let fresh = match before.listed == listed {
            true => before.read_again(now),
            false => Catalogue::new(&self.config, listed, Some(now)),
        };
        *self.catalogue.write() = Arc::new(fresh);
        *self.catalogue_due.write() = Due::read(now);
        Ok(())
    }

    /// All models at once, or type by type where that cannot be read.
    async fn read_models(&self, pace: &dyn Pace) -> Result<Vec<Listed>> {
        let failed = match self.public.models(None, pace).await {
            Ok(pages) => match catalogue::collect(pages.into(), None) {
                listed if listed.is_empty() => unreadable(Effect::Read, "no model in the list"),
                listed => return Ok(listed),
            },
            Err(error) => error,
        };
        if !matches!(failed.kind(), ErrorKind::NotFound | ErrorKind::Failed) {
            return Err(failed);
        }
        let mut listed = Vec::new();
        for media in Media::ALL {
            match self.public.models(Some(media), pace).await {
                Ok(pages) => listed.extend(catalogue::collect(pages.into(), Some(media))),
                // A type that is not there has no models; another failure would lose some.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if listed.is_empty() { Err(failed) } else { Ok(listed) }
    }

    pub(crate) async fn learn_generators(&self, pace: &dyn Pace) -> Result<()> {
        let read = self.public.generators(pace).await;
        let now = self.clock.now();
        let learned = match read {
            Ok(rows) if self.generators.learn_list(&rows, now) => Ok(()),
            Ok(_) => Err(unreadable(Effect::Read, "no generator in the list")),
            Err(error) => Err(error),
        };
        if learned.is_err() {
            self.generators.list_failed(now);
        } else if self.lists("text") == Some(true)
            && !self.config.generators.contains_key(&Kind::Text)
        {
            self.generators.want(default_slug(Kind::Text, true));
        }
        learned
    }

    pub(crate) async fn learn_schema(&self, slug: &str, pace: &dyn Pace) -> Result<()> {
        let read = self.public.generator(slug, pace).await;
        let now = self.clock.now();
        let error = match read {
            Ok(mut page) => {
                let parameters = page.get_mut("parameters").map_or(Value::Null, Value::take);
                if self.generators.learn_schema(slug, parameters, now) {
                    return Ok(());
                }
                unreadable(Effect::Read, "a generator without parameters")
            }
            Err(error) => error,
        };
        let absent = error.kind() == ErrorKind::NotFound;
        self.generators.schema_failed(slug, absent, now);
        Err(error)
    }

    pub(crate) async fn learn_estimate(&self, key: &str, pace: &dyn Pace) -> Result<()> {
        let Some(entry) = Key::parse(key).and_then(|key| self.estimates.find(key)) else {
            return Ok(());
        };
        let turn = pace.turn().await?;
        self.ask(&entry, None, turn).await.map(drop)
    }

    /// Asks the vendor about one kind of order and remembers the answer.
    pub(crate) async fn ask(
        &self,
        entry: &Entry,
        within: Option<Duration>,
        turn: provider::Turn,
    ) -> Result<Arc<Answer>> {
        let told = self.public.estimate(&entry.slug, entry.body.clone(), within, turn).await;
        let now = self.clock.now();
        let told = told.and_then(|data| {
            let answer = Answer::read(&data, now);
            answer.ok_or_else(|| unreadable(Effect::Read, "an estimate without a price"))
        });
        match told {
            Ok(answer) => {
                self.has_learned();
                Ok(entry.answered(answer))
            }
            Err(error) => {
                entry.failed(failure(&error), now);
                Err(error)
            }
        }
    }
}

/// Whether the vendor refused the question itself, or nobody answered.
pub(crate) fn failure(error: &Error) -> Failure {
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Blocked => Failure::Refused,
        _ => Failure::Unanswered,
    }
}
