//! Where a vendor's API is.

use url::{Host, Url};

use crate::is_public;

/// The base address of an API, parsed once; paths are appended to it.
#[derive(Debug, Clone)]
pub struct Base {
    url: Url,
    inside: bool,
}

/// An address that no API can be at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("base_url is not an http or https URL with a host and without query or credentials")]
pub struct BaseError;

impl Base {
    /// Reads an address, with or without a slash at its end.
    ///
    /// # Errors
    /// [`BaseError`].
    pub fn parse(text: &str) -> Result<Self, BaseError> {
        let mut url = Url::parse(text).map_err(|_| BaseError)?;
        let plain = url.query().is_none() && url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
            return Err(BaseError);
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        let inside = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => !is_public(ip.into()),
            Some(Host::Ipv6(ip)) => !is_public(ip.into()),
            None => false,
        };
        Ok(Self { url, inside })
    }

    /// The address itself.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address of a path below it, or of a whole address that an answer names.
    ///
    /// # Errors
    /// [`BaseError`] for what is no path.
    pub fn join(&self, path: &str) -> Result<Url, BaseError> {
        self.url.join(path).map_err(|_| BaseError)
    }

    /// Whether the API itself is on a network that is not public; its results then may be, too.
    pub fn is_inside(&self) -> bool {
        self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_bases() {
        for bad in ["", "zsky.ai", "ftp://a", "https://u:p@a", "https://a?x=1", "https://"] {
            assert_eq!(Base::parse(bad).err(), Some(BaseError), "{bad}");
        }
        let joined = |base: &str| Base::parse(base).unwrap().join("v1/x").unwrap().to_string();
        assert_eq!(joined("https://a.example"), "https://a.example/v1/x");
        assert_eq!(joined("https://a.example/api"), "https://a.example/api/v1/x");
    }

    #[test]
    fn an_api_is_inside_where_its_network_is() {
        let inside = |base: &str| Base::parse(base).unwrap().is_inside();
        assert!(
            inside("http://127.0.0.1:1") && inside("http://localhost") && inside("http://[::1]")
        );
        assert!(
            inside("http://10.0.0.8") && !inside("https://zsky.ai") && !inside("http://8.8.8.8")
        );
    }
}
