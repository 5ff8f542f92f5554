//! URLs of remote databases: split, normalised, their credentials set apart. Errors never repeat the
//! URL, since a password may stand in it.

use percent_encoding::percent_decode_str;

use super::{BasicCredentials, JobError, RemoteAddress};

const BAD_SCHEME: &str = "a database URL begins with http:// or https://; a database of a node is written \
     node://NAME/DATABASE or {\"node\": NAME, \"db\": DATABASE}";
const BAD_PORT: &str = "the port of a database URL is a number below 65536";

impl RemoteAddress {
    /// Reads `http://user:password@host:port/database`.
    ///
    /// # Errors
    /// [`JobError::BadRequest`] for any other form.
    pub fn parse(url: &str) -> Result<Self, JobError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad(BAD_SCHEME))?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(bad(BAD_SCHEME)),
        };
        if rest.contains(['?', '#']) {
            return Err(bad("a database URL has neither a query nor a fragment: write `?` as %3F"));
        }
        if rest.contains(|character: char| character.is_ascii_control() || character == ' ') {
            return Err(bad("a database URL holds no spaces: write %20"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user_information, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let host = normal_host(host, default_port)?;
        let path = path.trim_end_matches('/');
        if path.is_empty() {
            return Err(bad("a database URL names a database after the host"));
        }
        Ok(Self {
            url: format!("{scheme}://{host}{path}"),
            headers: Vec::new(),
            credentials: user_information.map(credentials_of).transpose()?,
        })
    }
}

/// Host in lower case, the default port left out: what it gives stays as it is when it is read again.
pub(super) fn normal_host(host: &str, default_port: u16) -> Result<String, JobError> {
    let host = host.to_ascii_lowercase();
    let (name, port) = match host.rsplit_once(':') {
        // A colon inside the brackets of an IPv6 address is no port.
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host.as_str(), ""),
    };
    if name.is_empty() {
        return Err(bad("a database URL names a host"));
    }
    let bracketed = name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    if bracketed.is_none() && name.contains([':', '[', ']']) {
        return Err(bad("the host of a database URL holds a colon only in brackets: [::1]"));
    }
    if port.is_empty() {
        return Ok(name.to_owned());
    }
    if !port.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(bad(BAD_PORT));
    }
    match port.parse::<u16>() {
        Ok(number) if number == default_port => Ok(name.to_owned()),
        Ok(number) => Ok(format!("{name}:{number}")),
        Err(_) => Err(bad(BAD_PORT)),
    }
}

pub(super) fn credentials_of(user_information: &str) -> Result<BasicCredentials, JobError> {
    let (username, password) = user_information.split_once(':').unwrap_or((user_information, ""));
    Ok(BasicCredentials { username: decoded(username)?, password: decoded(password)? })
}

fn decoded(text: &str) -> Result<String, JobError> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(bad("the credentials in a database URL are not UTF-8")),
    }
}

fn bad(reason: &str) -> JobError {
    JobError::BadRequest(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_normalised_and_credentials_set_apart() {
        let address = RemoteAddress::parse("HTTP://bob:p%40ss:w@Example.ORG:80/a%2Fb/").unwrap();
        assert_eq!(address.url, "http://example.org/a%2Fb");
        let credentials = address.credentials.clone().unwrap();
        assert_eq!(credentials.username, "bob");
        assert_eq!(credentials.password, "p@ss:w");
        assert!(!format!("{address:?}").contains("p@ss"));
    }

    #[test]
    fn addresses_of_ipv6_keep_their_brackets() {
        let address = RemoteAddress::parse("http://[::1]:5984/db").unwrap();
        assert_eq!(address.url, "http://[::1]:5984/db");
        let address = RemoteAddress::parse("https://[::1]:443/db").unwrap();
        assert_eq!(address.url, "https://[::1]/db");
    }

    #[test]
    fn an_address_stays_as_it_is_when_it_is_read_again() {
        for url in ["http://h:0080/db", "http://h:/db", "http://[::1]:080/db", "http://h:05984/db"]
        {
            let once = RemoteAddress::parse(url).unwrap().url;
            assert_eq!(RemoteAddress::parse(&once).unwrap().url, once, "{url}");
        }
        for url in ["http://h::80/db", "http://h:1:2/db", "http://h:+1/db", "http://::1/db"] {
            assert!(RemoteAddress::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn errors_do_not_repeat_the_password() {
        for url in [
            "ftp://bob:secret@h/db",
            "http://bob:secret@h",
            "http://bob:secret@/db",
            "http://bob:secret@h:99999/db",
            "http://bob:secret@h/db?x=1",
            "http://bob:sec ret@h/db",
        ] {
            let error = RemoteAddress::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
            assert!(!error.contains("sec ret"), "{error}");
        }
    }
}
