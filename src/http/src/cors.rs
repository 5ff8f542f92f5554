//! Pages of other origins (CORS), as CouchDB 3.5 answers them: which may ask, what preflights hear, and
//! what is put on answers. Source: the CouchDB documentation, "config/http", "Cross-Origin Resource
//! Sharing", and the Fetch standard.

use std::fmt::Display;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN,
    VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use crate::reply::{self, Reply};

/// Headers that pages may send where the configuration names none.
const HEADERS: &str = "accept, accept-language, authorization, content-length, content-range, \
     content-type, destination, expires, if-match, last-modified, origin, pragma, \
     x-couch-full-commit, x-couch-id, x-couch-persist, x-couchdb-www-authenticate, \
     x-http-method-override, x-requested-with, x-couchdb-vhost-path, tus-resumable, upload-length, \
     upload-offset, upload-metadata, upload-defer-length, upload-checksum, x-request-id";

/// Methods that pages may use where the configuration names none.
const METHODS: &str = "CONNECT, COPY, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE";

/// Headers of answers that pages may read where the configuration names none.
const EXPOSED: &str = "accept-ranges, etag, server, x-couch-request-id, x-couch-update-newrev, \
     x-couchdb-body-time, location, tus-resumable, tus-version, tus-extension, tus-max-size, \
     tus-checksum-algorithm, upload-length, upload-offset, upload-metadata, upload-defer-length, \
     upload-expires";

/// Headers that pages may read of every answer that has them, whatever the configuration names.
const ALWAYS_EXPOSED: &str = "content-type, cache-control";

/// The `[cors]` section as it is written; lists are separated by commas, empty ones are CouchDB's.
#[derive(Clone, Copy, Debug, Default)]
pub struct CorsOptions<'a> {
    /// Origins whose pages may ask; `*` is every one.
    pub origins: &'a str,
    /// Whether they may send credentials.
    pub credentials: bool,
    /// Headers that they may send.
    pub headers: &'a str,
    /// Methods that they may use.
    pub methods: &'a str,
    /// Headers of answers that they may read.
    pub exposed_headers: &'a str,
    /// Seconds for which a browser may remember a preflight.
    pub max_age: u64,
}

/// Which pages may ask what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    every_origin: bool,
    origins: Vec<String>,
    credentials: bool,
    /// In lower case.
    headers: Vec<String>,
    methods: Vec<String>,
    methods_text: HeaderValue,
    exposed: HeaderValue,
    max_age: HeaderValue,
}

impl Cors {
    /// Reads the lists.
    #[must_use]
    pub fn new(options: CorsOptions<'_>) -> Self {
        let or = |text: &'_ str, usual: &'static str| {
            if text.trim().is_empty() { list(usual) } else { list(text) }
        };
        let methods = or(options.methods, METHODS);
        let exposed = or(options.exposed_headers, EXPOSED).join(", ").to_ascii_lowercase();
        let origins = list(options.origins);
        Self {
            every_origin: origins.iter().any(|origin| origin == "*"),
            origins,
            credentials: options.credentials,
            headers: or(options.headers, HEADERS)
                .into_iter()
                .map(|header| header.to_ascii_lowercase())
                .collect(),
            methods_text: header_value(methods.join(", ")),
            methods,
            exposed: header_value(format!("{ALWAYS_EXPOSED}, {exposed}")),
            max_age: HeaderValue::from(options.max_age),
        }
    }

    /// The answer to a preflight, before anybody asks who the page's user is; none for any other
    /// request, and where the page may not do what it asks for.
    pub(crate) fn preflight(&self, request: &Parts) -> Option<Reply> {
        if request.method != Method::OPTIONS {
            return None;
        }
        let headers = &request.headers;
        self.allowed(headers.get(ORIGIN)?)?;
        let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.to_str().ok()?;
        if !self.methods.iter().any(|allowed| allowed == method) {
            return None;
        }
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let asked = asked.cloned().unwrap_or(HeaderValue::from_static(""));
        let unknown = |name: &String| !self.headers.contains(&name.to_ascii_lowercase());
        if list(asked.to_str().ok()?).iter().any(unknown) {
            return None;
        }
        let mut reply = reply::empty(StatusCode::NO_CONTENT);
        let headers = reply.headers_mut();
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods_text.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
        Some(reply)
    }

    /// Puts on an answer what the browser asks before it shows the answer to the page.
    pub(crate) fn mark(&self, reply: &mut HeaderMap, origin: Option<&HeaderValue>) {
        // Also without an origin: what is remembered of this answer is not for a page.
        reply.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin.and_then(|origin| self.allowed(origin)) else { return };
        reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            reply.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        reply.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
    }

    /// Whether pages of this origin may ask.
    pub(crate) fn lets_in(&self, origin: Option<&HeaderValue>) -> bool {
        origin.is_some_and(|origin| self.allowed(origin).is_some())
    }

    /// The origin, where its pages may ask. As in CouchDB each is named, also where every one may.
    fn allowed<'a>(&self, origin: &'a HeaderValue) -> Option<&'a HeaderValue> {
        let listed = || self.origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes());
        (self.every_origin || listed()).then_some(origin)
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

fn header_value(text: impl Display) -> HeaderValue {
    HeaderValue::from_str(&text.to_string()).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE_SYNC: CorsOptions<'_> = CorsOptions {
        origins: "app://obsidian.md,capacitor://localhost, http://localhost",
        credentials: true,
        headers: "",
        methods: "",
        exposed_headers: "",
        max_age: 600,
    };

    fn preflight(options: CorsOptions<'_>, headers: &[(&str, &str)]) -> Option<HeaderMap> {
        let mut request = hyper::Request::builder().method("OPTIONS");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let cors = Cors::new(options);
        let mut reply = cors.preflight(&parts)?;
        cors.mark(reply.headers_mut(), parts.headers.get(ORIGIN));
        Some(reply.headers().clone())
    }

    const ASKED: (&str, &str) = ("access-control-request-method", "PUT");

    #[test]
    fn a_preflight_of_a_listed_origin_hears_what_it_may() {
        let headers = [
            ("origin", "capacitor://localhost"),
            ASKED,
            ("access-control-request-headers", "Authorization,content-type"),
        ];
        let told = preflight(LIVE_SYNC, &headers).expect("allowed");
        let told = |name: &str| told.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(told("access-control-allow-origin"), Some("capacitor://localhost"));
        assert_eq!(told("access-control-allow-credentials"), Some("true"));
        assert_eq!(told("access-control-allow-headers"), Some("Authorization,content-type"));
        assert_eq!(told("access-control-max-age"), Some("600"));
        assert_eq!(told("vary"), Some("Origin"));
        assert!(told("access-control-allow-methods").is_some_and(|text| text.contains("COPY")));
    }

    #[test]
    fn what_is_not_listed_is_no_preflight() {
        let origin = ("origin", "http://localhost");
        assert!(preflight(LIVE_SYNC, &[origin, ASKED]).is_some());
        assert!(preflight(LIVE_SYNC, &[origin]).is_none(), "no method");
        assert!(preflight(LIVE_SYNC, &[ASKED]).is_none(), "no origin");
        for other in ["http://localhost:80", "HTTP://localhost", "http://evil.example", "null"] {
            assert!(preflight(LIVE_SYNC, &[("origin", other), ASKED]).is_none(), "{other}");
        }
        let other = ("access-control-request-method", "put");
        assert!(preflight(LIVE_SYNC, &[origin, other]).is_none(), "methods have their case");
        let other = ("access-control-request-headers", "x-other");
        assert!(preflight(LIVE_SYNC, &[origin, ASKED, other]).is_none());
        let options = CorsOptions { headers: "X-Other", methods: "GET", ..LIVE_SYNC };
        assert!(preflight(options, &[origin, ASKED]).is_none());
        let get = ("access-control-request-method", "GET");
        assert!(preflight(options, &[origin, get, other]).is_some());
    }

    #[test]
    fn a_star_lets_every_origin_in_by_its_name() {
        let options = CorsOptions { origins: "*", credentials: false, ..LIVE_SYNC };
        let told = preflight(options, &[("origin", "null"), ASKED]).expect("allowed");
        assert_eq!(told.get(ACCESS_CONTROL_ALLOW_ORIGIN).expect("told"), "null");
        assert!(!told.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        let nobody = CorsOptions { origins: "", ..LIVE_SYNC };
        assert!(preflight(nobody, &[("origin", "null"), ASKED]).is_none());
    }
}
