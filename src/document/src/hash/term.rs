//! Erlang's external term format, as much of it as JSON needs. Source: Erlang/OTP, "External Term
//! Format"; objects are `{[{Name, Value}, …]}` as CouchDB's JSON parser makes them.

use crate::json::{find_special, unescape_into};

const VERSION: u8 = 131;
const NEW_FLOAT: u8 = 70;
const SMALL_INTEGER: u8 = 97;
const INTEGER: u8 = 98;
const ATOM: u8 = 100;
const SMALL_TUPLE: u8 = 104;
const NIL: u8 = 106;
const STRING: u8 = 107;
const LIST: u8 = 108;
const BINARY: u8 = 109;
const SMALL_BIG: u8 = 110;
const SMALL_ATOM_UTF8: u8 = 119;

/// Longest list of small integers that is written as a string.
const STRING_LIMIT: usize = 65_535;

/// Decimal digits that fit into 64 bits whatever they are.
const CHUNK_DIGITS: usize = 19;

/// A term on its way out.
pub struct Terms {
    out: Vec<u8>,
    form: TermForm,
}

/// Which form of the format is written: they differ in how atoms look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TermForm {
    /// Minor version 1, to which CouchDB pins its revision ids.
    Minor1,
    /// Minor version 2, what `term_to_binary/1` writes since Erlang/OTP 26.
    Minor2,
}

impl Terms {
    /// Begins a term that holds a body of so many bytes.
    pub fn new(form: TermForm, body_bytes: usize) -> Self {
        let mut out = Vec::with_capacity(body_bytes * 2 + 128);
        out.push(VERSION);
        Self { out, form }
    }

    /// The term, its version byte included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// The head of a list of so many elements; its tail, `nil`, has to follow them.
    pub fn list(&mut self, elements: usize) {
        let [a, b, c, d] = length(elements);
        self.out.extend_from_slice(&[LIST, a, b, c, d]);
    }

    /// The empty list, or the tail of one.
    pub fn nil(&mut self) {
        self.out.push(NIL);
    }

    /// The head of a tuple of so many elements.
    pub fn tuple(&mut self, length: u8) {
        self.out.extend_from_slice(&[SMALL_TUPLE, length]);
    }

    /// An atom of at most 255 bytes.
    pub fn atom(&mut self, name: &str) {
        match self.form {
            TermForm::Minor1 => self.out.extend_from_slice(&[ATOM, 0, name.len() as u8]),
            TermForm::Minor2 => self.out.extend_from_slice(&[SMALL_ATOM_UTF8, name.len() as u8]),
        }
        self.out.extend_from_slice(name.as_bytes());
    }

    /// A binary.
    pub fn binary(&mut self, bytes: &[u8]) {
        let [a, b, c, d] = length(bytes.len());
        self.out.extend_from_slice(&[BINARY, a, b, c, d]);
        self.out.extend_from_slice(bytes);
    }

    /// An integer.
    pub fn integer(&mut self, value: i64) {
        if let Ok(small) = u8::try_from(value) {
            self.out.extend_from_slice(&[SMALL_INTEGER, small]);
        } else if let Ok(medium) = i32::try_from(value) {
            self.out.push(INTEGER);
            self.out.extend_from_slice(&medium.to_be_bytes());
        } else {
            self.big(value < 0, &value.unsigned_abs().to_le_bytes());
        }
    }

    /// The value that `text` is, which is JSON in normal form.
    pub fn json(&mut self, text: &[u8]) {
        Reader { text, at: 0 }.value(self);
    }

    fn big(&mut self, negative: bool, little_endian: &[u8]) {
        let zeros = little_endian.iter().rev().take_while(|byte| **byte == 0);
        let length = little_endian.len() - zeros.count();
        let magnitude = little_endian.get(..length).unwrap_or_default();
        // A number within the range of a double has at most 128 bytes.
        self.out.extend_from_slice(&[SMALL_BIG, length as u8, u8::from(negative)]);
        self.out.extend_from_slice(magnitude);
    }

    fn number(&mut self, text: &[u8]) {
        if text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
            self.float(text);
            return;
        }
        let (negative, digits) = match text.split_first() {
            Some((b'-', digits)) => (true, digits),
            _ => (false, text),
        };
        if digits.len() < CHUNK_DIGITS {
            let value = decimal(digits) as i64;
            self.integer(if negative { -value } else { value });
        } else {
            self.long_integer(negative, digits);
        }
    }

    /// CouchDB's parser reads numbers that are too small for a normal double as 0.0; a zero keeps
    /// its sign.
    fn float(&mut self, text: &[u8]) {
        let value = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|value| value.is_normal() || is_zero(text))
            .unwrap_or(0.0);
        self.out.push(NEW_FLOAT);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn long_integer(&mut self, negative: bool, digits: &[u8]) {
        let mut limbs: Vec<u64> = Vec::new();
        for chunk in digits.chunks(CHUNK_DIGITS) {
            let mut carry = decimal(chunk);
            let factor = 10_u64.pow(chunk.len() as u32);
            for limb in &mut limbs {
                let product = u128::from(*limb) * u128::from(factor) + u128::from(carry);
                *limb = product as u64;
                carry = (product >> 64) as u64;
            }
            if carry > 0 {
                limbs.push(carry);
            }
        }
        match *limbs.as_slice() {
            [limb] if limb <= i64::MAX as u64 => {
                let value = limb as i64;
                self.integer(if negative { -value } else { value });
            }
            _ => {
                let bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
                self.big(negative, &bytes);
            }
        }
    }
}

/// Whether a float's text says zero, and is not merely too small.
fn is_zero(text: &[u8]) -> bool {
    text.iter()
        .take_while(|byte| !matches!(byte, b'e' | b'E'))
        .all(|byte| matches!(byte, b'-' | b'.' | b'0'))
}

/// Lengths are 32 bits; a body is far smaller than that.
fn length(length: usize) -> [u8; 4] {
    (length as u32).to_be_bytes()
}

/// The number that at most 19 digits are.
fn decimal(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit.wrapping_sub(b'0')))
}

/// A place in text that is in normal form. Text that is not gives some term, never a panic.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn value(&mut self, terms: &mut Terms) {
        match self.peek() {
            b'"' => self.string(terms),
            b'{' => self.object(terms),
            b'[' => self.array(terms),
            b't' => self.literal(terms, "true"),
            b'f' => self.literal(terms, "false"),
            b'n' => self.literal(terms, "null"),
            _ => {
                let start = self.at;
                while !matches!(self.peek(), b',' | b']' | b'}' | 0) {
                    self.at += 1;
                }
                terms.number(self.text.get(start..self.at).unwrap_or_default());
            }
        }
    }

    fn literal(&mut self, terms: &mut Terms, name: &str) {
        self.at += name.len();
        terms.atom(name);
    }

    fn string(&mut self, terms: &mut Terms) {
        let start = self.at + 1;
        let mut end = find_special(self.text, start);
        if self.text.get(end) != Some(&b'\\') {
            self.at = end + 1;
            terms.binary(self.text.get(start..end).unwrap_or_default());
            return;
        }
        while self.text.get(end) == Some(&b'\\') {
            end = find_special(self.text, end + 2);
        }
        self.at = end + 1;
        let length_at = terms.out.len() + 1;
        terms.binary(&[]);
        unescape_into(&mut terms.out, self.text.get(start..end).unwrap_or_default());
        let length = terms.out.len() - length_at - 4;
        patch(&mut terms.out, length_at, length);
    }

    fn object(&mut self, terms: &mut Terms) {
        terms.tuple(1);
        self.at += 1;
        if self.peek() == b'}' {
            self.at += 1;
            terms.nil();
            return;
        }
        let length_at = terms.out.len() + 1;
        terms.list(0);
        let mut length = 0;
        loop {
            terms.tuple(2);
            self.string(terms);
            self.at += 1;
            self.value(terms);
            length += 1;
            if !self.passes_comma() {
                break;
            }
        }
        patch(&mut terms.out, length_at, length);
        terms.nil();
    }

    fn array(&mut self, terms: &mut Terms) {
        self.at += 1;
        if self.peek() == b']' {
            self.at += 1;
            terms.nil();
            return;
        }
        let head = terms.out.len();
        terms.list(0);
        let mut length = 0;
        let mut all_small = true;
        loop {
            let element = terms.out.len();
            self.value(terms);
            length += 1;
            all_small &= matches!(terms.out.get(element..), Some([SMALL_INTEGER, _]));
            if !self.passes_comma() {
                break;
            }
        }
        if all_small && length <= STRING_LIMIT {
            into_string(&mut terms.out, head, length as u16);
            return;
        }
        patch(&mut terms.out, head + 1, length);
        terms.nil();
    }

    /// Passes a comma, or the closing bracket (false).
    fn passes_comma(&mut self) -> bool {
        let comma = self.peek() == b',';
        self.at += 1;
        comma
    }
}

/// Writes a length into the four bytes at `at`.
fn patch(out: &mut [u8], at: usize, length: usize) {
    if let Some(slot) = out.get_mut(at..at + 4) {
        slot.copy_from_slice(&self::length(length));
    }
}

/// Writes the list at `head` anew, as Erlang writes lists of integers below 256: as a string.
fn into_string(out: &mut Vec<u8>, head: usize, length: u16) {
    let elements = out.split_off(head);
    out.push(STRING);
    out.extend_from_slice(&length.to_be_bytes());
    let values = elements.get(5..).unwrap_or_default().chunks_exact(2);
    out.extend(values.filter_map(<[u8]>::last));
}
