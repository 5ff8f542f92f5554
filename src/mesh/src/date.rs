//! The date text of node events and of `last_seen`: RFC 3339 in UTC with milliseconds, from and to
//! milliseconds since 1970. What time it is, is not known here; the calendar is crate `time`'s.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const MILLISECONDS: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const NANOSECONDS_OF_A_MILLISECOND: i128 = 1_000_000;
/// Where the date ends.
const SEPARATOR: usize = 10;
/// `2026-01-02T03:04:05.123456789Z`: no finer fraction is read.
const LONGEST: usize = 30;

/// `2026-01-02T03:04:05.678Z`. What lies beyond the year 9999 is told as its end.
#[must_use]
pub fn rfc3339(unix_ms: u64) -> String {
    let nanoseconds = i128::from(unix_ms) * NANOSECONDS_OF_A_MILLISECOND;
    let date = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .unwrap_or(PrimitiveDateTime::MAX.assume_utc());
    // Only a component that the type lacks could fail.
    date.format(MILLISECONDS).unwrap_or_default()
}

/// Milliseconds since 1970 of a text in UTC (`Z`); what is finer than a millisecond is cut off. `None`
/// for anything else, also for other zones and for years before 1970.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let in_form = text.len() <= LONGEST
        && text.as_bytes().get(SEPARATOR) == Some(&b'T')
        && text.ends_with('Z');
    let date = in_form.then(|| OffsetDateTime::parse(text, &Rfc3339).ok())??;
    u64::try_from(date.unix_timestamp_nanos() / NANOSECONDS_OF_A_MILLISECOND)
        .ok()
        .filter(|_| date.year() >= 1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_read_as_they_should() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(784_111_777_000), "1994-11-06T08:49:37.000Z");
        assert_eq!(rfc3339(1_709_210_096_507), "2024-02-29T12:34:56.507Z");
        assert_eq!(rfc3339(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
    }

    #[test]
    fn every_day_of_five_centuries_comes_back() {
        for day in 0..182_621 {
            let moment = day * 86_400_000 + 12_345_678;
            assert_eq!(parse_rfc3339(&rfc3339(moment)), Some(moment));
        }
    }

    #[test]
    fn fractions_of_any_length_are_read() {
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01.5Z"), Some(1_500));
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01.123999999Z"), Some(1_123));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "1970-01-01",
            "1969-12-31T23:59:59Z",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-04-31T00:00:00Z",
            "2023-01-00T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00+01:00",
            "2023-01-01T00:00:00.Z",
            "2023-01-01 00:00:00Z",
            "+023-01-01T00:00:00Z",
            "2023-01-01T00:00:0éZ",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
