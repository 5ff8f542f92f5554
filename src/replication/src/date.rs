//! Dates as text, from milliseconds since 1970: RFC 9110 §5.6.7 (IMF-fixdate) as CouchDB writes it
//! into checkpoints, RFC 3339 as it tells the states of replications. The calendar is crate `time`'s.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

type Format = &'static [BorrowedFormatItem<'static>];

const HTTP_DATE: Format = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const TIMESTAMP: Format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(unix_ms: u64) -> String {
    text(unix_ms, HTTP_DATE)
}

/// `1994-11-06T08:49:37Z`.
pub fn timestamp(unix_ms: u64) -> String {
    text(unix_ms, TIMESTAMP)
}

/// What lies beyond the year 9999 is told as its end.
fn text(unix_ms: u64, format: Format) -> String {
    let seconds = i64::try_from(unix_ms / 1_000).unwrap_or(i64::MAX);
    let date =
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(PrimitiveDateTime::MAX.assume_utc());
    // Only a component that the type lacks could fail.
    date.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_in_the_rfc() {
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(timestamp(784_111_777_000), "1994-11-06T08:49:37Z");
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(1_709_210_096_500), "Thu, 29 Feb 2024 12:34:56 GMT");
    }
}
