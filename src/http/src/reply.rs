//! Answers: how they are built, and the headers that all of them have. Which answer a request gets
//! is not decided here.

use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION, ORIGIN,
    REFERRER_POLICY, RETRY_AFTER, SERVER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use hyper::{HeaderMap, Method, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use refuge_document::{Revision, json::write_string};
use serde::Serialize;

use crate::failure::Failure;
use crate::request::Request;
use crate::rules::Rules;
use crate::stream::{ReplyBody, ReplySender};

/// An answer.
pub(crate) type Reply = Response<ReplyBody>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const MUST_REVALIDATE: HeaderValue = HeaderValue::from_static("must-revalidate");

/// A JSON answer; the newline that ends CouchDB's bodies is put behind `text`.
pub(crate) fn json(status: StatusCode, mut text: Vec<u8>) -> Reply {
    text.push(b'\n');
    json_bytes(status, text.into())
}

/// A JSON answer with exactly these bytes.
pub(crate) fn json_bytes(status: StatusCode, bytes: Bytes) -> Reply {
    let mut reply = Response::new(ReplyBody::full(bytes));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// A small JSON answer from a serialisable value.
pub(crate) fn json_value(status: StatusCode, value: &impl Serialize) -> Result<Reply, Failure> {
    let text = serde_json::to_vec(value)
        .map_err(|error| Failure::Internal(format!("an answer cannot be written: {error}")))?;
    Ok(json(status, text))
}

/// `{"ok":true}`.
pub(crate) fn ok(status: StatusCode) -> Reply {
    json_bytes(status, Bytes::from_static(b"{\"ok\":true}\n"))
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(ReplyBody::empty());
    *reply.status_mut() = status;
    reply
}

/// A 200 whose JSON body is written piece by piece by `produce`, which is driven by the connection
/// and dropped with it. A failure it returns breaks the connection, so that no client takes half an
/// answer for a whole one.
pub(crate) fn json_stream<F, P>(produce: P) -> Reply
where
    P: FnOnce(ReplySender) -> F,
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let mut reply = Response::new(ReplyBody::produced(None, produce).packable());
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// Like [`json_stream`], with a media type and, where it is known, the length of the whole body.
pub(crate) fn stream<F, P>(content_type: HeaderValue, length: Option<u64>, produce: P) -> Reply
where
    P: FnOnce(ReplySender) -> F,
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let mut reply = Response::new(ReplyBody::produced(length, produce));
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

/// Puts on a header, where its text is one that headers may have.
pub(crate) fn set_text(reply: &mut Reply, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        reply.headers_mut().insert(name, value);
    }
}

/// Says which revision the answer shows or made.
pub(crate) fn set_revision_tag(reply: &mut Reply, revision: &Revision) {
    let mut tag = Vec::with_capacity(48);
    tag.push(b'"');
    revision.write_text(&mut tag);
    tag.push(b'"');
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(tag)) {
        reply.headers_mut().insert(ETAG, value);
    }
}

/// `{"error":…,"reason":…}` as text, without a newline at its end.
pub(crate) fn failure_text(failure: &Failure) -> Vec<u8> {
    let (_, error) = failure.status();
    let mut text = Vec::with_capacity(96);
    text.extend_from_slice(b"{\"error\":");
    write_string(&mut text, error);
    text.extend_from_slice(b",\"reason\":");
    write_string(&mut text, &failure.to_string());
    text.push(b'}');
    text
}

/// The answer to a request that failed.
pub(crate) fn failure(failure: &Failure) -> Reply {
    let (status, _) = failure.status();
    let mut reply = json(status, failure_text(failure));
    match failure {
        Failure::MethodNotAllowed(methods) => {
            if let Ok(value) = HeaderValue::from_str(methods) {
                reply.headers_mut().insert(ALLOW, value);
            }
        }
        Failure::Busy { retry_after, .. }
        | Failure::TooMany { retry_after: Some(retry_after), .. } => {
            let seconds = retry_after.as_secs().max(1);
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        _ => {}
    }
    reply
}

/// The answer to a request that failed in an endpoint: a browser that takes HTML alone is sent to where
/// its user can sign in, as in CouchDB.
pub(crate) fn refusal(failed: &Failure, request: &Request) -> Reply {
    let reply = failure(failed);
    let rules = &request.rules;
    let Some(redirect) = &rules.authentication.redirect else { return reply };
    let is_asked_for = matches!(failed, Failure::Unauthorized(_))
        && rules.challenge.is_none()
        && request.header("x-couchdb-www-authenticate").is_none()
        && !request.accepts("application/json")
        && request.accepts("text/html");
    if !is_asked_for {
        return reply;
    }
    let escaped = |text: &str| percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
    let path = request.header("x-couchdb-vhost-path").unwrap_or(request.uri.path());
    let (path, reason) = (escaped(path), escaped(&failed.to_string()));
    let mut reply = reply;
    *reply.status_mut() = StatusCode::FOUND;
    set_text(&mut reply, LOCATION, &format!("{redirect}?return={path}&reason={reason}"));
    reply
}

/// Puts on what every answer has, after the request that it answers was dealt with.
pub(crate) fn complete(
    reply: &mut Reply,
    request: &HeaderMap,
    server: &HeaderValue,
    rules: &Rules,
) {
    let unauthorized = reply.status() == StatusCode::UNAUTHORIZED;
    let headers = reply.headers_mut();
    headers.insert(SERVER, server.clone());
    headers.entry(CACHE_CONTROL).or_insert(MUST_REVALIDATE);
    if headers.get(CONTENT_TYPE).is_some_and(is_page) {
        // It is the page that its type says, shown within pages of this host alone, and its address is
        // told to nobody else: what made the page may say otherwise.
        for (name, value) in [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "SAMEORIGIN"),
            (REFERRER_POLICY, "same-origin"),
        ] {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
    }
    // A challenge opens a dialog in browsers: it is sent where the client names one, or the
    // configuration does.
    let challenge = || request.get("x-couchdb-www-authenticate").or(rules.challenge.as_ref());
    if unauthorized && let Some(challenge) = challenge() {
        headers.insert(WWW_AUTHENTICATE, challenge.clone());
    }
    if let Some(cors) = &rules.cors {
        cors.mark(headers, request.get(ORIGIN));
    }
}

/// Whether a browser shows it as a page.
fn is_page(content_type: &HeaderValue) -> bool {
    let text = content_type.as_bytes();
    [&b"text/html"[..], b"application/xhtml+xml", b"image/svg+xml"]
        .iter()
        .any(|page| text.get(..page.len()).is_some_and(|start| start.eq_ignore_ascii_case(page)))
}

/// Answers in plain text where the client does not take JSON, as CouchDB does.
pub(crate) fn negotiate(reply: &mut Reply, request: &Request) {
    if reply.headers().get(CONTENT_TYPE) == Some(&JSON) && !request.accepts("application/json") {
        reply.headers_mut().insert(CONTENT_TYPE, PLAIN_TEXT);
    }
}

/// Whether the method is one of those allowed; `Failure::MethodNotAllowed` naming them otherwise.
pub(crate) fn allow(
    method: &Method,
    allowed: &[Method],
    names: &'static str,
) -> Result<(), Failure> {
    if allowed.contains(method) { Ok(()) } else { Err(Failure::MethodNotAllowed(names)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_written_as_couchdb_writes_them() {
        let text = failure_text(&Failure::NotFound("missing \"x\"".to_owned()));
        assert_eq!(text, br#"{"error":"not_found","reason":"missing \"x\""}"#);
        let reply = failure(&Failure::MethodNotAllowed("GET,HEAD"));
        assert_eq!(reply.headers().get(ALLOW).map(HeaderValue::as_bytes), Some(&b"GET,HEAD"[..]));
    }

    #[test]
    fn a_challenge_is_sent_only_where_the_client_or_the_configuration_names_one() {
        let server = HeaderValue::from_static("s");
        let mut reply = failure(&Failure::Unauthorized("no".to_owned()));
        complete(&mut reply, &HeaderMap::new(), &server, &Rules::default());
        assert!(!reply.headers().contains_key(WWW_AUTHENTICATE));
        let mut headers = HeaderMap::new();
        headers.insert("x-couchdb-www-authenticate", HeaderValue::from_static("Basic realm=\"x\""));
        complete(&mut reply, &headers, &server, &Rules::default());
        assert!(reply.headers().contains_key(WWW_AUTHENTICATE));
        let challenge = Some(HeaderValue::from_static("Basic realm=\"y\""));
        let rules = Rules { challenge, ..Rules::default() };
        let mut reply = failure(&Failure::Unauthorized("no".to_owned()));
        complete(&mut reply, &HeaderMap::new(), &server, &rules);
        assert_eq!(reply.headers().get(WWW_AUTHENTICATE), rules.challenge.as_ref());
    }
}
