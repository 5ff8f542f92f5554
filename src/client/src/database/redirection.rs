//! Where the database is, and answers that say that it is elsewhere: they are followed for all of its requests,
//! a few times, and credentials go to no other host.

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};

use crate::failure::ErrorAnswer;

/// Redirections that are followed one after another.
pub(super) const MOST_REDIRECTIONS: usize = 5;

/// Where requests go, and what each of them tells.
#[derive(Clone)]
pub(super) struct Base {
    /// Without credentials, and without a slash at its end.
    pub(super) url: String,
    pub(super) headers: HeaderMap,
}

impl Base {
    /// Where an answer to a request for `path` says that the database is; `None` where it says no such thing.
    /// `plain` are the headers that anybody may see.
    pub(super) fn redirected(
        &self,
        answer: &ErrorAnswer,
        path: &str,
        plain: &[HeaderName],
    ) -> Option<Self> {
        if !matches!(answer.status.as_u16(), 301 | 302 | 307 | 308) {
            return None;
        }
        let from: Uri = self.url.parse().ok()?;
        let told = answer.location.as_deref()?;
        let whole = match told.starts_with('/') && !told.starts_with("//") {
            true => format!("{}://{}{told}", from.scheme_str()?, from.authority()?),
            false => told.to_owned(),
        };
        // What stands elsewhere under another path is not this database.
        let url = match path {
            "" => whole.as_str(),
            path => whole.strip_suffix(path)?,
        };
        let to: Uri = url.trim_end_matches('/').parse().ok()?;
        let (scheme, host) = (to.scheme_str()?, without_credentials(to.authority()?.as_str()));
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let mut headers = self.headers.clone();
        if !is_same_host(&from, &to) {
            let secret: Vec<HeaderName> =
                headers.keys().filter(|name| !plain.contains(name)).cloned().collect();
            for name in secret {
                headers.remove(name);
            }
        }
        Some(Self { url: format!("{scheme}://{host}{}", to.path().trim_end_matches('/')), headers })
    }

    /// Tells an HTTP proxy with each request who asks: of TLS it sees none.
    pub(super) fn tell_proxy(&mut self, authorization: Option<&HeaderValue>) {
        match authorization.filter(|_| self.url.starts_with("http://")) {
            Some(authorization) => {
                self.headers.insert(PROXY_AUTHORIZATION, authorization.clone());
            }
            None => {
                self.headers.remove(PROXY_AUTHORIZATION);
            }
        }
    }
}

fn without_credentials(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Whether what one may see the other may: the same server, or the same host over TLS.
fn is_same_host(from: &Uri, to: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    let port = |uri: &Uri| {
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        uri.port_u16().unwrap_or(usual)
    };
    let is_same = from.scheme() == to.scheme() && port(from) == port(to);
    let gets_safer = from.scheme_str() == Some("http") && to.scheme_str() == Some("https");
    host(from) == host(to) && (is_same || gets_safer)
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use hyper::header::{ACCEPT, AUTHORIZATION, LOCATION};

    use super::*;

    fn base(url: &str) -> Base {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic x"));
        headers.insert("x-token", HeaderValue::from_static("secret"));
        Base { url: url.to_owned(), headers }
    }

    /// Where it leads, and how many headers go along.
    fn led(url: &str, path: &str, location: &str) -> Option<(String, usize)> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, location.parse().unwrap());
        let answer = ErrorAnswer::new(StatusCode::PERMANENT_REDIRECT, &headers, b"");
        let to = base(url).redirected(&answer, path, &[ACCEPT])?;
        Some((to.url, to.headers.len()))
    }

    #[test]
    fn a_database_is_followed_and_credentials_stay_with_their_host() {
        let to = |url: &str, headers| Some((url.to_owned(), headers));
        assert_eq!(led("http://h/db", "/_x?a=1", "/new/_x?a=1"), to("http://h/new", 3));
        assert_eq!(led("http://h/db", "", "https://h/db/"), to("https://h/db", 3));
        assert_eq!(led("http://h/db", "/_x", "http://other/db/_x"), to("http://other/db", 1));
        assert_eq!(led("http://h/db", "/_x", "http://h:81/db/_x"), to("http://h:81/db", 1));
        assert_eq!(led("https://h/db", "/_x", "http://h/db/_x"), to("http://h/db", 1));
        assert_eq!(led("http://h/db", "/_x", "http://u:p@h/db/_x"), to("http://h/db", 3));
        for elsewhere in ["/login", "http://h/login?next=/db", "ftp://h/db/_x", "//other/db/_x"] {
            assert_eq!(led("http://h/db", "/_x", elsewhere), None, "{elsewhere}");
        }
    }
}
