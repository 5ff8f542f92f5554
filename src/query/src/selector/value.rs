//! Values of documents, as text, and the values that selectors compare them with. What operators
//! make of a comparison does not belong here.

use std::borrow::Cow;
use std::cmp::Ordering;

use refuge_document::json::write_string;
use serde_json::Value;

use super::strings::compare_strings;
use super::text::{byte, elements, members, unquoted};

/// A value of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    /// JSON text in normal form.
    Json(&'a [u8]),
    /// A string: an id, or the name of a member.
    Text(&'a str),
}

/// A value of a selector, ready to be compared.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    kind: Kind,
    /// Its JSON text.
    text: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Kind {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
    Array(Vec<Operand>),
    Object(Vec<(String, Operand)>),
}

/// A number as exact as it is needed: integers of up to 38 digits are.
#[derive(Clone, Copy, Debug)]
enum Number {
    Integer(i128),
    Double(f64),
}

/// In which order values stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// CouchDB's view collation.
    Collation,
    /// Erlang's order of terms, in which CouchDB compares the field `_id`: numbers, atoms by their
    /// names, objects, arrays, strings by their bytes.
    Terms,
}

impl Order {
    /// The rank of a type among the others.
    fn rank(self, first: u8) -> u8 {
        match (self, first) {
            (Self::Collation, b'n') | (Self::Terms, b'-' | b'0'..=b'9') => 0,
            (Self::Collation, b'f') | (Self::Terms, b'f') => 1,
            (Self::Collation, b't') | (Self::Terms, b'n') => 2,
            (Self::Collation, b'"') | (Self::Terms, b'{') => 4,
            (_, b'[') => 5,
            (Self::Collation, b'{') | (Self::Terms, b'"') => 6,
            _ => 3,
        }
    }

    fn strings(self, left: &str, right: &str) -> Ordering {
        match self {
            Self::Collation => compare_strings(left, right),
            Self::Terms => left.cmp(right),
        }
    }
}

impl<'a> Item<'a> {
    /// The first byte of its text, which tells its type.
    #[inline]
    pub(crate) fn first(self) -> u8 {
        match self {
            Self::Json(text) => byte(text, 0),
            Self::Text(_) => b'"',
        }
    }

    /// Its text where it is text.
    #[inline]
    pub(crate) fn json(self) -> &'a [u8] {
        match self {
            Self::Json(text) => text,
            Self::Text(_) => b"",
        }
    }

    /// The string that it is; `None` if it is something else.
    #[inline]
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(text) => (byte(text, 0) == b'"').then(|| unquoted(text)),
            Self::Text(text) => Some(Cow::Borrowed(text)),
        }
    }

    /// Appends its JSON text.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Json(text) => out.extend_from_slice(text),
            Self::Text(text) => write_string(out, text),
        }
    }

    /// CouchDB's name of its type.
    pub(crate) fn type_name(self) -> &'static str {
        match self.first() {
            b'n' => "null",
            b't' | b'f' => "boolean",
            b'"' => "string",
            b'[' => "array",
            b'{' => "object",
            _ => "number",
        }
    }
}

impl Operand {
    pub(crate) fn new(value: &Value) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Boolean(*value),
            Value::Number(number) => Kind::Number(Number::read(number.to_string().as_bytes())),
            Value::String(text) => Kind::Text(text.clone()),
            Value::Array(values) => Kind::Array(values.iter().map(Self::new).collect()),
            Value::Object(members) => Kind::Object(
                members.iter().map(|(name, value)| (name.clone(), Self::new(value))).collect(),
            ),
        };
        // The text of a value that was parsed; `to_string` of one cannot fail.
        Self { kind, text: value.to_string().into_bytes() }
    }

    /// Its JSON text.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn to_json(&self) -> Value {
        serde_json::from_slice(&self.text).unwrap_or(Value::Null)
    }

    /// The string that it is.
    pub(crate) fn string(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Number {
    /// The number that JSON text is; beyond the range of a double it saturates.
    fn read(text: &[u8]) -> Self {
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        if digits.len() <= 38
            && let Some(value) = digits.iter().try_fold(0_i128, |value, digit| {
                digit.is_ascii_digit().then(|| value * 10 + i128::from(digit - b'0'))
            })
        {
            return Self::Integer(if negative { -value } else { value });
        }
        let value = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        Self::Double(value.unwrap_or(0.0))
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(&right),
            (Self::Integer(left), Self::Double(right)) => compare_mixed(left, right),
            (Self::Double(left), Self::Integer(right)) => compare_mixed(right, left).reverse(),
            (Self::Double(left), Self::Double(right)) => {
                left.partial_cmp(&right).unwrap_or(Ordering::Equal)
            }
        }
    }
}

/// Exact, so that the order of numbers is one whatever their text. Doubles beyond the range of
/// integers saturate, which no integer of 38 digits reaches.
fn compare_mixed(integer: i128, double: f64) -> Ordering {
    let whole = double.trunc();
    let fraction = 0.0.partial_cmp(&(double - whole)).unwrap_or(Ordering::Equal);
    integer.cmp(&(whole as i128)).then(fraction)
}

/// How a value compares with an operand.
#[inline]
pub(crate) fn compare(order: Order, item: Item<'_>, operand: &Operand) -> Ordering {
    if let Item::Json(text) = item
        && text == operand.text
    {
        return Ordering::Equal;
    }
    let (own, other) = (order.rank(item.first()), order.rank(byte(&operand.text, 0)));
    if own != other {
        return own.cmp(&other);
    }
    match (&operand.kind, item) {
        (Kind::Text(text), item) => {
            item.string().map_or(Ordering::Less, |own| order.strings(&own, text))
        }
        (Kind::Number(number), item) => Number::read(item.json()).compare(*number),
        (Kind::Array(values), item) => compare_arrays(order, item.json(), values),
        (Kind::Object(values), item) => compare_objects(order, item.json(), values),
        (Kind::Null | Kind::Boolean(_), _) => Ordering::Equal,
    }
}

fn compare_arrays(order: Order, text: &[u8], values: &[Operand]) -> Ordering {
    let mut own = elements(text);
    for value in values {
        let Some(element) = own.next() else { return Ordering::Less };
        let ordering = compare(order, Item::Json(element), value);
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    if own.next().is_some() { Ordering::Greater } else { Ordering::Equal }
}

fn compare_objects(order: Order, text: &[u8], values: &[(String, Operand)]) -> Ordering {
    let mut own = members(text);
    for (name, value) in values {
        let Some((own_name, member)) = own.next() else { return Ordering::Less };
        let ordering = order
            .strings(&unquoted(own_name), name)
            .then_with(|| compare(order, Item::Json(member), value));
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    if own.next().is_some() { Ordering::Greater } else { Ordering::Equal }
}

/// Whether a value is the same term as an operand: strings byte by byte, members in the same order,
/// an integer and a float never the same. Where `numbers_as_values`, 1 and 1.0 are.
pub(crate) fn is_same(item: Item<'_>, operand: &Operand, numbers_as_values: bool) -> bool {
    match &operand.kind {
        Kind::Null => item.first() == b'n',
        Kind::Boolean(value) => item.first() == if *value { b't' } else { b'f' },
        Kind::Text(text) => item.string().is_some_and(|own| own == text.as_str()),
        Kind::Number(number) => {
            matches!(item.first(), b'-' | b'0'..=b'9')
                && (numbers_as_values || is_integer(item.json()) == is_integer(&operand.text))
                && Number::read(item.json()).compare(*number) == Ordering::Equal
        }
        Kind::Array(values) => {
            let mut own = elements(item.json());
            item.first() == b'['
                && values.iter().all(|value| {
                    own.next().is_some_and(|one| is_same(Item::Json(one), value, numbers_as_values))
                })
                && own.next().is_none()
        }
        Kind::Object(values) => {
            let mut own = members(item.json());
            item.first() == b'{'
                && values.iter().all(|(name, value)| {
                    own.next().is_some_and(|(own_name, member)| {
                        unquoted(own_name) == name.as_str()
                            && is_same(Item::Json(member), value, numbers_as_values)
                    })
                })
                && own.next().is_none()
        }
    }
}

/// Whether a number's text is an integer's.
pub(crate) fn is_integer(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// The remainder of an integer's text, however long, with the sign of the integer.
pub(crate) fn remainder(text: &[u8], divisor: i64) -> i64 {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let divisor = i128::from(divisor).abs();
    let rest = digits.iter().fold(0_i128, |rest, digit| {
        (rest * 10 + i128::from(digit.wrapping_sub(b'0'))).checked_rem(divisor).unwrap_or(0)
    }) as i64;
    if negative { -rest } else { rest }
}
