//! `_sum`: of numbers, of arrays of numbers element by element, of objects member by member.

use std::cmp::Ordering;

use super::Failure;
use super::number::Number;
use super::value::Value;
use crate::reduction::overflow::ReduceLimit;

/// CouchDB's text, which clients show.
const REASON: &str = "The _sum function requires that map values be numbers, arrays of numbers, or \
                      objects. Objects cannot be mixed with other data structures. Objects can be \
                      arbitrarily nested, provided that the values for all fields are themselves \
                      numbers, arrays of numbers, or objects.";

const ERROR: &str = "builtin_reduce_error";

/// Why a sum ends.
enum Ended {
    /// A value that cannot be added.
    Cause(Value),
    /// An error of an earlier reduction.
    Before(Value),
    Failure(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The JSON of the sum of JSON values, or of CouchDB's error object.
pub(super) fn sum<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    limit: Option<ReduceLimit>,
) -> Result<Vec<u8>, Failure> {
    let mut input_bytes = 0;
    let mut sum = Value::Number(Number::ZERO);
    for text in values {
        input_bytes += text.len() + 1;
        sum = match add(parse(text)?, sum) {
            Ok(sum) => sum,
            Err(Ended::Cause(cause)) => return Ok(error(REASON.to_owned(), Some(cause))),
            Err(Ended::Before(error)) => return Ok(error.text()),
            Err(Ended::Failure(failure)) => return Err(failure),
        };
    }
    let text = sum.text();
    match limit.map(|limit| limit.check(input_bytes, text.len())) {
        Some(Err(overflow)) => Ok(error(overflow.to_string(), None)),
        _ => Ok(text),
    }
}

/// Most values are plain numbers, which need no scanner.
fn parse(text: &[u8]) -> Result<Value, Failure> {
    if matches!(text.first(), Some(b'-' | b'0'..=b'9'))
        && let Some(number) = std::str::from_utf8(text).ok().and_then(Number::parse)
    {
        return Ok(Value::Number(number));
    }
    Value::parse(text)
}

fn error(reason: String, cause: Option<Value>) -> Vec<u8> {
    let text = |text: &str| {
        let mut out = Vec::new();
        refuge_document::json::write_string(&mut out, text);
        Value::Other(String::from_utf8(out).unwrap_or_default())
    };
    let mut members = vec![("error".to_owned(), text(ERROR)), ("reason".to_owned(), text(&reason))];
    members.extend(cause.map(|cause| ("caused_by".to_owned(), cause)));
    Value::Object(members).text()
}

/// Adds a value to a sum.
fn add(value: Value, sum: Value) -> Result<Value, Ended> {
    match (value, sum) {
        (Value::Number(value), Value::Number(sum)) => Ok(Value::Number(sum.add(value)?)),
        (Value::Array(value), Value::Array(sum)) => add_arrays(sum, value),
        (value @ Value::Number(_), Value::Array(sum)) => add_arrays(sum, vec![value]),
        (Value::Array(value), sum @ Value::Number(_)) => add_arrays(vec![sum], value),
        (Value::Object(members), sum) => add_object(members, sum),
        (value, _) => Err(Ended::Cause(value)),
    }
}

fn add_arrays(sum: Vec<Value>, value: Vec<Value>) -> Result<Value, Ended> {
    let mut added = Vec::with_capacity(sum.len().max(value.len()));
    let (mut sum, mut value) = (sum.into_iter(), value.into_iter());
    loop {
        match (sum.next(), value.next()) {
            (Some(Value::Number(sum)), Some(Value::Number(value))) => {
                added.push(Value::Number(sum.add(value)?));
            }
            (Some(first), Some(_)) => {
                // CouchDB names what is left of the sum.
                let rest = std::iter::once(first).chain(sum).collect();
                return Err(Ended::Cause(Value::Array(rest)));
            }
            (one, other) => {
                added.extend(one.or(other));
                added.extend(sum);
                added.extend(value);
                return Ok(Value::Array(added));
            }
        }
    }
}

fn add_object(members: Vec<(String, Value)>, sum: Value) -> Result<Value, Ended> {
    let value = Value::Object(members);
    if value.member("error") == Some(&Value::Other(format!("\"{ERROR}\""))) {
        return Err(Ended::Before(value));
    }
    match (value, sum) {
        // Nothing was added before.
        (value, Value::Number(Number::Integer(0))) => Ok(value),
        (Value::Object(members), Value::Object(sum)) => add_members(members, sum),
        (value, _) => Err(Ended::Cause(value)),
    }
}

fn add_members(
    mut members: Vec<(String, Value)>,
    mut sum: Vec<(String, Value)>,
) -> Result<Value, Ended> {
    // Names are unique, so their order is all.
    members.sort_by(|left, right| left.0.cmp(&right.0));
    sum.sort_by(|left, right| left.0.cmp(&right.0));
    let mut added = Vec::with_capacity(members.len().max(sum.len()));
    let (mut members, mut sum) = (members.into_iter().peekable(), sum.into_iter().peekable());
    loop {
        let order = match (members.peek(), sum.peek()) {
            (Some(member), Some(other)) => member.0.cmp(&other.0),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(Value::Object(added)),
        };
        match order {
            Ordering::Less => added.extend(members.next()),
            Ordering::Greater => added.extend(sum.next()),
            Ordering::Equal => {
                if let (Some((name, value)), Some((_, sum))) = (members.next(), sum.next()) {
                    added.push((name, add(value, sum)?));
                }
            }
        }
    }
}
