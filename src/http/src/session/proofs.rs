//! What a request's headers say of its sender: found, compared with what was shown before, and taken
//! apart. Whether it is true is not known here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName};

use super::shown::Shown;
use crate::failure::Failure;
use crate::rules::ProxyHeaders;
use crate::user::{Credentials, Handler, Proof, ProxyClaim};

/// The name of a session's cookie.
const COOKIE_NAME: &str = "AuthSession";

/// What is shown to this handler, as bytes to compare; none where nothing is.
pub(super) fn shown<'a>(
    handler: Handler,
    headers: &'a HeaderMap,
    proxy: &ProxyHeaders,
) -> Option<Shown<'a>> {
    match handler {
        Handler::Cookie => cookie(headers).map(|value| Shown::one(value.as_bytes())),
        Handler::Default => scheme(headers, b"basic").map(Shown::one),
        Handler::Jwt => scheme(headers, b"bearer").map(Shown::one),
        // No header says it.
        Handler::Certificate => None,
        Handler::Proxy => {
            let name = headers.get(&proxy.name)?.as_bytes();
            let further = |name| headers.get(name).map_or(&b""[..], |value| value.as_bytes());
            Some(Shown::three([name, further(&proxy.roles), further(&proxy.token)]))
        }
    }
}

/// What is shown to this handler, taken apart; none where it says nothing. 400 for broken base64.
pub(super) fn read(
    handler: Handler,
    headers: &HeaderMap,
    proxy: &ProxyHeaders,
) -> Result<Option<Proof>, Failure> {
    Ok(match handler {
        Handler::Cookie => cookie(headers).map(|value| Proof::Cookie(value.to_owned())),
        Handler::Default => match scheme(headers, b"basic") {
            Some(encoded) => credentials(encoded)?.map(Proof::Password),
            None => None,
        },
        Handler::Jwt => {
            let token = scheme(headers, b"bearer").map(String::from_utf8_lossy);
            token.map(|token| Proof::Token(token.trim().to_owned()))
        }
        Handler::Certificate => None,
        Handler::Proxy => claim(headers, proxy).map(Proof::Proxy),
    })
}

/// What stands behind a scheme in the `Authorization` header.
fn scheme<'a>(headers: &'a HeaderMap, name: &[u8]) -> Option<&'a [u8]> {
    let header = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, rest) = header.split_at_checked(name.len())?;
    let rest = rest.strip_prefix(b" ")?;
    scheme.eq_ignore_ascii_case(name).then(|| rest.trim_ascii())
}

/// Name and password of a Basic `Authorization` header.
fn credentials(encoded: &[u8]) -> Result<Option<Credentials>, Failure> {
    let decoded = STANDARD.decode(encoded).map_err(|_| {
        Failure::BadRequest("Authorization header has invalid base64 value".to_owned())
    })?;
    let text = String::from_utf8_lossy(&decoded);
    // `_:_` is how a browser is made to forget what it sent.
    Ok(text.split_once(':').filter(|pair| *pair != ("_", "_")).map(|(name, password)| {
        Credentials { name: name.to_owned(), password: password.to_owned() }
    }))
}

/// The value of a session's cookie; one without a value is what a browser keeps of a session that ended.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value.trim_matches('"'))
        .filter(|value| !value.is_empty())
}

fn claim(headers: &HeaderMap, proxy: &ProxyHeaders) -> Option<ProxyClaim> {
    let text = |name: &HeaderName| {
        let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        value.map(std::borrow::Cow::into_owned)
    };
    let roles = text(&proxy.roles).unwrap_or_default();
    let roles = roles.split(',').map(str::trim).filter(|role| !role.is_empty());
    Some(ProxyClaim {
        name: text(&proxy.name).filter(|name| !name.is_empty())?,
        roles: roles.map(str::to_owned).collect(),
        token: text(&proxy.token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::AuthenticationRules;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    fn read_one(
        handler: Handler,
        pairs: &[(&'static str, &str)],
    ) -> Result<Option<Proof>, Failure> {
        read(handler, &headers(pairs), &AuthenticationRules::default().proxy)
    }

    #[test]
    fn basic_credentials_are_read_and_other_schemes_ignored() {
        let read = |text: &str| {
            let proof = read_one(Handler::Default, &[("authorization", text)])?;
            Ok::<_, Failure>(proof.map(|proof| match proof {
                Proof::Password(credentials) => credentials,
                _ => panic!("another proof"),
            }))
        };
        let credentials = read("Basic YWRhOnBhc3M6d29yZA==").expect("good").expect("some");
        assert_eq!(credentials.name, "ada");
        assert_eq!(credentials.password, "pass:word");
        assert!(read("basic YWRhOng=").expect("good").is_some());
        assert!(read("Bearer abc").expect("good").is_none());
        assert!(read("Basic Xzpf").expect("good").is_none());
        assert!(read("Basic !!").is_err());
    }

    #[test]
    fn the_sessions_cookie_is_found_among_others() {
        let value = |pairs: &[(&'static str, &str)]| cookie(&headers(pairs)).map(str::to_owned);
        let found = value(&[("cookie", "a=b; AuthSession=\"abc=\"; c"), ("cookie", "d=e")]);
        assert_eq!(found.as_deref(), Some("abc="));
        assert_eq!(value(&[("cookie", "a=b"), ("cookie", "AuthSession=x")]).as_deref(), Some("x"));
        assert_eq!(value(&[("cookie", "AuthSession=; xAuthSession=y")]), None);
    }

    #[test]
    fn a_proxy_names_a_user_with_roles() {
        let pairs = [
            ("x-auth-couchdb-username", "anna"),
            ("x-auth-couchdb-roles", "a, b,,"),
            ("x-auth-couchdb-token", "00"),
        ];
        let Ok(Some(Proof::Proxy(claim))) = read_one(Handler::Proxy, &pairs) else {
            panic!("a claim");
        };
        assert_eq!((claim.name.as_str(), claim.token.as_deref()), ("anna", Some("00")));
        assert_eq!(claim.roles, ["a", "b"]);
        assert!(matches!(read_one(Handler::Proxy, &[("x-auth-couchdb-roles", "a")]), Ok(None)));
    }
}
