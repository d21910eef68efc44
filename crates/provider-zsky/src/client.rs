//! The vendor's endpoints, and the storage that its signed addresses lead to.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use url::Url;

use provider::{
    AccountStatus, Blame, Call, Error, ErrorKind, Kind, Limits, Model, Output, OutputHint,
    OutputSink, OutputWriter, Polled, Result, Retry, Submitted, Ticket, Work,
};
use provider_http::{Base, Client, Effect, Request, Response, sink_error, unreadable};

use crate::{
    ConfigError,
    convert::{self, Answered, UNIT},
    keys,
};

/// Where the credential goes.
const KEY_HEADER: &str = "X-API-Key";
/// A prompt has at most 2,000 characters, and an answer may repeat it: only what is longer is taken for
/// an output while it comes.
const LONGER_THAN_PROMPTS: usize = 2048;

/// Where the API is, its addresses parsed once.
#[derive(Debug)]
pub(crate) struct Api {
    http: Arc<Client>,
    base: Base,
    images: Url,
    videos: Url,
    jobs: Url,
    usage: Url,
    rotate: Url,
    /// How long the vendor may work before it answers with the bytes themselves.
    work_ceiling: Duration,
}

/// What came of asking the storage.
enum Stored {
    /// The bytes.
    Fetched,
    /// The address is no longer good, or never was.
    Refused(u16),
}

impl Api {
    pub(crate) fn new(
        base_url: &str,
        work_ceiling: Duration,
        http: Arc<Client>,
    ) -> Result<Self, ConfigError> {
        let base = Base::parse(base_url).map_err(|_| ConfigError::BaseUrl)?;
        let path = |path: &str| base.join(path).map_err(|_| ConfigError::BaseUrl);
        Ok(Self {
            http,
            images: path("v1/images/generate")?,
            videos: path("v1/videos/generate")?,
            jobs: path("v1/jobs")?,
            usage: path("v1/usage")?,
            rotate: path("v1/keys/rotate")?,
            work_ceiling,
            base,
        })
    }

    pub(crate) async fn submit(
        &self,
        call: Call<'_>,
        model: &Model,
        work: &Work,
        sink: &mut dyn OutputSink,
    ) -> Result<Submitted> {
        let url = if model.kind == Kind::Video { &self.videos } else { &self.images };
        let mut request = Request::paid("generate", url.clone(), convert::body(model, work)?);
        if !work.retain {
            // The answer then is the output, of whatever type, and comes when the work is done.
            request = request
                .header("X-ZSky-Store", "0")
                .header("Accept", "*/*")
                .works_for(self.work_ceiling);
        }
        let mut answer = self.http.send(request.key_header(KEY_HEADER, call.key)).await?;
        if !answer.is_success() {
            let (by_status, body) = answer.refusal().await;
            // «queued — please retry»: a queued job that is named is not submitted twice.
            return match convert::queued_all_the_same(&by_status, &body, model.kind) {
                Some(ticket) => Ok(Submitted::Running(ticket)),
                None => Err(convert::refusal(by_status, Effect::Paid, &body, call.key)),
            };
        }
        let label = answer.media_type().unwrap_or_default();
        if convert::is_output(&label, &answer.peek(convert::MAGIC_BYTES).await?) {
            take_body(answer, label, sink).await
        } else {
            take_json(answer, model.kind, call.key, sink).await
        }
    }

    pub(crate) async fn poll(&self, call: Call<'_>, ticket: &Ticket) -> Result<Polled> {
        let request = Request::read("job", self.job(&ticket.reference)?);
        let _turn = call.pace.turn().await?;
        let answer = self.succeed(call.key, request).await?;
        let date = answer.date();
        convert::polled(&answer.json().await?, &ticket.reference, date, call.key)
    }

    /// The bytes from the storage. An address that is no longer good is asked for anew, once.
    pub(crate) async fn fetch(
        &self,
        call: Call<'_>,
        location: &str,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        let place = convert::place(location)?;
        let mut refused = None;
        if let Some(url) = &place.url {
            match self.stored(url, writer).await? {
                Stored::Fetched => return Ok(()),
                Stored::Refused(status) => refused = Some(status),
            }
        }
        let Some(job) = &place.job else {
            return Err(convert::storage_refusal(refused.unwrap_or(404), None));
        };
        let fresh = self.fresh_address(call, job).await?;
        match self.stored(&fresh, writer).await? {
            Stored::Fetched => Ok(()),
            Stored::Refused(status) => Err(convert::storage_refusal(status, None)),
        }
    }

    pub(crate) async fn delete(&self, call: Call<'_>, job: &str) -> Result<()> {
        let request = Request::delete("delete", self.job(job)?);
        let _turn = call.pace.turn().await?;
        match self.succeed(call.key, request).await {
            Ok(_) => Ok(()),
            // Gone already: deleted before, or by the vendor after its seven days.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn usage(&self, call: Call<'_>, limits: &Limits) -> Result<AccountStatus> {
        let request = Request::read("usage", self.usage.clone());
        let _turn = call.pace.turn().await?;
        let answer = self.succeed(call.key, request).await?;
        convert::usage(&answer.json().await?, limits)
    }

    pub(crate) async fn rotate(&self, call: Call<'_>) -> Result<SecretString> {
        let request = Request::change("rotate", self.rotate.clone());
        let _turn = call.pace.turn().await?;
        let answer = self.succeed(call.key, request).await.map_err(keys::not_rotated)?;
        let body = answer.json().await.map_err(keys::not_rotated)?;
        keys::rotated(&body, call.key)
    }

    async fn fresh_address(&self, call: Call<'_>, job: &str) -> Result<String> {
        let request = Request::read("job", self.job(job)?);
        let _turn = call.pace.turn().await?;
        let answer = self.succeed(call.key, request).await?;
        convert::fresh_address(&answer.json().await?)
    }

    /// Asks the storage, which gets no credential: the address is its own.
    async fn stored(&self, address: &str, writer: &mut dyn OutputWriter) -> Result<Stored> {
        let url = self.base.join(address).map_err(|_| {
            let public = "the vendor named an address that is none";
            Error::new(ErrorKind::Failed, Blame::Vendor, Retry::No, public)
        })?;
        let request = Request::read("result", url);
        let request = if self.base.is_inside() { request } else { request.public_only() };
        let answer = self.http.send(request).await?;
        match answer.status() {
            200..=299 => {}
            status @ (400 | 401 | 403 | 404 | 410) => return Ok(Stored::Refused(status)),
            status => return Err(convert::storage_refusal(status, answer.retry_after())),
        }
        let label = answer.media_type().unwrap_or_default();
        // Labels of media lie, so the bytes decide; but text is never media.
        if label.starts_with("text/") || label.ends_with("json") || label.ends_with("xml") {
            return Err(unreadable(Effect::Read, format!("an output came as {label}")));
        }
        match answer.copy_to(writer).await? {
            0 => Err(unreadable(Effect::Read, "an output came without bytes")),
            _ => Ok(Stored::Fetched),
        }
    }

    /// Sends to the API itself, with the credential, and makes an error of every answer that is no
    /// success.
    async fn succeed<'a>(&self, key: &'a SecretString, request: Request<'a>) -> Result<Response> {
        let effect = request.effect();
        let answer = self.http.send(request.key_header(KEY_HEADER, key)).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let (by_status, body) = answer.refusal().await;
        Err(convert::refusal(by_status, effect, &body, key))
    }

    fn job(&self, id: &str) -> Result<Url> {
        let mut url = self.jobs.clone();
        let joined = convert::is_job_id(id)
            && url.path_segments_mut().is_ok_and(|mut path| {
                path.push(id);
                true
            });
        if joined {
            return Ok(url);
        }
        let public = "the vendor has no job of this name";
        Err(Error::new(ErrorKind::NotFound, Blame::Gateway, Retry::No, public))
    }
}

/// An answer that is the output itself.
async fn take_body(
    answer: Response,
    label: String,
    sink: &mut dyn OutputSink,
) -> Result<Submitted> {
    let hint = OutputHint { media_type: Some(label), length: None };
    // The vendor keeps nothing: what is not kept now is lost, and its unit is used.
    let spent = |error: Error| error.with_charge(UNIT);
    let mut writer = sink.open(hint).await.map_err(|failed| spent(sink_error(&failed)))?;
    answer.copy_to(&mut *writer).await.map_err(|error| match error.retry() {
        Retry::Unknown { .. } => error,
        Retry::No | Retry::Safe { .. } => spent(error),
    })?;
    let receipt = writer.finish().await.map_err(|failed| spent(sink_error(&failed)))?;
    Ok(Submitted::Finished(convert::finished(None, Output::Written(receipt))))
}

/// An answer in JSON: a job, or the output in base64 somewhere in it.
async fn take_json(
    answer: Response,
    kind: Kind,
    key: &SecretString,
    sink: &mut dyn OutputSink,
) -> Result<Submitted> {
    let date = answer.date();
    let extracted = answer.take_long_base64(LONGER_THAN_PROMPTS, sink).await?;
    let (reference, bytes) = match convert::submitted(&extracted, kind, date, key)? {
        Answered::Submitted(submitted) => return Ok(submitted),
        Answered::Bytes(reference, bytes) => (reference, bytes),
    };
    let keep = async {
        let mut writer = sink.open(OutputHint::default()).await?;
        writer.write(bytes.into()).await?;
        writer.finish().await
    };
    let receipt = keep.await.map_err(|failed| sink_error(&failed).with_charge(UNIT))?;
    Ok(Submitted::Finished(convert::finished(reference, Output::Written(receipt))))
}
