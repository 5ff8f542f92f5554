//! A place in JSON text, and the tokens that can stand there.

use super::text::{Escapes, check_escapes, find_special};
use super::{DEPTH_LIMIT, JsonError, JsonFault};

/// A place in a text. Bytes outside strings are checked token by token; whoever needs the text to
/// be UTF-8 checks that once, beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) at: usize,
}

/// A string with its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StringToken {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) escapes: Escapes,
}

impl<'a> Cursor<'a> {
    /// The beginning of a text that is not known to be UTF-8.
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The beginning of a text, which has to be UTF-8.
    pub(crate) fn checked(text: &'a [u8]) -> Result<Self, JsonError> {
        match std::str::from_utf8(text) {
            Ok(_) => Ok(Self::new(text)),
            Err(error) => Err(JsonError { fault: JsonFault::Utf8, offset: error.valid_up_to() }),
        }
    }

    /// The byte here; 0, which stands nowhere outside strings, at the end.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    pub(crate) fn fault<T>(&self, fault: JsonFault) -> Result<T, JsonError> {
        Err(JsonError { fault, offset: self.at })
    }

    /// The text between two places.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Passes white space; tells whether there was any.
    #[inline]
    pub(crate) fn white(&mut self) -> bool {
        let start = self.at;
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
        self.at != start
    }

    /// Passes this byte or fails.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() != byte {
            return self.fault(JsonFault::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    /// Passes white space up to the end of the text.
    pub(crate) fn finish(&mut self) -> Result<(), JsonError> {
        self.white();
        if self.at < self.text.len() {
            return self.fault(JsonFault::Trailing);
        }
        Ok(())
    }

    /// Passes a string, its quotes included.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<StringToken, JsonError> {
        let start = self.at;
        self.expect(b'"')?;
        let mut escapes = Escapes::None;
        loop {
            self.at = find_special(self.text, self.at);
            match self.peek() {
                b'"' => break,
                b'\\' => {
                    let (length, kind) = check_escapes(self.slice(self.at, self.text.len()))
                        .or_else(|fault| self.fault(fault))?;
                    escapes = escapes.max(kind);
                    self.at += length;
                }
                _ if self.at == self.text.len() => return self.fault(JsonFault::Syntax),
                _ => return self.fault(JsonFault::Escape),
            }
        }
        self.at += 1;
        Ok(StringToken { start, end: self.at, escapes })
    }

    /// Passes a number.
    pub(crate) fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        let exponent = matches!(self.peek(), b'e' | b'E');
        if exponent {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        // Without an exponent it takes 309 digits to leave the range.
        if (exponent || self.at - start > 300) && !is_double(self.slice(start, self.at)) {
            self.at = start;
            return self.fault(JsonFault::Range);
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start {
            return self.fault(JsonFault::Syntax);
        }
        Ok(())
    }

    /// Passes `true`, `false` or `null`.
    pub(crate) fn literal(&mut self) -> Result<(), JsonError> {
        let word: &[u8] = match self.peek() {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            _ => return self.fault(JsonFault::Syntax),
        };
        if !self.slice(self.at, self.text.len()).starts_with(word) {
            return self.fault(JsonFault::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes one value that lies `depth` levels deep, checking all of it.
    pub(crate) fn skip(&mut self, depth: u32) -> Result<(), JsonError> {
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            b'{' => self.skip_object(depth),
            b'[' => self.skip_array(depth),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.literal(),
        }
    }

    fn skip_object(&mut self, depth: u32) -> Result<(), JsonError> {
        if !self.enter(depth, b'}')? {
            return Ok(());
        }
        loop {
            self.string()?;
            self.colon()?;
            self.skip(depth + 1)?;
            if !self.next(b'}')? {
                return Ok(());
            }
        }
    }

    fn skip_array(&mut self, depth: u32) -> Result<(), JsonError> {
        if !self.enter(depth, b']')? {
            return Ok(());
        }
        loop {
            self.skip(depth + 1)?;
            if !self.next(b']')? {
                return Ok(());
            }
        }
    }

    /// Passes an opening bracket; false when the closing one follows at once and was passed too.
    pub(crate) fn enter(&mut self, depth: u32, closing: u8) -> Result<bool, JsonError> {
        if depth >= DEPTH_LIMIT {
            return self.fault(JsonFault::Depth);
        }
        self.at += 1;
        self.white();
        if self.peek() == closing {
            self.at += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// Passes a colon with the white space around it.
    pub(crate) fn colon(&mut self) -> Result<(), JsonError> {
        self.white();
        self.expect(b':')?;
        self.white();
        Ok(())
    }

    /// Passes a comma and the white space around it (true), or the closing bracket (false).
    pub(crate) fn next(&mut self, closing: u8) -> Result<bool, JsonError> {
        self.white();
        if self.peek() == closing {
            self.at += 1;
            return Ok(false);
        }
        self.expect(b',')?;
        self.white();
        Ok(true)
    }

    /// Passes one value, looking only for its end: a value that is wrong inside may pass, or be cut
    /// at a wrong place. Whoever uses it checks what was passed later, in full.
    pub(crate) fn skip_unchecked(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), b'{' | b'[') {
            return self.skip(0);
        }
        let mut open = 0_usize;
        while let Some(byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => self.pass_string()?,
                b'{' | b'[' => open += 1,
                b'}' | b']' => {
                    open -= 1;
                    if open == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        self.fault(JsonFault::Syntax)
    }

    /// Passes the rest of a string whose opening quote is passed.
    fn pass_string(&mut self) -> Result<(), JsonError> {
        loop {
            let rest = self.slice(self.at, self.text.len());
            let Some(offset) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return self.fault(JsonFault::Syntax);
            };
            self.at += offset + 1;
            if rest.get(offset) == Some(&b'"') {
                return Ok(());
            }
            self.at += 1;
        }
    }
}

fn is_double(number: &[u8]) -> bool {
    std::str::from_utf8(number)
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .is_some_and(f64::is_finite)
}
