//! Inputs: bytes, links and assets become assets of the team before a request becomes a generation.

use bytes::Bytes;
use provider::{ImageFormat, Input, Role};
use records::{Asset, Change};

use crate::{Code, Engine, InputRef, Refusal, Request, Result, vendor::Vendor};

/// What an input that is no picture may be.
const ACCEPTED: &[&str] = &["image/*", "video/*", "audio/*"];

impl Engine {
    /// Keeps bytes that came with a request.
    ///
    /// # Errors
    /// `invalid_image`, naming `param`, where they are no picture that may be decoded.
    pub async fn input_from_bytes(
        &self,
        team: &str,
        role: Role,
        param: &str,
        bytes: Bytes,
    ) -> Result<InputRef> {
        if role_is_picture(role) {
            check_picture(&bytes, param)?;
        }
        let stored =
            self.keep_whole(self.store(), bytes).await.map_err(|e| Refusal::internal(&e))?;
        let asset = self.record_upload(team, stored).await?;
        Ok(reference(role, &asset))
    }

    /// Fetches a caller's address and keeps what is there.
    ///
    /// # Errors
    /// `invalid_request`, naming `param`, where it leads to no public address or to nothing usable.
    pub async fn input_from_url(
        &self,
        team: &str,
        role: Role,
        param: &str,
        url: &str,
    ) -> Result<InputRef> {
        let accept: &[&str] = if role_is_picture(role) { &["image/*"] } else { ACCEPTED };
        let fetched = self.fetcher().fetch(url, accept).await;
        let fetched = fetched.map_err(|error| Refusal::field(param, error.to_string()))?;
        self.input_from_bytes(team, role, param, fetched.bytes).await
    }

    /// Takes an asset of the team.
    ///
    /// # Errors
    /// `invalid_request`, naming `param`, where the team has no such asset; `invalid_image` where a
    /// picture is wanted and it is none that may be decoded: an upload may be anything.
    pub async fn input_from_asset(
        &self,
        team: &str,
        role: Role,
        param: &str,
        id: &str,
    ) -> Result<InputRef> {
        let asset = self.records().asset(id).await?.filter(|asset| asset.team == team);
        let asset = asset.ok_or_else(|| Refusal::field(param, "there is no such asset"))?;
        if asset.expires_at <= self.clock().now() {
            return Err(Refusal::field(param, "this asset has expired"));
        }
        if role_is_picture(role) {
            let bytes =
                self.bytes_at(asset.place()).await.map_err(|error| Refusal::internal(&error))?;
            check_picture(&bytes, param)?;
        }
        Ok(reference(role, &asset))
    }

    /// Records bytes that were uploaded.
    pub(crate) async fn record_upload(&self, team: &str, stored: assets::Stored) -> Result<Asset> {
        let at = self.clock().now();
        let asset = Asset {
            id: stored.id,
            team: team.to_owned(),
            generation: None,
            media_type: stored.media_type.to_owned(),
            bytes: stored.bytes,
            hash: stored.hash,
            width: stored.width,
            height: stored.height,
            millis: stored.millis,
            created_at: at,
            expires_at: at.plus(self.settings().asset_ttl),
            blob: None,
        };
        self.records().apply(vec![Change::Asset(Box::new(asset.clone()))]).await?;
        Ok(asset)
    }

    /// The bytes of an input, for a vendor that takes bytes. They may lie under another asset's name, where
    /// the input is what a generation shows that another one made.
    pub(crate) async fn input_bytes(&self, asset: &str) -> std::io::Result<Bytes> {
        let other = |error: records::Error| std::io::Error::other(error.to_string());
        let found = self.records().asset(asset).await.map_err(other)?;
        self.bytes_at(found.as_ref().map_or(asset, Asset::place)).await
    }

    async fn bytes_at(&self, place: &str) -> std::io::Result<Bytes> {
        self.store()
            .bytes(place, self.settings().max_asset_bytes)
            .await
            .map_err(|error| std::io::Error::other(error.to_string()))
    }

    /// A short-lived signed link, where the vendor could reach us.
    pub(crate) fn input_link(&self, input: &InputRef, vendor: &Vendor) -> Option<String> {
        if self.is_loopback() && !vendor.loopback {
            return None;
        }
        let until = self.clock().now().plus(std::time::Duration::from_secs(3600));
        Some(self.asset_link(&input.asset, until))
    }

    /// The inputs as a vendor's books may show them.
    pub(crate) fn inputs_without_bytes(&self, request: &Request) -> Vec<Input> {
        let inputs = request.inputs.iter().map(|input| Input {
            role: input.role,
            media_type: input.media_type.clone(),
            bytes: Bytes::new(),
            url: None,
        });
        inputs.collect()
    }
}

/// Refuses what no vendor shall get as a picture, before anything is decoded.
fn check_picture(bytes: &[u8], param: &str) -> Result<()> {
    if ImageFormat::from_media_type(assets::sniff(bytes)).is_none() {
        let message = "this is no PNG, JPEG or WebP picture";
        return Err(Refusal::new(Code::InvalidImage, message).at(param));
    }
    let refused = |error: assets::images::InvalidImage| {
        Refusal::new(Code::InvalidImage, error.to_string()).at(param)
    };
    assets::images::inspect(bytes).map(drop).map_err(refused)
}

fn role_is_picture(role: Role) -> bool {
    matches!(role, Role::Source | Role::FirstFrame | Role::LastFrame | Role::Mask)
}

fn reference(role: Role, asset: &Asset) -> InputRef {
    let hash = blake3::Hash::from_bytes(asset.hash).to_hex().to_string();
    let (asset, media_type, bytes) = (asset.id.clone(), asset.media_type.clone(), asset.bytes);
    InputRef { role, asset, media_type, hash, bytes }
}
