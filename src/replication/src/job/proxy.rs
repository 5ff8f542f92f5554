//! Proxies on the way to an end: `proxy`, or `source_proxy` and `target_proxy`.

use std::fmt;

use serde_json::{Map, Value};

use super::address::{credentials_of, normal_host};
use super::{BasicCredentials, JobError};

/// What is spoken with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// HTTP: `CONNECT` for TLS, the whole URL in the request else.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 5 (RFC 1928), the names of hosts being looked up by the proxy.
    Socks5,
}

/// A proxy. `Display` and `Debug` show no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// What is spoken with it.
    pub protocol: ProxyProtocol,
    /// `host:port`.
    pub host: String,
    /// Who it is told to be.
    pub credentials: Option<BasicCredentials>,
}

/// The proxies of a job, to its source and to its target.
pub(crate) type Proxies = (Option<Proxy>, Option<Proxy>);

impl Proxy {
    /// Reads `http://user:password@host:port`, the same with `https`, or `socks5://host:port`.
    ///
    /// # Errors
    /// [`JobError::BadRequest`] for any other form; it does not repeat the text, in which a password
    /// may stand.
    pub fn parse(text: &str) -> Result<Self, JobError> {
        let bad = |reason: &str| JobError::BadRequest(reason.to_owned());
        let forms = "a proxy is http://host:port, https://host:port or socks5://host:port, with \
                     user:password@ before the host where it wants to know who asks";
        let (scheme, rest) = text.split_once("://").ok_or_else(|| bad(forms))?;
        let (protocol, port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyProtocol::Http, 80),
            "https" => (ProxyProtocol::Https, 443),
            "socks5" | "socks5h" => (ProxyProtocol::Socks5, 1080),
            _ => return Err(bad(forms)),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', ' ']) || authority.contains(char::is_control) {
            return Err(bad(forms));
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        // Port 0 is none that anybody listens on, so no port is left out as the usual one.
        let host = normal_host(host, 0)?;
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let host = if has_port { host } else { format!("{host}:{port}") };
        Ok(Self { protocol, host, credentials: user.map(credentials_of).transpose()? })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            ProxyProtocol::Http => "http",
            ProxyProtocol::Https => "https",
            ProxyProtocol::Socks5 => "socks5",
        };
        write!(formatter, "{scheme}://{}", self.host)
    }
}

/// What a job says of proxies.
pub(crate) fn parse_proxies(fields: &Map<String, Value>) -> Result<Proxies, JobError> {
    let named = |name: &str| match fields.get(name) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Proxy::parse(text).map(Some),
        Some(_) => Err(JobError::BadRequest(format!("`{name}` is the URL of a proxy"))),
    };
    let (both, source, target) = (named("proxy")?, named("source_proxy")?, named("target_proxy")?);
    if both.is_some() && (source.is_some() || target.is_some()) {
        let reason = "`proxy` is mutually exclusive with `source_proxy` and `target_proxy`";
        return Err(JobError::BadRequest(reason.to_owned()));
    }
    Ok((source.or_else(|| both.clone()), target.or(both)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn proxies_are_read_with_their_credentials_and_shown_without() {
        let proxy = Proxy::parse("http://Bob:p%40ss@Proxy.example:3128/").unwrap();
        assert_eq!(
            (proxy.protocol, proxy.host.as_str()),
            (ProxyProtocol::Http, "proxy.example:3128")
        );
        assert_eq!(proxy.credentials.as_ref().unwrap().password, "p@ss");
        assert_eq!(proxy.to_string(), "http://proxy.example:3128");
        assert!(!format!("{proxy:?}").contains("p@ss"));
        assert_eq!(Proxy::parse("http://h").unwrap().host, "h:80");
        assert_eq!(Proxy::parse("socks5://[::1]").unwrap().host, "[::1]:1080");
        assert_eq!(Proxy::parse("https://h").unwrap().to_string(), "https://h:443");
    }

    #[test]
    fn errors_do_not_repeat_the_password() {
        for text in
            ["ftp://bob:secret@h", "bob:secret@h", "http://bob:secret@h/x", "http://secret:@"]
        {
            let error = Proxy::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn one_for_both_or_one_for_each() {
        let of = |fields: Value| parse_proxies(fields.as_object().unwrap());
        let shown = |proxy: Option<Proxy>| proxy.map(|proxy| proxy.to_string());
        let (source, target) = of(json!({"proxy": "http://a:1"})).unwrap();
        assert_eq!(
            (shown(source), shown(target)),
            (Some("http://a:1".into()), Some("http://a:1".into()))
        );
        let (source, target) =
            of(json!({"target_proxy": "socks5://b:2", "source_proxy": null})).unwrap();
        assert_eq!((shown(source), shown(target)), (None, Some("socks5://b:2".into())));
        assert!(of(json!({"proxy": "http://a:1", "source_proxy": "http://b:1"})).is_err());
        assert!(of(json!({"proxy": 1})).is_err());
    }
}
