//! Where a request's outputs come from: from what is there, from what is being made, or from a vendor.

use coordination::{Entered, Follow, Lead, Outcome};

use crate::{
    Code, Engine, Refusal, Result,
    cache::{Answered, Asked, Ticket},
    plan::Planned,
};

/// Where a request's outputs come from.
#[derive(Debug)]
pub(crate) enum Way {
    /// From what is there.
    Answered(Answered),
    /// From another generation that is under way.
    Wait(Follow),
    /// They are made, perhaps for others too.
    Make(Box<Planned>, Option<Lead>),
}

impl Engine {
    /// Whether a request is answered from what is there, waits for what is being made, or is made. Whoever
    /// takes a lead looks once more for what is there: who had it put its answer there before it let go.
    ///
    /// # Errors
    /// No candidate; nothing is there and nothing else will do.
    pub(crate) async fn choose_way(
        &self,
        asked: Asked<'_>,
        ticket: Option<&Ticket>,
        id: &str,
    ) -> Result<Way> {
        let Some(ticket) = ticket.filter(|ticket| ticket.asks) else {
            return Ok(Way::Make(Box::new(self.plan_of(asked).await?), None));
        };
        let (mut planned, mut lead) = (None, None);
        loop {
            if let Some(answered) = self.answer(asked, ticket).await? {
                return Ok(Way::Answered(answered));
            }
            if ticket.only {
                return Err(not_there());
            }
            let follow = match (&lead, &planned) {
                (Some(_), _) => None,
                (None, None) => self.single().follow(&ticket.key, id).await,
                (None, Some(_)) => match self.single().enter(&ticket.key, id).await {
                    Entered::Follow(follow) => Some(follow),
                    Entered::Lead(new) => {
                        lead = Some(new);
                        continue;
                    }
                },
            };
            match (follow, planned.take()) {
                (Some(follow), kept) => match follow.begun().await {
                    Ok(follow) => return Ok(Way::Wait(follow)),
                    Err(outcome) => {
                        planned = kept;
                        if let Outcome::Lead(new) = outcome {
                            lead = Some(new);
                        }
                    }
                },
                (None, None) => planned = Some(Box::new(self.plan_of(asked).await?)),
                (None, Some(planned)) => return Ok(Way::Make(planned, lead)),
            }
        }
    }

    async fn plan_of(&self, asked: Asked<'_>) -> Result<Planned> {
        self.plan(asked.caller, asked.request.clone(), asked.resolved.clone()).await
    }
}

/// Nothing but an earlier answer would do. RFC 9111 has a 504 for that.
fn not_there() -> Refusal {
    let message = "nothing that was made before answers this, and only that was asked for";
    Refusal::new(Code::DeadlineExceeded, message)
}
