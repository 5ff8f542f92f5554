//! The tokens of a JSON text one after another, for whoever needs every value of it once, in order.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::text::unescaped;
use super::{JsonError, JsonFault};

/// One token. Commas and colons are checked and left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Token<'a> {
    /// `null`.
    Null,
    /// `false` or `true`.
    Boolean(bool),
    /// A number as it is written, ASCII.
    Number(&'a str),
    /// A string that is a value, unescaped.
    String(Cow<'a, str>),
    /// `[`.
    ArrayStart,
    /// `]`.
    ArrayEnd,
    /// `{`.
    ObjectStart,
    /// The name of a member, unescaped; its value follows.
    Name(Cow<'a, str>),
    /// `}`.
    ObjectEnd,
}

/// Iterator over the tokens of one value, white space around it allowed. It checks the grammar as it
/// goes; after an error it ends.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    cursor: Cursor<'a>,
    /// Closing brackets that are due, the next one last.
    open: Vec<u8>,
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Value,
    /// What stands first in an array or object, or its end.
    First,
    /// What stands behind a value.
    Behind,
    Done,
}

/// The tokens of `text`, which has to be UTF-8.
pub fn tokens(text: &[u8]) -> Result<Tokens<'_>, JsonError> {
    Ok(Tokens { cursor: Cursor::checked(text)?, open: Vec::new(), next: Next::Value })
}

impl<'a> Tokens<'a> {
    /// How many arrays and objects are open behind the last token.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Where the last token ended, in bytes from the beginning of the text.
    pub fn offset(&self) -> usize {
        self.cursor.at
    }

    fn advance(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        self.cursor.white();
        match self.next {
            Next::Value => self.value().map(Some),
            Next::First if Some(&self.cursor.peek()) == self.open.last() => Ok(self.close()),
            Next::First => self.item().map(Some),
            Next::Behind => self.behind(),
            Next::Done => Ok(None),
        }
    }

    fn behind(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        let Some(closing) = self.open.last() else {
            self.next = Next::Done;
            return self.cursor.finish().map(|()| None);
        };
        if self.cursor.next(*closing)? {
            return self.item().map(Some);
        }
        self.cursor.at -= 1;
        Ok(self.close())
    }

    /// Passes the closing bracket that is due.
    fn close(&mut self) -> Option<Token<'a>> {
        self.cursor.at += 1;
        self.next = Next::Behind;
        self.open.pop().map(|closing| match closing {
            b']' => Token::ArrayEnd,
            _ => Token::ObjectEnd,
        })
    }

    /// Passes an element, or the name of a member with its colon.
    fn item(&mut self) -> Result<Token<'a>, JsonError> {
        if self.open.last() != Some(&b'}') {
            return self.value();
        }
        let name = self.string()?;
        self.cursor.colon()?;
        self.next = Next::Value;
        Ok(Token::Name(name))
    }

    fn value(&mut self) -> Result<Token<'a>, JsonError> {
        self.next = Next::Behind;
        let start = self.cursor.at;
        match self.cursor.peek() {
            b'"' => self.string().map(Token::String),
            b'[' => self.open(b']', Token::ArrayStart),
            b'{' => self.open(b'}', Token::ObjectStart),
            b'-' | b'0'..=b'9' => {
                self.cursor.number()?;
                let text = std::str::from_utf8(self.cursor.slice(start, self.cursor.at));
                text.map(Token::Number).or_else(|_| self.cursor.fault(JsonFault::Utf8))
            }
            first => {
                self.cursor.literal()?;
                Ok(if first == b'n' { Token::Null } else { Token::Boolean(first == b't') })
            }
        }
    }

    fn open(&mut self, closing: u8, token: Token<'a>) -> Result<Token<'a>, JsonError> {
        if self.open.len() >= super::DEPTH_LIMIT as usize {
            return self.cursor.fault(JsonFault::Depth);
        }
        self.cursor.at += 1;
        self.open.push(closing);
        self.next = Next::First;
        Ok(token)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let token = self.cursor.string()?;
        let inner = self.cursor.slice(token.start + 1, token.end - 1);
        match unescaped(inner, token.escapes) {
            Some(text) => Ok(text),
            None => self.cursor.fault(JsonFault::Utf8),
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, JsonError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let result = self.advance();
        if result.is_err() {
            self.next = Next::Done;
        }
        result.transpose()
    }
}
