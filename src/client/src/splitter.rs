//! Cuts the elements out of `{"results":[…]}` while it arrives, so that an answer of many documents
//! is never held whole. Finds boundaries only; that an element is JSON is for its reader to check.

use bytes::{Buf, Bytes, BytesMut};

/// Name of the array.
const NAME: &[u8] = b"results";

/// Takes pieces of the answer in, gives elements out.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    buffer: BytesMut,
    /// Bytes of the buffer that were looked at.
    seen: usize,
    depth: u32,
    string: Option<StringState>,
    /// Where the last string that stands in the outermost object begins (behind its quote) and ends.
    last_name: Option<(usize, usize)>,
    /// Inside the array.
    inside: bool,
    /// Where the element under way begins.
    element: Option<usize>,
    /// Whether the end of the array was seen.
    complete: bool,
}

#[derive(Clone, Copy, Debug)]
struct StringState {
    begin: usize,
    escaped: bool,
}

impl Splitter {
    /// Takes the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// Whether the array came to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Bytes that wait for the end of their element.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The next element that is there whole.
    pub(crate) fn next_element(&mut self) -> Option<Bytes> {
        while let Some(byte) = self.buffer.get(self.seen).copied() {
            let position = self.seen;
            self.seen += 1;
            if let Some(end) = self.look_at(byte, position) {
                return Some(self.cut(end));
            }
        }
        self.forget_the_past();
        None
    }

    /// Looks at one byte; tells the end of an element that it ends.
    fn look_at(&mut self, byte: u8, position: usize) -> Option<usize> {
        if let Some(state) = &mut self.string {
            let begin = state.begin;
            match byte {
                _ if state.escaped => state.escaped = false,
                b'\\' => state.escaped = true,
                b'"' => {
                    self.string = None;
                    if self.depth == 1 {
                        self.last_name = Some((begin, position));
                    }
                }
                _ => {}
            }
            return None;
        }
        match byte {
            b'"' => {
                self.string = Some(StringState { begin: position + 1, escaped: false });
                None
            }
            b'{' | b'[' => {
                self.open(byte, position);
                None
            }
            b'}' | b']' => self.close(position),
            _ => None,
        }
    }

    fn open(&mut self, byte: u8, position: usize) {
        self.depth += 1;
        if self.inside && self.depth == 3 {
            self.element = Some(position);
        }
        if self.depth == 2 && byte == b'[' && !self.complete {
            let name = self.last_name.and_then(|(begin, end)| self.buffer.get(begin..end));
            self.inside = name == Some(NAME);
        }
    }

    fn close(&mut self, position: usize) -> Option<usize> {
        self.depth = self.depth.saturating_sub(1);
        if self.inside && self.depth == 1 {
            self.inside = false;
            self.complete = true;
        }
        let ends = self.inside && self.depth == 2 && self.element.is_some();
        ends.then_some(position + 1)
    }

    fn cut(&mut self, end: usize) -> Bytes {
        let begin = self.element.take().unwrap_or(end);
        let mut element = self.buffer.split_to(end);
        element.advance(begin.min(end));
        self.seen = 0;
        self.last_name = None;
        element.freeze()
    }

    /// Drops what was looked at and is part of no element, nor of a name under way.
    fn forget_the_past(&mut self) {
        if self.element.is_none() && self.inside && self.string.is_none() {
            self.buffer.advance(self.seen.min(self.buffer.len()));
            self.seen = 0;
            self.last_name = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, piece_bytes: usize) -> (Vec<String>, bool) {
        let mut splitter = Splitter::default();
        let mut elements = Vec::new();
        for piece in text.as_bytes().chunks(piece_bytes) {
            splitter.push(piece);
            while let Some(element) = splitter.next_element() {
                elements.push(String::from_utf8(element.to_vec()).unwrap());
            }
        }
        (elements, splitter.is_complete())
    }

    #[test]
    fn elements_come_out_whole_wherever_the_pieces_end() {
        let text = r#" {"note":[{"a":1}], "results" : [ {"id":"}\"]","docs":[{"ok":{"x":[]}}]} ,
            {"id":"\\"} ], "more":[{"b":2}]} "#;
        for piece_bytes in 1..text.len() {
            let (elements, complete) = split(text, piece_bytes);
            assert_eq!(
                elements,
                [r#"{"id":"}\"]","docs":[{"ok":{"x":[]}}]}"#, r#"{"id":"\\"}"#],
                "{piece_bytes}"
            );
            assert!(complete);
        }
    }

    #[test]
    fn an_answer_that_breaks_off_is_not_complete() {
        let (elements, complete) = split(r#"{"results":[{"id":"a"},{"id":"#, 4);
        assert_eq!(elements, [r#"{"id":"a"}"#]);
        assert!(!complete);
    }
}
