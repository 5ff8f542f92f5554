//! What functions answer requests with, as read from the prelude's form of it.

use base64::Engine;
use serde_json::Value;

use crate::error::Error;

/// An answer to a request. `Content-Type` is always among the headers: CouchDB's default for the
/// kind of body where the function gave none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code, 200 to 599: those below announce that an answer follows.
    pub code: u16,
    /// Names and values in the function's order. Not checked for what HTTP allows in them.
    pub headers: Vec<(String, String)>,
    /// The body: text, JSON, or what `base64` decoded to.
    pub body: Vec<u8>,
}

/// The beginning of an answer whose body follows in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code, 200 to 599: those below announce that an answer follows.
    pub code: u16,
    /// Names and values in the function's order. Not checked for what HTTP allows in them.
    pub headers: Vec<(String, String)>,
}

/// Reads `{"code", "headers": [[name, value]], "body" or "base64"}`.
pub(crate) fn read(json: &str) -> Result<Response, Error> {
    let value: Value = serde_json::from_str(json).map_err(not_ours)?;
    let head = head_of(&value)?;
    let body = match text(&value, "base64") {
        Some(encoded) => base64::engine::general_purpose::STANDARD
            .decode(encoded.as_bytes())
            .map_err(|error| invalid(format!("base64: {error}")))?,
        None => text(&value, "body").unwrap_or_default().into_bytes(),
    };
    Ok(Response { code: head.code, headers: head.headers, body })
}

/// Reads the beginning alone.
pub(crate) fn read_head(json: &str) -> Result<ResponseHead, Error> {
    head_of(&serde_json::from_str(json).map_err(not_ours)?)
}

fn head_of(value: &Value) -> Result<ResponseHead, Error> {
    let code = value
        .get("code")
        .and_then(Value::as_f64)
        .filter(|code| code.fract() == 0.0 && (200.0..600.0).contains(code))
        .ok_or_else(|| invalid("code is no number from 200 to 599".into()))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "200 to 599")]
    let code = code as u16;
    Ok(ResponseHead { code, headers: pairs(value, "headers").unwrap_or_default() })
}

/// A member `[[name, value]…]`.
pub(crate) fn pairs(value: &Value, name: &str) -> Option<Vec<(String, String)>> {
    let pairs = value.get(name)?.as_array()?;
    let read =
        |pair: &Value| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.as_str()?.to_owned()));
    Some(pairs.iter().filter_map(read).collect())
}

/// A member that is text.
pub(crate) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

/// The prelude made what is read here, so only a function that reached into it can be the reason.
pub(crate) fn not_ours(error: serde_json::Error) -> Error {
    Error::Named { name: "render_error".into(), reason: format!("the answer is not json: {error}") }
}

fn invalid(reason: String) -> Error {
    Error::Named { name: "external_response_error".into(), reason }
}
