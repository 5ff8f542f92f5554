//! What each request is called, in its answer (`X-Couch-Request-ID`) and in the lines of the log that tell of
//! it, and how long its body took to come (`X-CouchDB-Body-Time`).

use std::fmt;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-couch-request-id");
const BODY_TIME: HeaderName = HeaderName::from_static("x-couchdb-body-time");

/// Most characters of a name that a client may give: a UUID has as many.
const GIVEN_BYTES: usize = 36;

/// The name of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestId {
    /// Made here, of which 40 bits are shown.
    Made(u64),
    /// As the client named it.
    Given(Box<str>),
}

/// What a client may call its request: what needs no escape in a line of the log.
fn given(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!text.is_empty() && text.len() <= GIVEN_BYTES && text.bytes().all(is_plain)).then_some(text)
}

impl RequestId {
    /// That of a request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get(REQUEST_ID).and_then(given) {
            Some(given) => Self::Given(given.into()),
            None => Self::Made(rand::random()),
        }
    }

    /// Puts it on the answer.
    pub(crate) fn mark(&self, reply: &mut HeaderMap) {
        let value = match self {
            Self::Made(number) => HeaderValue::from_bytes(&digits(*number)),
            Self::Given(text) => HeaderValue::from_str(text),
        };
        if let Ok(value) = value {
            reply.insert(REQUEST_ID, value);
        }
        reply.entry(BODY_TIME).or_insert(HeaderValue::from_static("0"));
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(number) => {
                formatter.write_str(std::str::from_utf8(&digits(*number)).unwrap_or_default())
            }
            Self::Given(text) => formatter.write_str(text),
        }
    }
}

/// The last 40 bits as hexadecimal digits.
fn digits(number: u64) -> [u8; 10] {
    std::array::from_fn(|place| {
        let digit = ((number >> (36 - 4 * place)) & 0xf) as u8;
        if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
    })
}

/// Tells how long the body of a request was waited for, where that was a millisecond or more.
pub(crate) fn mark_body_time(reply: &mut HeaderMap, waited: Duration) {
    let milliseconds = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    if milliseconds > 0 {
        reply.insert(BODY_TIME, HeaderValue::from(milliseconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ten_digits_and_no_two_are_alike() {
        let names: std::collections::HashSet<String> =
            (0..1_000).map(|_| RequestId::of(&HeaderMap::new()).to_string()).collect();
        assert_eq!(names.len(), 1_000);
        assert!(names.iter().all(|name| name.len() == 10), "{names:?}");
        assert_eq!(RequestId::Made(0xff_0012_34ab_cdef).to_string(), "1234abcdef");
    }

    #[test]
    fn a_client_may_name_its_request() {
        let named = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_static(name));
            RequestId::of(&headers).to_string()
        };
        let uuid = "E7498DE1-B661-42FA-943D-17F890143068";
        assert_eq!(named(uuid), uuid);
        for wrong in ["", "a b", "a\"", "E7498DE1-B661-42FA-943D-17F8901430681"] {
            assert_eq!(named(wrong).len(), 10, "{wrong}");
        }
    }

    #[test]
    fn an_answer_tells_both() {
        let mut reply = HeaderMap::new();
        mark_body_time(&mut reply, Duration::from_micros(900));
        RequestId::Made(7).mark(&mut reply);
        assert_eq!(reply.get(REQUEST_ID).expect("told"), "0000000007");
        assert_eq!(reply.get(BODY_TIME).expect("told"), "0");
        mark_body_time(&mut reply, Duration::from_millis(12));
        assert_eq!(reply.get(BODY_TIME).expect("told"), "12");
    }
}
