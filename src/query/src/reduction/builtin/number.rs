//! Numbers as CouchDB computes with them and prints them: integers stay integers.

use std::cmp::Ordering;

use super::Failure;

/// A number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Number {
    /// Written without a fraction and an exponent.
    Integer(i128),
    /// A double, finite.
    Double(f64),
}

impl Number {
    pub(super) const ZERO: Self = Self::Integer(0);

    /// The number that a JSON text is. Integers beyond 128 bits become doubles.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.contains(['.', 'e', 'E']) {
            return Self::double(text.parse().ok()?).ok();
        }
        match text.parse() {
            Ok(integer) => Some(Self::Integer(integer)),
            Err(_) => Self::double(text.parse().ok()?).ok(),
        }
    }

    /// The JSON text. A double is printed with the fewest digits that give it back, and with `.0`
    /// where it is whole; from 10^21 on and below 10^-6 with an exponent.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(integer) => out.extend_from_slice(integer.to_string().as_bytes()),
            Self::Double(double) => out.extend_from_slice(double_text(double).as_bytes()),
        }
    }

    pub(super) fn add(self, other: Self) -> Result<Self, Failure> {
        if let (Self::Integer(left), Self::Integer(right)) = (self, other)
            && let Some(sum) = left.checked_add(right)
        {
            return Ok(Self::Integer(sum));
        }
        Self::double(self.as_double() + other.as_double())
    }

    pub(super) fn square(self) -> Result<Self, Failure> {
        if let Self::Integer(integer) = self
            && let Some(square) = integer.checked_mul(integer)
        {
            return Ok(Self::Integer(square));
        }
        Self::double(self.as_double() * self.as_double())
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(&right),
            _ => self.as_double().total_cmp(&other.as_double()),
        }
    }

    /// A result of arithmetic with doubles, which has to be within their range, as in Erlang.
    fn double(double: f64) -> Result<Self, Failure> {
        if double.is_finite() {
            return Ok(Self::Double(double));
        }
        let reason = "a result is beyond the range of a double".to_owned();
        Err(Failure { error: "badarith", reason })
    }

    fn as_double(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Double(double) => double,
        }
    }
}

fn double_text(double: f64) -> String {
    let exponential = format!("{double:e}");
    let exponent = exponential.split_once('e').and_then(|(_, exponent)| exponent.parse().ok());
    match exponent.unwrap_or(0) {
        _ if double == 0.0 => "0.0".to_owned(),
        -6..=20 => format!("{double:?}").split_once('e').map_or_else(
            || format!("{double:?}"),
            |_| if double.fract() == 0.0 { format!("{double}.0") } else { format!("{double}") },
        ),
        ..-6 => exponential,
        21.. => exponential.replace('e', "e+"),
    }
}
