//! The cookie of a session as it is set and taken back. What stands in it is the node's.

use std::time::{Duration, SystemTime};

use hyper::HeaderMap;
use hyper::header::{HeaderValue, SET_COOKIE};

use crate::reply::Reply;
use crate::request::Request;
use crate::rules::SessionRules;

/// Whether the client speaks over TLS, to this node or to a proxy in front of it. Who says so wrongly
/// gets a cookie that works over TLS alone.
fn is_secure(request: &Request) -> bool {
    request.session.peer().is_encrypted()
        || says(&request.headers, "x-forwarded-proto", "https")
        || says(&request.headers, "x-forwarded-ssl", "on")
}

fn says(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|header| header.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
}

/// Gives the client a session's cookie.
pub(crate) fn set(reply: &mut Reply, request: &Request, value: &str) {
    let rules = &request.rules.authentication.sessions;
    let lasts = rules.persistent.then_some(rules.lasts);
    put(reply, &text(value, lasts, rules, is_secure(request)));
}

/// Takes it back.
pub(crate) fn clear(reply: &mut Reply, request: &Request) {
    let rules = &request.rules.authentication.sessions;
    put(reply, &text("", Some(Duration::ZERO), rules, is_secure(request)));
}

fn put(reply: &mut Reply, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        reply.headers_mut().append(SET_COOKIE, value);
    }
}

fn text(value: &str, lasts: Option<Duration>, rules: &SessionRules, secure: bool) -> String {
    let mut text = format!("AuthSession={value}; Version=1");
    if let Some(lasts) = lasts {
        let ends = match lasts.is_zero() {
            true => SystemTime::UNIX_EPOCH,
            false => SystemTime::now() + lasts,
        };
        let ends = httpdate::fmt_http_date(ends);
        text.push_str(&format!("; Expires={ends}; Max-Age={}", lasts.as_secs()));
    }
    if secure {
        text.push_str("; Secure");
    }
    text.push_str("; Path=/");
    if let Some(domain) = &rules.domain {
        text.push_str("; Domain=");
        text.push_str(domain);
    }
    text.push_str("; HttpOnly");
    if let Some(same_site) = rules.same_site {
        text.push_str("; SameSite=");
        text.push_str(same_site);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::AuthenticationRules;

    #[test]
    fn a_cookie_says_what_the_rules_want() {
        let rules = AuthenticationRules::default().sessions;
        let plain = text("abc", None, &rules, false);
        assert_eq!(plain, "AuthSession=abc; Version=1; Path=/; HttpOnly");
        let rules =
            SessionRules { domain: Some("a.org".to_owned()), same_site: Some("Strict"), ..rules };
        let all = text("abc", Some(Duration::from_secs(60)), &rules, true);
        assert!(
            all.contains("; Max-Age=60; Secure; Path=/; Domain=a.org; HttpOnly; SameSite=Strict")
        );
        let cleared = text("", Some(Duration::ZERO), &rules, false);
        assert!(cleared.contains("Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"), "{cleared}");
    }
}
