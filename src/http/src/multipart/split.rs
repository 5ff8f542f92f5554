//! The splitter of multipart bodies: bytes in, events out, no input and output of its own. It holds
//! at most what could be the beginning of a delimiter, and one block of headers.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;

use crate::failure::Failure;

/// Most bytes of the headers of one part.
const HEADER_BYTES: usize = 16 * 1024;

/// What the splitter found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A part begins; its headers, without the empty line.
    Part(Bytes),
    /// Bytes of the part.
    Data(Bytes),
    /// The part is over.
    PartEnd,
    /// The last boundary was seen; what comes behind does not count.
    End,
    /// Nothing can be said without more bytes.
    NeedMore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// Right behind a boundary.
    Delimiter,
    /// In the headers of a part.
    Headers,
    /// In the bytes of a part.
    Data,
    /// Behind the last boundary.
    End,
}

/// Splits a multipart body.
pub(super) struct Splitter {
    state: State,
    buffer: BytesMut,
    delimiter: Finder<'static>,
}

impl Splitter {
    pub(super) fn new(boundary: &str) -> Self {
        // The first boundary may stand at the very beginning: a line end before it makes it look
        // like the others.
        Self {
            state: State::Preamble,
            buffer: BytesMut::from(&b"\r\n"[..]),
            delimiter: Finder::new(&format!("\r\n--{boundary}")).into_owned(),
        }
    }

    /// Takes more bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Result<Event, Failure> {
        loop {
            match self.state {
                State::Preamble => {
                    let Some(_) = self.take_until_delimiter().1 else {
                        return Ok(Event::NeedMore);
                    };
                    self.state = State::Delimiter;
                }
                State::Delimiter => match self.delimiter_end()? {
                    Some(State::End) => self.state = State::End,
                    Some(state) => self.state = state,
                    None => return Ok(Event::NeedMore),
                },
                State::Headers => return self.headers(),
                State::Data => {
                    let (data, end) = self.take_until_delimiter();
                    if !data.is_empty() {
                        // The delimiter, if there is one, is found again at once.
                        return Ok(Event::Data(data));
                    }
                    let Some(()) = end else { return Ok(Event::NeedMore) };
                    self.state = State::Delimiter;
                    return Ok(Event::PartEnd);
                }
                State::End => return Ok(Event::End),
            }
        }
    }

    /// Takes the bytes that surely are not part of a delimiter. When there are none and the buffer
    /// begins with a delimiter, takes that and says so.
    fn take_until_delimiter(&mut self) -> (Bytes, Option<()>) {
        let length = self.delimiter.needle().len();
        match self.delimiter.find(&self.buffer) {
            Some(0) => {
                self.buffer.advance(length);
                (Bytes::new(), Some(()))
            }
            Some(position) if self.state == State::Preamble => {
                self.buffer.advance(position + length);
                (Bytes::new(), Some(()))
            }
            Some(position) => (self.buffer.split_to(position).freeze(), None),
            None => {
                let sure = self.buffer.len().saturating_sub(length - 1);
                (self.buffer.split_to(sure).freeze(), None)
            }
        }
    }

    /// What follows a boundary: `--` for the last one, else the rest of its line.
    fn delimiter_end(&mut self) -> Result<Option<State>, Failure> {
        if self.buffer.len() < 2 {
            return Ok(None);
        }
        if self.buffer.starts_with(b"--") {
            return Ok(Some(State::End));
        }
        let line_end = match memchr::memmem::find(&self.buffer, b"\r\n") {
            Some(line_end) if line_end <= HEADER_BYTES => line_end,
            None if self.buffer.len() < HEADER_BYTES + 2 => return Ok(None),
            _ => return Err(too_long()),
        };
        // The line end stays: with no headers, it begins the empty line.
        self.buffer.advance(line_end);
        Ok(Some(State::Headers))
    }

    fn headers(&mut self) -> Result<Event, Failure> {
        // What is refused must not depend on the pieces that it comes in.
        let empty_line = b"\r\n\r\n";
        let end = match memchr::memmem::find(&self.buffer, empty_line) {
            Some(end) if end <= HEADER_BYTES => end,
            None if self.buffer.len() < HEADER_BYTES + empty_line.len() => {
                return Ok(Event::NeedMore);
            }
            _ => return Err(too_long()),
        };
        let headers = self.buffer.split_to(end).freeze();
        self.buffer.advance(4);
        self.state = State::Data;
        Ok(Event::Part(headers))
    }
}

fn too_long() -> Failure {
    Failure::BadRequest("the headers of a part are too long".to_owned())
}

/// All parts of a body that comes in these pieces: for each its headers and its bytes; `None` where
/// it is refused or not finished.
#[cfg(feature = "fuzzing")]
pub(crate) fn split(boundary: &str, pieces: &[&[u8]]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut splitter = Splitter::new(boundary);
    let mut pieces = pieces.iter();
    let mut parts: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    loop {
        match splitter.next().ok()? {
            Event::Part(headers) => parts.push((headers.to_vec(), Vec::new())),
            Event::Data(bytes) => parts.last_mut()?.1.extend_from_slice(&bytes),
            Event::PartEnd => {}
            Event::End => return Some(parts),
            Event::NeedMore => splitter.push(pieces.next()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All events of a body that arrives in pieces of `step` bytes, data joined.
    fn events(body: &[u8], step: usize) -> Vec<Event> {
        let mut splitter = Splitter::new("b");
        let mut pieces = body.chunks(step);
        let mut events: Vec<Event> = Vec::new();
        loop {
            match (splitter.next().expect("good"), events.last_mut()) {
                (Event::NeedMore, _) => match pieces.next() {
                    Some(piece) => splitter.push(piece),
                    None => return events,
                },
                (Event::End, _) => {
                    events.push(Event::End);
                    return events;
                }
                (Event::Data(more), Some(Event::Data(data))) => {
                    *data = [data.as_ref(), more.as_ref()].concat().into();
                }
                (event, _) => events.push(event),
            }
        }
    }

    #[test]
    fn a_body_is_split_the_same_however_it_arrives() {
        let body = b"preamble\r\n--b\r\nA: 1\r\nB: 2\r\n\r\none\r\n--b  \r\n\r\n\
                     \r\n--two\r\n\r\n--b--\r\nepilogue";
        let expected = vec![
            Event::Part(Bytes::from_static(b"\r\nA: 1\r\nB: 2")),
            Event::Data(Bytes::from_static(b"one")),
            Event::PartEnd,
        ];
        let whole = events(body, body.len());
        assert_eq!(whole.get(..3), Some(expected.as_slice()));
        assert_eq!(whole.last(), Some(&Event::End));
        for step in 1..body.len() {
            assert_eq!(events(body, step), whole, "in pieces of {step}");
        }
    }

    #[test]
    fn a_part_may_be_empty() {
        let body = b"--b\r\nA: 1\r\n\r\n\r\n--b--";
        let expected = [Event::Part(Bytes::from_static(b"\r\nA: 1")), Event::PartEnd, Event::End];
        for step in 1..body.len() {
            assert_eq!(events(body, step), expected, "in pieces of {step}");
        }
    }

    #[test]
    fn headers_that_are_too_long_are_refused_however_they_arrive() {
        for (length, good) in [(HEADER_BYTES, true), (HEADER_BYTES + 1, false)] {
            let rest_of_line = format!("--b{}\r\n\r\n\r\n--b--", " ".repeat(length));
            // The line end of the boundary counts with the headers.
            let headers = format!("--b\r\n{}\r\n\r\n\r\n--b--", "a".repeat(length - 2));
            for body in [rest_of_line, headers] {
                for step in [1, 1000, HEADER_BYTES, body.len()] {
                    let mut splitter = Splitter::new("b");
                    let mut pieces = body.as_bytes().chunks(step);
                    let first = loop {
                        match splitter.next() {
                            Ok(Event::NeedMore) => splitter.push(pieces.next().expect("more")),
                            other => break other,
                        }
                    };
                    assert_eq!(first.is_ok(), good, "{length} in pieces of {step}");
                }
            }
        }
    }

    #[test]
    fn a_body_that_breaks_off_ends_in_need_of_more() {
        let events = events(b"--b\r\nA: 1\r\n\r\nda", 3);
        assert_eq!(events, [Event::Part(Bytes::from_static(b"\r\nA: 1"))]);
    }
}
