//! The vendor's site, on which outputs lie: their addresses are open to whoever has them, so it gets no key.
//! Its files are outside the API, whose requests the limits of a key count: fetching one takes no turn.

use url::Url;

use provider::{Blame, Call, Error, ErrorKind, OutputWriter, Result, Retry};
use provider_http::{BaseError, Effect, Request, status_error, unreadable};

use crate::{
    client::Api,
    outputs::{Place, addresses},
    refusals,
};

impl Api {
    /// The bytes from the site. An address that is no longer good is asked for anew, once.
    pub(crate) async fn fetch(
        &self,
        call: Call<'_>,
        location: &str,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        let place = Place::read(location)?;
        let mut refused = None;
        if let Some(address) = &place.url {
            match self.stored(address, writer).await? {
                Ok(()) => return Ok(()),
                Err(error) => refused = Some(error),
            }
        }
        let gone = || refusals::of_storage(&status_error(404, Effect::Read, None));
        let Some(id) = &place.creation else { return Err(refused.unwrap_or_else(gone)) };
        let creation = self.creation(call, id).await?.ok_or_else(gone)?;
        let fresh = addresses(&creation, place.kind, &[]).into_iter().nth(place.index);
        match fresh.filter(|fresh| place.url.as_ref() != Some(fresh)) {
            Some(fresh) => self.stored(&fresh, writer).await?,
            None => Err(refused.unwrap_or_else(gone)),
        }
    }

    /// Asks the site, which gets no credential: an address is open to whoever has it. The inner error: it
    /// refused this address.
    async fn stored(&self, address: &str, writer: &mut dyn OutputWriter) -> Result<Result<()>> {
        let request = Request::read("output", self.site(address)?);
        let request = if self.base.is_inside() { request } else { request.public_only() };
        let answer = self.http.send(request).await?;
        if !answer.is_success() {
            let (by_status, _) = answer.refusal().await;
            let refused = refusals::of_storage(&by_status);
            let for_now = refused.kind() == ErrorKind::Unavailable;
            return if for_now { Err(refused) } else { Ok(Err(refused)) };
        }
        let label = answer.media_type().unwrap_or_default();
        // Labels lie, so the bytes decide; but a page or a list of fields is no output. (SVG is XML.)
        if label.ends_with("/html") || label.ends_with("json") {
            return Err(unreadable(Effect::Read, format!("an output came as {label}")));
        }
        match answer.copy_to(writer).await? {
            0 => Err(unreadable(Effect::Read, "an output came without bytes")),
            _ => Ok(Ok(())),
        }
    }

    /// Addresses are whole, or begin at the site, not at the API.
    fn site(&self, address: &str) -> Result<Url> {
        let root = self.base.join("/");
        let url = root.and_then(|root| root.join(address).map_err(|_| BaseError));
        url.map_err(|_| {
            let public = "the vendor named an address that is none";
            Error::new(ErrorKind::Failed, Blame::Vendor, Retry::No, public)
        })
    }
}
