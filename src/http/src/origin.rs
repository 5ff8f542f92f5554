//! Requests that a page of another site has a browser send with the cookie that it keeps. A browser asks
//! first (CORS) before it sends anything but a plain form; what a plain form can look like is therefore
//! taken from pages of this site alone.

use hyper::Method;
use hyper::header::{HOST, HeaderMap, ORIGIN};

use crate::failure::Failure;
use crate::request::Request;
use crate::user::Handler;

/// Media types of what forms send; a body of bytes without a type is sent without asking, too.
const FORMS: [&str; 4] =
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];

/// Refuses what a page of another site sends as a form, where the browser says by itself who asks.
pub(crate) fn check(request: &Request) -> Result<(), Failure> {
    if !says_who_asks(request)
        || matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS)
    {
        return Ok(());
    }
    check_form(request)
}

/// Whether a page of another site, to which nothing is said to be open, has a browser ask for this and say by
/// itself who asks. Where a `GET` stores something it is not done for such a page.
pub(crate) fn is_led_here(request: &Request) -> bool {
    says_who_asks(request) && is_foreign(&request.headers) && !is_let_in(request)
}

/// A browser adds a cookie, a password that it knows and what a proxy says by itself; a token it does not.
fn says_who_asks(request: &Request) -> bool {
    request.handler.is_some_and(|handler| handler != Handler::Jwt)
}

fn is_let_in(request: &Request) -> bool {
    let cors = request.rules.cors.as_ref();
    cors.is_some_and(|cors| cors.lets_in(request.headers.get(ORIGIN)))
}

/// Refuses what a page of another site sends as a form, whoever asks. For signing in: whoever made the page
/// would have the browser's user go on under a name that is not theirs.
pub(crate) fn check_form(request: &Request) -> Result<(), Failure> {
    if !FORMS.contains(&request.content_type().as_str()) || !is_foreign(&request.headers) {
        return Ok(());
    }
    if is_let_in(request) {
        return Ok(());
    }
    Err(Failure::Forbidden(
        "a page of another site may not send this with the session of this one: send \
         application/json"
            .to_owned(),
    ))
}

/// Whether a browser says that a page of another site sends this.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return false,
        Some(_) => return true,
        None => {}
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return false };
    let host = text("x-forwarded-host").or_else(|| text(HOST.as_str())).unwrap_or_default();
    origin.split_once("://").is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "db.example:5984".parse().expect("a value"));
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a value"));
        }
        is_foreign(&headers)
    }

    #[test]
    fn a_browser_tells_where_a_page_came_from() {
        assert!(!foreign(&[]), "no browser");
        assert!(!foreign(&[("origin", "https://db.example:5984")]));
        for origin in ["https://db.example", "http://evil.example", "null", ""] {
            assert!(foreign(&[("origin", origin)]), "{origin}");
        }
        assert!(!foreign(&[("origin", "https://a.org"), ("sec-fetch-site", "same-origin")]));
        assert!(foreign(&[("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("sec-fetch-site", "same-site")]));
    }
}
