//! The end of a generation that others may share: kept for later requests, told to those who wait.

use coordination::{Entry, Labels, Lead};
use parking_lot::Mutex;
use provider::MicroUsd;
use records::{EndGeneration, Status};

use super::{
    Ticket,
    made::{Made, News, write},
};
use crate::journey::Journey;

/// What a generation's end may do for others.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    ticket: Option<Ticket>,
    /// While it is the leader of those who ask for the same.
    lead: Mutex<Option<Lead>>,
}

impl Sharing {
    pub(crate) fn new(ticket: Option<Ticket>, lead: Option<Lead>) -> Self {
        Self { ticket, lead: Mutex::new(lead) }
    }

    pub(crate) fn ticket(&self) -> Option<&Ticket> {
        self.ticket.as_ref()
    }

    /// The generation is accepted: whoever waits for it may write so.
    pub(crate) fn begin(&self) {
        if let Some(lead) = &*self.lead.lock() {
            lead.begin();
        }
    }

    /// There is nothing to share: another one leads from now on.
    pub(crate) fn hand_over(&self) {
        let lead = self.lead.lock().take();
        drop(lead);
    }

    fn tell(&self, news: &News) {
        let lead = self.lead.lock().take();
        // One that is not shared is handed over.
        if let Some(lead) = lead
            && let Some(news) = write(news)
        {
            lead.share(news);
        }
    }
}

impl Journey {
    /// The generation's end is written. What it made is kept, and whoever waits for it is told; before its
    /// own caller is, who may ask for the same again at once.
    pub(crate) async fn share_end(&self, end: &EndGeneration, allowance: MicroUsd) {
        match end.status {
            Status::Completed => {
                let price = self.flight.now().cost.charged + allowance;
                let made = Made {
                    generation: self.id.clone(),
                    outputs: end.outputs.clone(),
                    by: end.made_by.clone(),
                    adjustments: end.adjustments.clone(),
                    price,
                };
                self.keep_made(&made).await;
                self.share.tell(&News::Made(Box::new(made)));
            }
            Status::Blocked => match &end.error {
                Some(failure) => self.share.tell(&News::Blocked(failure.clone())),
                None => self.share.hand_over(),
            },
            // After a deadline what is paid for goes on, and may still come: see `share_late`.
            _ if self.flight.is_closed() => {}
            _ => self.share.hand_over(),
        }
    }

    /// Everything has come that still can after the deadline. It is not kept for later requests, but those
    /// who wait need not pay for it again.
    pub(crate) fn share_late(&self) {
        let state = self.flight.now();
        if state.outputs.is_empty() || state.status != Status::Failed {
            return self.share.hand_over();
        }
        let last = state.attempts.iter().rfind(|attempt| !attempt.charged.is_zero());
        let last = last.or_else(|| state.attempts.last());
        let by = last.map(|a| (a.provider.clone(), a.model.clone(), a.account.clone()));
        self.share.tell(&News::Made(Box::new(Made {
            generation: self.id.clone(),
            outputs: state.outputs.clone(),
            by,
            adjustments: state.adjustments.clone(),
            price: state.cost.charged,
        })));
    }

    /// Keeps an answer that is whole: of one that is not the next request may get more.
    async fn keep_made(&self, made: &Made) {
        let Some(ticket) = self.share.ticket() else { return };
        if made.outputs.len() != usize::from(self.request.count.max(1)) {
            return;
        }
        let Some(body) = write(made) else { return };
        let now = self.engine.clock().now();
        let asked_as = self.flight.now().model.clone();
        let maker = made.by.as_ref().map(|(provider, model, _)| format!("{provider}/{model}"));
        let models = [Some(asked_as), maker].into_iter().flatten().map(String::into_boxed_str);
        let asked_with = self.spender.key.as_ref().map_or("", |key| key.prefix.as_str());
        let entry = Entry {
            labels: Labels {
                team: self.team.as_str().into(),
                asked_with: asked_with.into(),
                models: models.collect(),
            },
            asked_at: self.flight.now().created_at,
            made_at: now,
            until: made.until(now.plus(self.engine.settings().cache.ttl)),
            body,
            kin: ticket.kin.clone(),
        };
        self.engine.cache().put(ticket.key, entry).await;
    }
}
