//! From which address a request comes where a proxy stands in front of the node: what it says in a header
//! is believed of the proxies that the operator names, and of nobody else.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::HeaderName;

/// The proxies whose word is taken.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    header: HeaderName,
    addresses: Vec<IpAddr>,
}

impl TrustedProxies {
    /// Those at these addresses, separated by commas, with the header in which they tell of their
    /// clients; none where no header is named. What is no address is passed over.
    #[must_use]
    pub fn new(header: &str, addresses: &str) -> Option<Self> {
        let header = HeaderName::try_from(header.trim()).ok()?;
        let addresses = addresses.split(',').filter_map(|text| text.trim().parse::<IpAddr>().ok());
        Some(Self { header, addresses: addresses.map(|address| address.to_canonical()).collect() })
    }

    /// The client's address. Each proxy adds the one that it saw behind those that it was told, so what
    /// is read is the last of them that is none of the proxies: what stands in front of it anybody may
    /// have written.
    pub(crate) fn client(&self, connected: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = connected.to_canonical();
        if !self.addresses.contains(&client) {
            return client;
        }
        // As bytes: what a client wrote may be no text, and the proxy's word stands behind it.
        let lines = headers.get_all(&self.header).into_iter();
        let told: Vec<&[u8]> =
            lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).collect();
        for bytes in told.into_iter().rev() {
            if !self.addresses.contains(&client) {
                break;
            }
            let Ok(text) = std::str::from_utf8(bytes) else { break };
            let Some(address) = read(text.trim()) else { break };
            client = address;
        }
        client
    }
}

/// An address, with a port or without.
fn read(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn client(proxies: &TrustedProxies, connected: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).expect("a value");
            headers.append("x-forwarded-for", line);
        }
        proxies.client(connected.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn a_proxys_word_is_taken_and_nobody_elses() {
        let proxies = TrustedProxies::new("X-Forwarded-For", "127.0.0.1, 10.0.0.9").expect("some");
        assert_eq!(client(&proxies, "127.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client(&proxies, "::ffff:127.0.0.1", &["1.2.3.4:99"]), "1.2.3.4");
        assert_eq!(client(&proxies, "127.0.0.1", &["[2001:db8::1]:99"]), "2001:db8::1");
        assert_eq!(client(&proxies, "192.0.2.1", &["1.2.3.4"]), "192.0.2.1");
        assert_eq!(client(&proxies, "127.0.0.1", &[]), "127.0.0.1");
        // What a client wrote stands in front of what the proxies saw.
        assert_eq!(client(&proxies, "127.0.0.1", &["8.8.8.8, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(client(&proxies, "127.0.0.1", &["8.8.8.8", "1.2.3.4, 10.0.0.9"]), "1.2.3.4");
        assert_eq!(client(&proxies, "127.0.0.1", &["ö, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(client(&proxies, "127.0.0.1", &["ö, 10.0.0.9"]), "10.0.0.9");
        assert_eq!(client(&proxies, "127.0.0.1", &["1.2.3.4, unknown"]), "127.0.0.1");
        assert!(TrustedProxies::new("", "127.0.0.1").is_none());
    }
}
