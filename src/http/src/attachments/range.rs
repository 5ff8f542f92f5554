//! The `Range` header of a request (RFC 9110, section 14), as far as CouchDB serves it: up to nine ranges of
//! bytes of an attachment, one of what else has ranges.

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

/// Most ranges that one answer has; where more are asked for the whole is sent, as in CouchDB.
const MOST_RANGES: usize = 9;

/// The one range that is asked for of `length` bytes; `None` where the whole is to be sent (no
/// range, several, another unit, no sense, or `bytes=0-`); 416 where it lies outside.
pub(crate) fn parse(header: Option<&str>, length: u64) -> Result<Option<Range<u64>>, Failure> {
    match header {
        Some(header) if header.contains(',') => Ok(None),
        header => Ok(parse_all(header, length)?.pop()),
    }
}

/// All ranges that are asked for of `length` bytes, in the order of the request; none where the whole is to
/// be sent, which it is where one of them is the whole or makes no sense; 416 where one lies outside.
pub(crate) fn parse_all(header: Option<&str>, length: u64) -> Result<Vec<Range<u64>>, Failure> {
    let Some(list) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Ok(Vec::new());
    };
    let asked = list.split(',').map(str::trim).filter(|one| !one.is_empty()).map(ends);
    let Some(asked) = asked.collect::<Option<Vec<_>>>() else { return Ok(Vec::new()) };
    if asked.len() > MOST_RANGES || asked.contains(&(Some(0), None)) {
        return Ok(Vec::new());
    }
    asked.into_iter().map(|ends| within(ends, length)).collect()
}

/// The numbers before and behind the `-`; `None` where there is neither, or something else.
fn ends(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (from, to) = range.split_once('-')?;
    let ends = (number(from.trim()).ok()?, number(to.trim()).ok()?);
    (ends != (None, None)).then_some(ends)
}

/// What of `length` bytes a range means.
fn within(ends: (Option<u64>, Option<u64>), length: u64) -> Result<Range<u64>, Failure> {
    let range = match ends {
        (Some(from), to) => from..to.map_or(length, |to| to.saturating_add(1).min(length)),
        (None, last) => length.saturating_sub(last.unwrap_or(0))..length,
    };
    if range.is_empty() { Err(Failure::RangeNotSatisfiable) } else { Ok(range) }
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
        for ignored in ["lines=1-2", "bytes=a-b", "bytes=-", "bytes=3"] {
            assert_eq!(parse(Some(ignored), 10), Ok(None), "{ignored}");
            assert_eq!(parse_all(Some(ignored), 10), Ok(Vec::new()), "{ignored}");
        }
        assert_eq!(parse(Some("bytes=1-2,4-5"), 10), Ok(None), "one at most");
    }

    #[test]
    fn several_ranges_are_read_in_their_order() {
        let several = parse_all(Some("bytes=4-5, -2 ,0-0,"), 10).expect("inside");
        assert_eq!(several, [4..6, 8..10, 0..1]);
        assert_eq!(
            parse_all(Some("bytes=2-"), 10).expect("inside"),
            vec![Range { start: 2, end: 10 }]
        );
        for whole in ["bytes=1-2,0-", "bytes=1-2,x", "bytes=,"] {
            assert_eq!(parse_all(Some(whole), 10), Ok(Vec::new()), "{whole}");
        }
        let outside = parse_all(Some("bytes=1-2,10-12"), 10);
        assert_eq!(outside, Err(Failure::RangeNotSatisfiable));
    }

    #[test]
    fn ten_ranges_are_too_many() {
        let header = |count: usize| format!("bytes={}", vec!["1-2"; count].join(","));
        assert_eq!(parse_all(Some(&header(9)), 10).expect("inside").len(), 9);
        assert_eq!(parse_all(Some(&header(10)), 10), Ok(Vec::new()));
    }
}
