//! Cookies of sessions in CouchDB's form: base64url of `NAME:TIME:HMAC`, the time in hexadecimal seconds,
//! the HMAC over what stands before it under the node's secret and the salt of the user's password.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use refuge_config::{Authentication, Settings};
use refuge_http::{Failure, Identity};
use refuge_identity::{HashAlgorithm, constant_time_equal};
use refuge_otp::Names;

use super::{accounts, failed, user};

/// Without padding when it is written; with or without when it is read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A cookie taken apart.
struct Session<'a> {
    name: &'a str,
    time: &'a str,
    mac: &'a [u8],
}

impl<'a> Session<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut parts = bytes.splitn(3, |byte| *byte == b':');
        let name = std::str::from_utf8(parts.next()?).ok()?;
        let time = std::str::from_utf8(parts.next()?).ok()?;
        Some(Self { name, time, mac: parts.next()? })
    }
}

/// The value of a cookie; none where the node has no secret.
pub(super) fn make(
    settings: &Authentication,
    name: &str,
    salt: &str,
    now: u64,
) -> Result<Option<String>, Failure> {
    let Some(secret) = settings.secret.reveal() else { return Ok(None) };
    let algorithm = algorithms(settings).next().unwrap_or(HashAlgorithm::Sha256);
    let mut session = format!("{name}:{now:X}").into_bytes();
    let key = format!("{secret}{salt}");
    let mac = algorithm.hmac(key.as_bytes(), &session).map_err(failed)?;
    session.push(b':');
    session.extend(mac);
    Ok(Some(BASE64.encode(session)))
}

/// Whose cookie it is; none where it is not valid (any more).
pub(super) async fn check(
    names: &Names,
    settings: &Settings,
    text: &str,
    now: u64,
) -> Result<Option<Identity>, Failure> {
    let malformed = || {
        Failure::BadRequest("Malformed AuthSession cookie. Please clear your cookies.".to_owned())
    };
    let bytes = BASE64.decode(text).map_err(|_| malformed())?;
    let session = Session::read(&bytes).ok_or_else(malformed)?;
    let authentication = &settings.authentication;
    let Some(secret) = authentication.secret.reveal() else { return Ok(None) };
    let Some(left) = left(authentication, session.time, now) else { return Ok(None) };
    let Some(account) = accounts::find(names, settings, session.name).await? else {
        return Ok(None);
    };
    let key = format!("{secret}{}", account.salt());
    let signed = format!("{}:{}", session.name, session.time);
    let signed = is_signed(authentication, &key, &signed, session.mac)?;
    if !signed || account.second_factor {
        return Ok(None);
    }
    let salt = account.salt().to_owned();
    let user = user(session.name, account.roles);
    // As in CouchDB a cookie is replaced once a tenth of its time is over.
    let fresh = left.saturating_sub(authentication.session_seconds * 9 / 10);
    if fresh > 0 {
        return Ok(Some(Identity { user, holds: Some(Duration::from_secs(fresh)), renewal: None }));
    }
    let renewal = make(authentication, session.name, &salt, now)?;
    Ok(Some(Identity { user, holds: Some(Duration::ZERO), renewal }))
}

/// The seconds that a session has left; none where it is over.
fn left(settings: &Authentication, time: &str, now: u64) -> Option<u64> {
    let begun = u64::from_str_radix(time, 16).ok()?;
    let left = begun.checked_add(settings.session_seconds)?.checked_sub(now)?;
    (left > 0).then_some(left)
}

fn is_signed(
    settings: &Authentication,
    key: &str,
    signed: &str,
    mac: &[u8],
) -> Result<bool, Failure> {
    for algorithm in algorithms(settings) {
        let expected = algorithm.hmac(key.as_bytes(), signed.as_bytes()).map_err(failed)?;
        if constant_time_equal(&expected, mac) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those of the setting, in its order.
pub(super) fn algorithms(settings: &Authentication) -> impl Iterator<Item = HashAlgorithm> {
    let names = settings.hash_algorithms.split(',').map(str::trim);
    names.filter_map(HashAlgorithm::named)
}

#[cfg(test)]
mod tests {
    use refuge_config::{Sources, load};

    use super::*;

    fn settings(secret: &str) -> Settings {
        let overrides = vec![format!("authentication.secret={secret}")];
        load(&Sources { overrides, ..Sources::default() }).expect("settings")
    }

    #[test]
    fn a_cookie_is_couchdbs() {
        let settings = settings("s3cret");
        let text = make(&settings.authentication, "anna", "salt", 0x6_0000_001f).unwrap().unwrap();
        let bytes = BASE64.decode(&text).unwrap();
        let session = Session::read(&bytes).unwrap();
        assert_eq!((session.name, session.time), ("anna", "60000001F"));
        let mac = HashAlgorithm::Sha256.hmac(b"s3cretsalt", b"anna:60000001F").unwrap();
        assert_eq!(session.mac, mac);
        let signed = |key: &str, mac: &[u8]| {
            is_signed(&settings.authentication, key, "anna:60000001F", mac).unwrap()
        };
        assert!(signed("s3cretsalt", &mac));
        assert!(!signed("s3cretother", &mac), "another password has another salt");
        let old = HashAlgorithm::Sha1.hmac(b"s3cretsalt", b"anna:60000001F").unwrap();
        assert!(signed("s3cretsalt", &old), "CouchDB before 3.4");
        assert!(!signed("s3cretsalt", b""));
    }

    #[test]
    fn a_session_ends() {
        let settings = settings("x").authentication;
        assert_eq!(left(&settings, "0", 0), Some(600));
        assert_eq!(left(&settings, "0", 599), Some(1));
        assert_eq!(left(&settings, "0", 600), None);
        assert_eq!(left(&settings, "FFFFFFFFFFFFFFFF", 1), None);
        assert_eq!(left(&settings, "-1", 1), None);
    }
}
