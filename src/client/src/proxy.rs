//! A proxy in the form that sockets need: where it is, what is spoken with it, who it is told to be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper::header::HeaderValue;
use refuge_replication::{BasicCredentials, Proxy, ProxyProtocol};

use crate::database::AddressError;

/// What is spoken with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    Http,
    /// HTTP over TLS.
    Https,
    Socks5,
}

/// A proxy. Not `Debug`: it holds a password.
#[derive(Clone)]
pub(crate) struct ThroughProxy {
    pub(crate) uri: Uri,
    pub(crate) through: Through,
    /// Of HTTP.
    pub(crate) authorization: Option<HeaderValue>,
    /// Of SOCKS.
    pub(crate) credentials: Option<(String, String)>,
}

impl ThroughProxy {
    pub(crate) fn new(proxy: &Proxy) -> Result<Self, AddressError> {
        let uri = format!("http://{}", proxy.host);
        let uri = uri.parse().map_err(|_| AddressError::Url(proxy.to_string()))?;
        let through = match proxy.protocol {
            ProxyProtocol::Http => Through::Http,
            ProxyProtocol::Https => Through::Https,
            ProxyProtocol::Socks5 => Through::Socks5,
        };
        let authorization = proxy.credentials.as_ref().map(basic).transpose()?;
        let credentials = proxy.credentials.as_ref();
        let credentials = credentials.map(|one| (one.username.clone(), one.password.clone()));
        Ok(Self { uri, through, authorization, credentials })
    }
}

/// The value of `Authorization` and of `Proxy-Authorization`.
pub(crate) fn basic(credentials: &BasicCredentials) -> Result<HeaderValue, AddressError> {
    let pair = format!("{}:{}", credentials.username, credentials.password);
    let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)));
    let mut value = value.map_err(|_| AddressError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}
