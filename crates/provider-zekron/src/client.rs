//! The vendor's endpoints.

use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use url::Url;

use provider::{
    AccountStatus, Blame, Call, Error, ErrorKind, Finished, Model, OutputSink, OutputWriter,
    Result, Retry, Timestamp, Work,
};
use provider_http::{Base, Client, Effect, Request, Response, json_shape, unreadable};

use crate::{
    ConfigError, Dialect, convert,
    wire::{Balance, Envelope, History},
};

/// Where the API is, its addresses parsed once.
#[derive(Debug)]
pub(crate) struct Api {
    http: Arc<Client>,
    base: Base,
    generate: Url,
    preview: Url,
    balance: Url,
    generations: Url,
    images: Url,
}

impl Api {
    pub(crate) fn new(base_url: &str, http: Arc<Client>) -> Result<Self, ConfigError> {
        let base = Base::parse(base_url).map_err(|_| ConfigError)?;
        let path = |path: &str| base.join(path).map_err(|_| ConfigError);
        Ok(Self {
            http,
            generate: path("v1/generate")?,
            preview: path("api/v1/zekron-image-1:image-preview")?,
            balance: path("v1/balance")?,
            generations: path("v1/generations")?,
            images: path("v1/images")?,
            base,
        })
    }

    /// `v1`: the picture streams into `sink`, the rest tells what it cost.
    pub(crate) async fn generate(
        &self,
        call: Call<'_>,
        model: &Model,
        work: &Work,
        sink: &mut dyn OutputSink,
    ) -> Result<Finished> {
        let body = convert::generate_body(model, work)?;
        let request = Request::paid("generate", self.generate.clone(), body).bearer(call.key);
        let answer = self.succeed(call, Dialect::V1, request).await?;
        let extracted = answer.take_base64("b64_json", sink).await?;
        convert::generated(&extracted, call.key)
    }

    /// `preview`: the answer names the picture's address.
    pub(crate) async fn preview(
        &self,
        call: Call<'_>,
        model: &Model,
        work: &Work,
    ) -> Result<Finished> {
        let body = convert::preview_body(model, work)?;
        let request = Request::paid("preview", self.preview.clone(), body).bearer(call.key);
        let answer = self.succeed(call, Dialect::Preview, request).await?;
        convert::previewed(&answer.json().await?, model, call.key)
    }

    /// A kept picture by token or address.
    pub(crate) async fn fetch(
        &self,
        call: Call<'_>,
        location: &str,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        let request = self.picture(call, location)?;
        let _turn = call.pace.turn().await?;
        let answer = self.succeed(call, Dialect::V1, request).await?;
        let label = answer.media_type().unwrap_or_default();
        // Labels of pictures lie, so the bytes decide; but text is never a picture.
        if label.ends_with("/json") || label.starts_with("text/") {
            return Err(unreadable(Effect::Read, format!("a picture came as {label}")));
        }
        match answer.copy_to(writer).await? {
            0 => Err(unreadable(Effect::Read, "a picture came without bytes")),
            _ => Ok(()),
        }
    }

    pub(crate) async fn balance(&self, call: Call<'_>) -> Result<AccountStatus> {
        let request = Request::read("balance", self.balance.clone());
        let (data, _) = self.read::<Balance>(call, request).await?;
        let balance =
            data.balance.ok_or_else(|| unreadable(Effect::Read, "no readable balance"))?;
        Ok(AccountStatus {
            balance: Some(balance),
            spent: data.total_spent,
            ..AccountStatus::default()
        })
    }

    /// One page of the history, newest first, and the vendor's time as it answered.
    pub(crate) async fn history(
        &self,
        call: Call<'_>,
        limit: usize,
        offset: usize,
    ) -> Result<(History, Option<Timestamp>)> {
        let mut url = self.generations.clone();
        url.set_query(Some(&format!("limit={limit}&offset={offset}")));
        self.read(call, Request::read("generations", url)).await
    }

    async fn read<'a, T: DeserializeOwned>(
        &self,
        call: Call<'a>,
        request: Request<'a>,
    ) -> Result<(T, Option<Timestamp>)> {
        let _turn = call.pace.turn().await?;
        let answer = self.succeed(call, Dialect::V1, request.bearer(call.key)).await?;
        let date = answer.date();
        Ok((data(&answer.json().await?)?, date))
    }

    /// Sends, and makes an error of every answer that is no success.
    async fn succeed(
        &self,
        call: Call<'_>,
        dialect: Dialect,
        request: Request<'_>,
    ) -> Result<Response> {
        let answer = self.http.send(request).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let (by_status, body) = answer.refusal().await;
        Err(convert::refusal(dialect, by_status, &body, call.key))
    }

    /// The credential goes to the API's own origin and nowhere else.
    fn picture<'a>(&self, call: Call<'a>, location: &str) -> Result<Request<'a>> {
        let own = |url: Url| Request::read("image", url).bearer(call.key);
        let address = location.starts_with('/') || location.contains("://");
        if !address {
            let mut url = self.images.clone();
            if let Ok(mut path) = url.path_segments_mut() {
                path.push(location);
            }
            return Ok(own(url));
        }
        let url = self.base.join(location).map_err(|_| {
            let public = "the vendor named an address that is none";
            Error::new(ErrorKind::Failed, Blame::Vendor, Retry::No, public)
        })?;
        if url.origin() == self.base.url().origin() {
            return Ok(own(url));
        }
        let elsewhere = Request::read("image", url);
        Ok(if self.base.is_inside() { elsewhere } else { elsewhere.public_only() })
    }
}

fn data<T: DeserializeOwned>(body: &Bytes) -> Result<T> {
    let envelope: Envelope<T> = serde_json::from_slice(body)
        .map_err(|error| unreadable(Effect::Read, json_shape(&error)))?;
    envelope.data.ok_or_else(|| unreadable(Effect::Read, "no data"))
}
