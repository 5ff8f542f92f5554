//! Iteration over the members of an object and the elements of an array, as slices of their text.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::text::unescaped;
use super::{JsonError, JsonFault};

/// Iterator over an object's members: names unescaped, values as raw slices of the text. Names may
/// come twice. After an error it ends.
#[derive(Clone, Debug)]
pub struct Members<'a>(Walk<'a>);

/// Iterator over an array's elements as raw slices of the text. After an error it ends.
#[derive(Clone, Debug)]
pub struct Elements<'a>(Walk<'a>);

/// An unescaped name and a raw value.
type Member<'a> = (Cow<'a, str>, &'a [u8]);

#[derive(Clone, Debug)]
struct Walk<'a> {
    cursor: Cursor<'a>,
    closing: u8,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before the opening bracket, which is known to be there.
    Start,
    /// Behind an item.
    Item,
    Done,
}

/// The members of the object that `text` is; the fault is `Kind` if it is none. Text that is wrong
/// further on shows as an error of the iterator.
pub fn members(text: &[u8]) -> Result<Members<'_>, JsonError> {
    Walk::open(text, b'{', b'}').map(Members)
}

/// The elements of the array that `text` is; the fault is `Kind` if it is none. Text that is wrong
/// further on shows as an error of the iterator.
pub fn elements(text: &[u8]) -> Result<Elements<'_>, JsonError> {
    Walk::open(text, b'[', b']').map(Elements)
}

impl<'a> Walk<'a> {
    fn open(text: &'a [u8], opening: u8, closing: u8) -> Result<Self, JsonError> {
        let mut cursor = Cursor::checked(text)?;
        cursor.white();
        if cursor.peek() != opening {
            return cursor.fault(JsonFault::Kind);
        }
        Ok(Self { cursor, closing, state: State::Start })
    }

    /// Goes to the next item; false behind the last.
    fn advance(&mut self) -> Result<bool, JsonError> {
        let more = match self.state {
            State::Start => self.cursor.enter(0, self.closing)?,
            State::Item => self.cursor.next(self.closing)?,
            State::Done => return Ok(false),
        };
        self.state = State::Item;
        if !more {
            self.state = State::Done;
            self.cursor.finish()?;
        }
        Ok(more)
    }

    fn value(&mut self) -> Result<&'a [u8], JsonError> {
        let start = self.cursor.at;
        self.cursor.skip(1)?;
        Ok(self.cursor.slice(start, self.cursor.at))
    }

    fn member(&mut self) -> Result<Option<Member<'a>>, JsonError> {
        if !self.advance()? {
            return Ok(None);
        }
        let token = self.cursor.string()?;
        let inner = self.cursor.slice(token.start + 1, token.end - 1);
        let Some(name) = unescaped(inner, token.escapes) else {
            return self.cursor.fault(JsonFault::Utf8);
        };
        self.cursor.colon()?;
        Ok(Some((name, self.value()?)))
    }

    fn element(&mut self) -> Result<Option<&'a [u8]>, JsonError> {
        if !self.advance()? {
            return Ok(None);
        }
        self.value().map(Some)
    }

    fn ended<T>(&mut self, result: Result<Option<T>, JsonError>) -> Option<Result<T, JsonError>> {
        if result.is_err() {
            self.state = State::Done;
        }
        result.transpose()
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.0.member();
        self.0.ended(result)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.0.element();
        self.0.ended(result)
    }
}
