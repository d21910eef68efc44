//! The customer's own media: fetched by address, as the vendor would, and looked at before any work.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, Uri, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use image::ImageReader;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpStream, lookup_host};

use super::{
    order::{Order, Reference},
    refusal::Refusal,
    settings::{FetchFrom, Settings},
};
use crate::{
    pictures::{PictureError, Studio},
    server::Tasks,
};

/// The page gives no time; a reference that takes longer is as good as not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// A picture that was fetched and kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) field: String,
    /// Of the kept copy.
    pub(crate) hash: String,
    /// Of what was sent, in pixels.
    pub(crate) size: (u32, u32),
}

/// Fetches all that the order refers to; the pictures among it are kept.
pub(crate) async fn fetch(
    order: &Order,
    settings: &Settings,
    studio: &Arc<Studio>,
    tasks: &Tasks,
) -> Result<Vec<Source>, Refusal> {
    let mut sources = Vec::new();
    for reference in &order.references {
        let field = &reference.field;
        let unfetched = |reason: String| {
            Refusal::invalid(format!("{field}: the URL could not be fetched ({reason})"))
        };
        let fetched = tokio::time::timeout(PATIENCE, get(reference, settings, tasks)).await;
        let bytes = fetched.map_err(|_| unfetched("it took too long".to_owned()))?;
        let bytes = bytes.map_err(unfetched)?;
        match field.as_str() {
            "reference_videos" | "video_url" => must(is_video(&bytes), field, "a video")?,
            "reference_audio" => must(is_audio(&bytes), field, "audio")?,
            _ => sources.push(keep(field, bytes, studio).await?),
        }
    }
    Ok(sources)
}

fn must(is: bool, field: &str, what: &str) -> Result<(), Refusal> {
    if is { Ok(()) } else { Err(Refusal::invalid(format!("{field}: the file is not {what}"))) }
}

async fn keep(field: &str, bytes: Bytes, studio: &Arc<Studio>) -> Result<Source, Refusal> {
    let not_a_picture = || Refusal::invalid(format!("{field}: the file is not an image"));
    let size = ImageReader::new(std::io::Cursor::new(&bytes))
        .with_guessed_format()
        .ok()
        .and_then(|reader| reader.into_dimensions().ok());
    let size = size.ok_or_else(not_a_picture)?;
    let hashes = studio.take_in(vec![bytes]).await.map_err(|error| match error {
        PictureError::Undecodable => not_a_picture(),
        PictureError::Broken(reason) => {
            tracing::warn!(reason, "a reference was not kept");
            Refusal::failed()
        }
    })?;
    let hash = hashes.into_iter().next().ok_or_else(not_a_picture)?;
    Ok(Source { field: field.to_owned(), hash, size })
}

/// The bytes at that address. Redirects are not followed.
async fn get(reference: &Reference, settings: &Settings, tasks: &Tasks) -> Result<Bytes, String> {
    let uri: Uri = reference.url.parse().map_err(|_| "it is no URL".to_owned())?;
    if uri.scheme_str() != Some("http") {
        return Err("only http is spoken here".to_owned());
    }
    let authority = uri.authority().ok_or_else(|| "it has no host".to_owned())?;
    let host = authority.host().trim_matches(['[', ']']);
    let port = authority.port_u16().unwrap_or(80);
    let addresses = lookup_host((host, port)).await.map_err(|error| error.to_string())?;
    let allowed = addresses.filter(|address| is_allowed(address.ip(), settings.fetch_from));
    let mut failure = "the host is not allowed".to_owned();
    let mut reached = None;
    // A name may have addresses at which nobody listens.
    for address in allowed {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                reached = Some(stream);
                break;
            }
            Err(error) => failure = error.to_string(),
        }
    }
    let stream = reached.ok_or(failure)?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    drop(tasks.spawn(connection));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, authority.as_str())
        .header("user-agent", "Generor")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("status {}", answer.status().as_u16()));
    }
    let body = Limited::new(answer.into_body(), settings.max_reference_bytes).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string())
}

fn is_allowed(address: IpAddr, from: FetchFrom) -> bool {
    let is_private = match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    match from {
        FetchFrom::Nearby => address.is_loopback() || is_private,
        FetchFrom::Elsewhere => !address.is_loopback(),
        FetchFrom::Anywhere => true,
    }
}

fn is_video(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp") || bytes.starts_with(b"\x1a\x45\xdf\xa3")
}

fn is_audio(bytes: &[u8]) -> bool {
    let riff = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE");
    let known: [&[u8]; 6] = [b"ID3", b"fLaC", b"OggS", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1"];
    riff || known.iter().any(|start| bytes.starts_with(start)) || bytes.get(4..8) == Some(b"ftyp")
}
