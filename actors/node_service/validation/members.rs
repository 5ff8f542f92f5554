//! Bodies of documents with members of the node's own in the place of what was written; all else stays as
//! it was written, byte for byte.

use bytes::Bytes;
use refuge_document::Body;
use refuge_document::json::{self, write_string};
use refuge_http::Failure;
use serde_json::Value;

/// The member that is read at a body's end.
const EXPIRES: &str = "_expires";

/// The body without the members that are `replaced`, and with `more` behind the others. A moment of expiry
/// stays the last member.
pub(super) fn with_members(
    body: &Body,
    replaced: impl Fn(&str) -> bool,
    more: &[(&'static str, Value)],
) -> Result<Body, Failure> {
    let broken = |error: json::JsonError| Failure::Internal(error.to_string());
    let mut kept = Vec::new();
    for member in json::members(body.as_bytes()).map_err(broken)? {
        let (name, value) = member.map_err(broken)?;
        if !replaced(&name) {
            kept.push((name, value));
        }
    }
    let last = match kept.last() {
        Some((name, _)) if name.as_ref() == EXPIRES => kept.pop(),
        _ => None,
    };
    let mut text = Vec::with_capacity(body.as_bytes().len() + 256);
    let mut put = |name: &str, value: &[u8]| {
        text.push(if text.is_empty() { b'{' } else { b',' });
        write_string(&mut text, name);
        text.push(b':');
        text.extend_from_slice(value);
    };
    for (name, value) in &kept {
        put(name, value);
    }
    for (name, value) in more {
        put(name, value.to_string().as_bytes());
    }
    if let Some((name, value)) = &last {
        put(name, value);
    }
    if text.is_empty() {
        text.push(b'{');
    }
    text.push(b'}');
    Ok(Body::from_stored(Bytes::from(text)))
}
