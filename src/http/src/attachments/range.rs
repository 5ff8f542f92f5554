//! The `Range` header of a request for an attachment (RFC 9110, section 14), as far as CouchDB
//! serves it: one range of bytes.

use std::ops::Range;

use hyper::header::{IF_RANGE, RANGE};

use crate::failure::Failure;
use crate::request::Request;

/// The `Range` of a request for what has this tag (with its quotes): none where `If-Range` names another,
/// since the rest of that would be of other bytes (RFC 9110, section 13.1.5). Dates are no tags of ours.
pub(crate) fn header_for<'a>(request: &'a Request, tag: &str) -> Option<&'a str> {
    let wanted = request.header(IF_RANGE).is_none_or(|known| known.trim() == tag);
    request.header(RANGE).filter(|_| wanted)
}

/// The one range that is asked for of `length` bytes; `None` where the whole is to be sent (no
/// range, several, another unit, no sense, or `bytes=0-`); 416 where it lies outside.
pub(crate) fn parse(header: Option<&str>, length: u64) -> Result<Option<Range<u64>>, Failure> {
    let Some(specification) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Ok(None);
    };
    let Some((from, to)) = specification.split_once('-') else { return Ok(None) };
    let (from, to) = (from.trim(), to.trim());
    let range = match (number(from), number(to)) {
        (Ok(Some(0)), Ok(None)) => return Ok(None),
        (Ok(Some(from)), Ok(None)) => from..length,
        (Ok(Some(from)), Ok(Some(to))) if from <= to => from..to.saturating_add(1).min(length),
        (Ok(None), Ok(Some(last))) => length.saturating_sub(last)..length,
        (Ok(Some(_)), Ok(Some(_))) => return Err(Failure::RangeNotSatisfiable),
        _ => return Ok(None),
    };
    if range.is_empty() { Err(Failure::RangeNotSatisfiable) } else { Ok(Some(range)) }
}

fn number(text: &str) -> Result<Option<u64>, std::num::ParseIntError> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_in_its_forms() {
        assert_eq!(parse(None, 10), Ok(None));
        assert_eq!(parse(Some("bytes=0-3"), 10), Ok(Some(0..4)));
        assert_eq!(parse(Some("bytes=3-"), 10), Ok(Some(3..10)));
        assert_eq!(parse(Some("bytes=3-100"), 10), Ok(Some(3..10)));
        assert_eq!(parse(Some("bytes=-4"), 10), Ok(Some(6..10)));
        assert_eq!(parse(Some("bytes=-40"), 10), Ok(Some(0..10)));
        assert_eq!(parse(Some("bytes=0-"), 10), Ok(None));
    }

    #[test]
    fn what_is_outside_is_refused_and_what_makes_no_sense_ignored() {
        for outside in ["bytes=10-", "bytes=10-12", "bytes=5-3", "bytes=-0"] {
            assert_eq!(parse(Some(outside), 10), Err(Failure::RangeNotSatisfiable), "{outside}");
        }
        for ignored in ["lines=1-2", "bytes=a-b", "bytes=1-2,4-5", "bytes=-", "bytes=3"] {
            assert_eq!(parse(Some(ignored), 10), Ok(None), "{ignored}");
        }
    }
}
