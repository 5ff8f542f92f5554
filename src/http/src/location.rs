//! Absolute addresses for `Location` headers, as CouchDB writes them.

use hyper::header::{HOST, HeaderValue, LOCATION};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::reply::Reply;
use crate::request::Request;

/// What CouchDB escapes in a segment: all but letters, digits and `_ . - :`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b':');

/// Sets `Location` to the path of these segments on the host that the client asked.
pub(crate) fn set_location(reply: &mut Reply, request: &Request, segments: &[&str]) {
    let usual = if request.session.peer().is_encrypted() { "https" } else { "http" };
    let scheme = request.header("x-forwarded-proto").unwrap_or(usual);
    let host = request
        .header("x-forwarded-host")
        .or_else(|| request.header(HOST))
        .or_else(|| request.uri.authority().map(hyper::http::uri::Authority::as_str))
        .unwrap_or("localhost");
    let mut address = String::with_capacity(64);
    address.push_str(scheme);
    address.push_str("://");
    address.push_str(host);
    for segment in segments {
        address.push('/');
        address.extend(percent_encode(segment.as_bytes(), SEGMENT));
    }
    if let Ok(value) = HeaderValue::try_from(address) {
        reply.headers_mut().insert(LOCATION, value);
    }
}
