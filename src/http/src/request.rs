//! A request as the endpoints see it: decoded path, parameters, headers, who asks, and a body that
//! is read only when somebody wants it. Nothing is answered here.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Uri};
use serde::de::DeserializeOwned;

use crate::body::RequestBody;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::query::{Query, decode_component};
use crate::rules::Rules;
use crate::session::ConnectionSession;
use crate::user::{Handler, User};

/// One request on its way through the router.
pub(crate) struct Request {
    /// Its method.
    pub(crate) method: Method,
    /// Its address as it came.
    pub(crate) uri: Uri,
    /// Parameters.
    pub(crate) query: Query,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Who asks.
    pub(crate) user: Arc<User>,
    /// How they said so; none for nobody, and for nodes.
    pub(crate) handler: Option<Handler>,
    /// The value of a cookie that is to take the place of theirs.
    pub(crate) renewal: Option<Box<str>>,
    /// The body, unread.
    pub(crate) body: RequestBody,
    /// The connection on which it came.
    pub(crate) session: Arc<ConnectionSession>,
    /// The address of who sent it, as far as that is known: a proxy may have told.
    pub(crate) address: IpAddr,
    /// What the configuration asks of it.
    pub(crate) rules: Arc<Rules>,
}

impl Request {
    /// What it may ask for.
    pub(crate) fn limits(&self) -> &Limits {
        &self.rules.limits
    }

    /// A header's value, where it is readable text.
    pub(crate) fn header(&self, name: impl hyper::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type of the body in lower case, without its parameters; empty when none is told.
    pub(crate) fn content_type(&self) -> String {
        let text = self.header(CONTENT_TYPE).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether the client would take `media_type`; one without an `Accept` header takes all.
    pub(crate) fn accepts(&self, media_type: &str) -> bool {
        self.header(ACCEPT).is_none_or(|accept| accept_allows(accept, media_type))
    }

    /// The whole body, gunzipped where it came gzipped; 413 when it has more than `limit` bytes.
    pub(crate) async fn bytes(&mut self, limit: usize) -> Result<bytes::Bytes, Failure> {
        self.body.collect(&self.headers, limit).await
    }

    /// The whole body of a request that has to be `application/json` (415 when it is not), gunzipped
    /// where it came gzipped; 413 when it has more than `limit` bytes.
    pub(crate) async fn json_bytes(&mut self, limit: usize) -> Result<bytes::Bytes, Failure> {
        self.check_json()?;
        self.bytes(limit).await
    }

    /// The body parsed as JSON, whatever its media type; 400 when it is not JSON or not of that
    /// shape.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self, limit: usize) -> Result<T, Failure> {
        let bytes = self.bytes(limit).await?;
        serde_json::from_slice(&bytes).map_err(|error| bad_json(&error))
    }

    /// Refuses a body that says it is something else than JSON. One that says nothing passes, but not where
    /// a cookie says who asks: a page of another site could have a browser send that.
    pub(crate) fn check_json(&self) -> Result<(), Failure> {
        match self.content_type().as_str() {
            "application/json" => Ok(()),
            "" if self.handler != Some(Handler::Cookie) => Ok(()),
            _ => {
                let reason = "Content-Type must be application/json";
                Err(Failure::BadContentType(reason.to_owned()))
            }
        }
    }
}

/// A URI with another path and other parameters; `None` where these are none.
pub(crate) fn with_path(uri: &Uri, path_and_query: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// What a body that `serde_json` refused is told.
fn bad_json(error: &serde_json::Error) -> Failure {
    if error.is_data() {
        Failure::BadRequest(format!("Request body has the wrong shape: {error}"))
    } else {
        Failure::BadRequest("invalid UTF-8 JSON".to_owned())
    }
}

/// The decoded segments of a URI's path, empty ones left out; `%2F` stays inside its segment, `+` is a
/// space.
pub(crate) fn path_segments<'a>(
    uri: &'a Uri,
    limits: &Limits,
) -> Result<Vec<Cow<'a, str>>, Failure> {
    let path = uri.path();
    if path.len() > limits.max_uri_length {
        return Err(Failure::BadRequest("the request uri is too long".to_owned()));
    }
    Ok(path.split('/').filter(|part| !part.is_empty()).map(decode_component).collect())
}

fn accepted_types(accept: &str) -> impl Iterator<Item = &str> {
    accept.split(',').filter(|item| !refused(item)).map(|item| {
        let media_type = item.split(';').next().unwrap_or_default();
        media_type.trim()
    })
}

/// Whether a line of `Accept` has `q=0`: "not this one".
fn refused(item: &str) -> bool {
    item.split(';').skip(1).any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        name.trim() == "q" && value.trim().parse::<f32>().is_ok_and(|quality| quality <= 0.0)
    })
}

fn is_family(item: &str, family: &str) -> bool {
    item.strip_suffix("/*").is_some_and(|named| named != "*" && named.eq_ignore_ascii_case(family))
}

fn accept_allows(accept: &str, media_type: &str) -> bool {
    if accept == "*/*" || accept == media_type || accept.trim().is_empty() {
        return true;
    }
    let family = media_type.split('/').next().unwrap_or_default();
    accepted_types(accept).any(|item| {
        item == "*/*" || item.eq_ignore_ascii_case(media_type) || is_family(item, family)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_segment_by_segment() {
        let uri: Uri = "/a%2Fb//doc+one/%C3%A9?x=1".parse().expect("a URI");
        assert_eq!(
            path_segments(&uri, &Limits::default()),
            Ok(vec!["a/b".into(), "doc one".into(), "é".into()])
        );
    }

    #[test]
    fn accept_lists_are_read_with_wildcards_and_refusals() {
        assert!(accept_allows("text/html, application/json;q=0.5", "application/json"));
        assert!(accept_allows("text/html, */*;q=0.1", "application/json"));
        assert!(accept_allows("application/*", "application/json"));
        assert!(!accept_allows("text/html", "application/json"));
        assert!(!accept_allows("application/json;q=0, text/html", "application/json"));
    }
}
