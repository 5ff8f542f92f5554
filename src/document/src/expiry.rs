//! When a document expires: the member `_expires`, as clients give it and as it is stored. What time it
//! is, and which databases know the member, is not known here.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::body::Body;
use crate::incoming::BadDocument;
use crate::json;

/// The member's name.
pub(crate) const EXPIRES: &str = "_expires";

/// The stored form: RFC 3339 in UTC with milliseconds.
const FORM: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
/// Bytes of the stored form.
const FORM_BYTES: usize = 24;
/// What stands in a body in front of the time; the member is its last.
const BEFORE: &[u8] = b"\"_expires\":\"";
/// What stands behind it.
const AFTER: &[u8] = b"\"}";
/// 9999-12-31T23:59:59.999Z, the last moment that the form can tell, in milliseconds since 1970.
const LAST_MS: u64 = 253_402_300_799_999;
const NANOSECONDS_OF_A_MILLISECOND: i128 = 1_000_000;

/// A moment at which a document expires, in milliseconds since 1970 (UTC).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Expiry(u64);

impl Expiry {
    /// Reads the raw JSON value of `_expires`: an RFC 3339 time, or a number of seconds from
    /// `now_ms` on (not negative; a fraction is good).
    ///
    /// # Errors
    /// [`BadDocument::Expiry`] for anything else, and for times before 1970 or after 9999.
    pub fn read(value: &[u8], now_ms: u64) -> Result<Self, BadDocument> {
        let moment = match json::string(value) {
            Some(text) => parse_time(&text),
            None => after_seconds(value, now_ms),
        };
        moment.map(Self).ok_or(BadDocument::Expiry)
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(self) -> u64 {
        self.0
    }

    /// The stored form, `2026-01-02T03:04:05.678Z`.
    fn text(self) -> String {
        let nanoseconds = i128::from(self.0) * NANOSECONDS_OF_A_MILLISECOND;
        // Neither fails up to `LAST_MS`.
        let date = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok();
        date.and_then(|date| date.format(FORM).ok()).unwrap_or_default()
    }
}

fn parse_time(text: &str) -> Option<u64> {
    let date = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let moment =
        u64::try_from(date.unix_timestamp_nanos().div_euclid(NANOSECONDS_OF_A_MILLISECOND));
    moment.ok().filter(|moment| *moment <= LAST_MS)
}

fn after_seconds(value: &[u8], now_ms: u64) -> Option<u64> {
    let seconds: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    let is_number = value.first().is_some_and(u8::is_ascii_digit);
    if !is_number || !seconds.is_finite() {
        return None;
    }
    // A conversion from floating point saturates.
    let moment = now_ms.saturating_add((seconds * 1000.0).round() as u64);
    (moment <= LAST_MS).then_some(moment)
}

impl Body {
    /// The body with `_expires` as its last member.
    pub fn expiring(&self, expiry: Expiry) -> Self {
        let text = self.as_bytes();
        let members = text.strip_suffix(b"}").unwrap_or(b"{");
        let mut out = Vec::with_capacity(text.len() + BEFORE.len() + FORM_BYTES + AFTER.len() + 1);
        out.extend_from_slice(members);
        if members != b"{" {
            out.push(b',');
        }
        out.extend_from_slice(BEFORE);
        out.extend_from_slice(expiry.text().as_bytes());
        out.extend_from_slice(AFTER);
        Self::from_normal(out)
    }

    /// When the revision expires. Read off the end of the text: `_expires` is no member that a client
    /// could put there otherwise, and within a string its quotes would be escaped.
    pub fn expiry(&self) -> Option<Expiry> {
        let rest = self.as_bytes().strip_suffix(AFTER)?;
        let (before, time) = rest.split_at_checked(rest.len().checked_sub(FORM_BYTES)?)?;
        let time = before.ends_with(BEFORE).then(|| std::str::from_utf8(time).ok())??;
        parse_time(time).map(Expiry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn read(value: &str) -> Option<u64> {
        Expiry::read(value.as_bytes(), NOW).ok().map(Expiry::unix_ms)
    }

    #[test]
    fn times_and_seconds_from_now_are_read() {
        assert_eq!(read("\"2023-11-14T22:13:20Z\""), Some(NOW));
        assert_eq!(read("\"2023-11-14T23:13:20.5+01:00\""), Some(NOW + 500));
        assert_eq!(read("0"), Some(NOW));
        assert_eq!(read("60"), Some(NOW + 60_000));
        assert_eq!(read("0.25"), Some(NOW + 250));
        assert_eq!(read("1e3"), Some(NOW + 1_000_000));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for value in [
            "-1",
            "1e300",
            "true",
            "null",
            "[]",
            "{}",
            "\"\"",
            "\"tomorrow\"",
            "\"60\"",
            "\"2023-11-14\"",
            "\"1969-12-31T23:59:59Z\"",
            "\"2023-02-30T00:00:00Z\"",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn the_time_stands_at_the_end_of_a_body_and_is_found_there() {
        let expiry = Expiry::read(b"1.5", NOW).unwrap();
        for text in ["{}", "{\"a\":1}", "{\"a\":{\"b\":[]}}"] {
            let body = Body::parse(text.as_bytes()).unwrap();
            assert_eq!(body.expiry(), None);
            let expiring = body.expiring(expiry);
            assert_eq!(expiring.expiry(), Some(expiry), "{text}");
            assert!(expiring.as_bytes().ends_with(b"\"_expires\":\"2023-11-14T22:13:21.500Z\"}"));
            assert!(json::normalise(expiring.as_bytes()).is_ok());
        }
    }

    #[test]
    fn what_only_looks_like_it_is_none() {
        let time = "2023-11-14T22:13:21.500Z";
        for text in [
            format!(r#"{{"a":{{"_expires":"{time}"}}}}"#),
            format!(r#"{{"a":"\"_expires\":\"{time}"}}"#),
            format!(r#"{{"x_expires":"{time}"}}"#),
            format!(r#"{{"a":"{time}"}}"#),
        ] {
            assert_eq!(Body::parse(text.as_bytes()).unwrap().expiry(), None, "{text}");
        }
    }
}
