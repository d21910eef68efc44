//! One adapter before one vendor.

use std::sync::Arc;

use secrecy::SecretString;

use provider::{
    Call, Error, Finished, Lost, Model, Output, Polled, Provider, Recovered, Result, Submitted,
    Ticket, Timestamp, Work,
};

use crate::{Answer, Ending, Fixture, Means, MemorySink, Recorded, Turns, Vendor};

/// The credential of every check; it must be found on the wire and nowhere else.
pub(crate) const SECRET: &str = "zq_live_conformance_5f1c9a7e3b";
/// When a lost submit was sent, in the fixtures' histories too.
pub(crate) const SENT_AT: &str = "2024-04-07T12:00:00Z";
/// A job that is not finished by then never finishes.
const POLLS_MAX: usize = 20;

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) vendor: Vendor,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) work: Work,
    pub(crate) key: SecretString,
    pub(crate) turns: Turns,
    pub(crate) sink: MemorySink,
}

impl Stage {
    /// Before the vendor as it should be.
    pub(crate) fn good<F: Fixture>(fixture: &F) -> Self {
        Self::scripted(fixture, |_, answer| answer)
    }

    /// Before a vendor whose every answer to a submit is this one.
    pub(crate) fn submit_gets<F: Fixture>(fixture: &F, instead: Answer) -> Self {
        Self::with(fixture, Means::default(), instead)
    }

    pub(crate) fn with<F: Fixture>(fixture: &F, means: Means, instead: Answer) -> Self {
        let known = fixture.clone();
        let vendor = Vendor::start(move |request| {
            if known.is_submit(request) { instead.clone() } else { known.answer(request) }
        });
        Self::before(fixture, vendor, means)
    }

    /// Before a vendor whose good answers are changed on their way.
    pub(crate) fn scripted<F: Fixture>(
        fixture: &F,
        change: impl Fn(&Recorded, Answer) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let known = fixture.clone();
        let vendor = Vendor::start(move |request| change(request, known.answer(request)));
        Self::before(fixture, vendor, Means::default())
    }

    pub(crate) fn before<F: Fixture>(fixture: &F, vendor: Vendor, means: Means) -> Self {
        let provider = fixture.provider(&vendor.url(), means);
        Self {
            vendor,
            provider,
            work: fixture.work(),
            key: SecretString::from(SECRET.to_owned()),
            turns: Turns::default(),
            sink: MemorySink::default(),
        }
    }

    pub(crate) fn call(&self) -> Call<'_> {
        Call { account: "main", key: &self.key, pace: &self.turns }
    }

    pub(crate) fn model(&self) -> Model {
        let description = self.provider.describe();
        description.model(&self.work.model).expect("the fixture's model is described").clone()
    }

    pub(crate) async fn submit(&self, work: &Work) -> Result<Submitted> {
        let mut sink = self.sink.clone();
        self.provider.submit(self.call(), work, &mut sink).await
    }

    /// The ticket of a submit, `None` where the vendor has no queue.
    pub(crate) async fn ticket(&self) -> Option<Ticket> {
        match self.submit(&self.work).await.expect("submitted work") {
            Submitted::Finished(_) => None,
            Submitted::Running(ticket) => Some(ticket),
        }
    }

    /// The error that a submit must end in.
    pub(crate) async fn refused(&self) -> Error {
        match self.submit(&self.work).await {
            Ok(submitted) => panic!("the submit should have failed: {submitted:?}"),
            Err(error) => error,
        }
    }

    /// Submits and, where there is a queue, polls until it is done.
    pub(crate) async fn finish(&self, work: &Work) -> Result<Finished> {
        let ticket = match self.submit(work).await? {
            Submitted::Finished(finished) => return Ok(finished),
            Submitted::Running(ticket) => ticket,
        };
        for _ in 0..POLLS_MAX {
            if let Polled::Finished(finished) = self.provider.poll(self.call(), &ticket).await? {
                return Ok(finished);
            }
        }
        panic!("the job did not finish within {POLLS_MAX} polls");
    }

    /// The bytes of an output, wherever they are.
    pub(crate) async fn bytes(&self, output: &Output) -> Result<Vec<u8>> {
        match output {
            Output::Written(receipt) => Ok(self.sink.bytes(receipt).expect("the sink's receipt")),
            Output::Text(text) => Ok(text.clone().into_bytes()),
            Output::Remote(remote) => {
                let mut writer = self.sink.writer();
                self.provider.fetch(self.call(), remote, &mut writer).await?;
                Ok(writer.bytes)
            }
        }
    }

    pub(crate) async fn recover(&self) -> Result<Recovered> {
        let sent_at = Timestamp::parse(SENT_AT).expect("a time");
        let lost_at = sent_at.plus(std::time::Duration::from_secs(5));
        let work = self.work.clone();
        let lost = Lost { work, sent_at, lost_at, now: lost_at };
        self.provider.recover(self.call(), &lost).await
    }

    /// How many such requests the vendor has seen.
    pub(crate) fn count(&self, such: impl Fn(&Recorded) -> bool) -> usize {
        self.vendor.requests().iter().filter(|request| such(request)).count()
    }

    /// How many submits the vendor has seen.
    pub(crate) fn submits<F: Fixture>(&self, fixture: &F) -> usize {
        self.count(|request| fixture.is_submit(request))
    }
}

/// The vendor's good answer to a submit of the fixture's work, and that it is JSON or bytes.
pub(crate) async fn good_answer<F: Fixture>(fixture: &F) -> Answer {
    let stage = Stage::good(fixture);
    stage.submit(&stage.work).await.expect("the good answer is read");
    let requests = stage.vendor.requests();
    let submit = requests.iter().find(|request| fixture.is_submit(request));
    fixture.answer(submit.expect("a submit was sent")).ending(Ending::Whole)
}
