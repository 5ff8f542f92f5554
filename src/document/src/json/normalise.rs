//! Normal form: no white space between tokens, strings in their shortest escaping, numbers as they
//! are, of members with one name the last. One pass; stretches that are in normal form already are
//! copied whole.

use super::cursor::{Cursor, StringToken};
use super::repeated::{Member, repeated};
use super::text::{Escapes, unescaped, write_string};
use super::{JsonError, JsonFault};

/// Checks one value, white space around it allowed, and writes it in normal form: as
/// [`crate::Body`], but of any kind and with all its members.
pub fn normalise(text: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut normaliser = Normaliser::new(text)?;
    normaliser.white();
    normaliser.value(0)?;
    normaliser.finish()
}

/// The pass from a text to its normal form.
pub(crate) struct Normaliser<'a> {
    pub(crate) cursor: Cursor<'a>,
    out: Vec<u8>,
    /// Up to here the text has been taken over (or left out).
    copied: usize,
    /// Members of the objects that are open, those of the innermost last.
    members: Vec<Member>,
}

impl<'a> Normaliser<'a> {
    /// At the beginning of `text`, which has to be UTF-8.
    pub(crate) fn new(text: &'a [u8]) -> Result<Self, JsonError> {
        Ok(Self {
            cursor: Cursor::checked(text)?,
            out: Vec::with_capacity(text.len()),
            copied: 0,
            members: Vec::with_capacity(16),
        })
    }

    /// Passes white space, which is left out.
    #[inline]
    pub(crate) fn white(&mut self) {
        if matches!(self.cursor.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.take_over();
            self.cursor.white();
            self.leave_out();
        }
    }

    /// Copies everything up to here that is not copied yet.
    fn take_over(&mut self) {
        let pending = self.cursor.slice(self.copied, self.cursor.at);
        self.out.extend_from_slice(pending);
        self.copied = self.cursor.at;
    }

    /// Leaves out everything up to here that is not copied yet.
    pub(crate) fn leave_out(&mut self) {
        self.copied = self.cursor.at;
    }

    /// Where in the output this place will come to lie.
    fn position(&self) -> usize {
        self.out.len() + self.cursor.at - self.copied
    }

    /// The output, once nothing but white space follows.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, JsonError> {
        self.take_over();
        self.cursor.finish()?;
        Ok(self.out)
    }

    pub(crate) fn value(&mut self, depth: u32) -> Result<(), JsonError> {
        match self.cursor.peek() {
            b'"' => {
                let token = self.cursor.string()?;
                self.rewrite(token)
            }
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'-' | b'0'..=b'9' => self.cursor.number(),
            _ => self.cursor.literal(),
        }
    }

    /// Writes a string anew that was just passed, if it is not in normal form.
    #[inline]
    fn rewrite(&mut self, token: StringToken) -> Result<(), JsonError> {
        if token.escapes != Escapes::Long {
            return Ok(());
        }
        let inner = self.cursor.slice(token.start + 1, token.end - 1);
        let Some(text) = unescaped(inner, token.escapes) else {
            return self.cursor.fault(JsonFault::Utf8);
        };
        let before = self.cursor.slice(self.copied, token.start);
        self.out.extend_from_slice(before);
        write_string(&mut self.out, &text);
        self.leave_out();
        Ok(())
    }

    fn array(&mut self, depth: u32) -> Result<(), JsonError> {
        if !self.enter(depth, b']')? {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if !self.next(b']')? {
                return Ok(());
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<(), JsonError> {
        if !self.enter(depth, b'}')? {
            return Ok(());
        }
        let first = self.members.len();
        let start = self.position();
        loop {
            let member_start = self.position();
            let name = self.cursor.string()?;
            self.member(member_start, name, depth)?;
            self.white();
            if self.cursor.peek() == b'}' {
                break;
            }
            self.cursor.expect(b',')?;
            self.white();
        }
        if self.members.len() - first > 1 {
            self.take_over();
            self.drop_repeated(first, start);
        }
        self.members.truncate(first);
        self.cursor.at += 1;
        Ok(())
    }

    /// Passes the rest of a member whose name was just passed.
    fn member(&mut self, start: usize, name: StringToken, depth: u32) -> Result<(), JsonError> {
        self.rewrite(name)?;
        let name_end = self.position();
        self.white();
        self.cursor.expect(b':')?;
        self.white();
        // Members of objects within come behind this one, and are gone when it ends.
        self.value(depth + 1)?;
        let end = self.position();
        self.members.push(Member { start, name_end, end });
        Ok(())
    }

    fn enter(&mut self, depth: u32, closing: u8) -> Result<bool, JsonError> {
        if depth >= super::DEPTH_LIMIT {
            return self.cursor.fault(JsonFault::Depth);
        }
        self.cursor.at += 1;
        self.white();
        if self.cursor.peek() == closing {
            self.cursor.at += 1;
            return Ok(false);
        }
        Ok(true)
    }

    fn next(&mut self, closing: u8) -> Result<bool, JsonError> {
        self.white();
        if self.cursor.peek() == closing {
            self.cursor.at += 1;
            return Ok(false);
        }
        self.cursor.expect(b',')?;
        self.white();
        Ok(true)
    }

    /// Passes a document: an object whose members that `special` takes are left out. It is given
    /// each name that starts with an underscore (unescaped) and the raw value, and tells whether it
    /// took them.
    pub(crate) fn document(
        &mut self,
        mut special: impl FnMut(&str, &'a [u8]) -> bool,
    ) -> Result<(), JsonError> {
        self.out.push(b'{');
        let mut more = self.cursor.enter(0, b'}')?;
        self.leave_out();
        while more {
            let start = self.cursor.at;
            let name = self.cursor.string()?;
            if !self.special_member(name, &mut special)? {
                if !self.members.is_empty() {
                    self.out.push(b',');
                }
                self.copied = start;
                let position = self.out.len();
                self.member(position, name, 0)?;
                self.take_over();
            }
            more = self.cursor.next(b'}')?;
            self.leave_out();
        }
        if self.members.len() > 1 {
            self.drop_repeated(0, 1);
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Passes a member of a document if it is special; stays where it is if not.
    fn special_member(
        &mut self,
        name: StringToken,
        special: &mut impl FnMut(&str, &'a [u8]) -> bool,
    ) -> Result<bool, JsonError> {
        let inner = self.cursor.slice(name.start + 1, name.end - 1);
        if !matches!(inner.first(), Some(b'_' | b'\\')) {
            return Ok(false);
        }
        let Some(text) = unescaped(inner, name.escapes) else {
            return self.cursor.fault(JsonFault::Utf8);
        };
        if !text.starts_with('_') {
            return Ok(false);
        }
        self.cursor.colon()?;
        let start = self.cursor.at;
        self.cursor.skip(1)?;
        if special(&text, self.cursor.slice(start, self.cursor.at)) {
            return Ok(true);
        }
        self.cursor.at = name.end;
        Ok(false)
    }

    /// Drops members from `first` on whose name comes again later. All output is written; the
    /// object's first member starts at `start`.
    fn drop_repeated(&mut self, first: usize, start: usize) {
        let members = self.members.get(first..).unwrap_or_default();
        let Some(dropped) = repeated(&self.out, members) else {
            return;
        };
        let mut kept = Vec::with_capacity(self.out.len() - start);
        for (member, dropped) in members.iter().zip(dropped) {
            if dropped {
                continue;
            }
            if !kept.is_empty() {
                kept.push(b',');
            }
            kept.extend_from_slice(self.out.get(member.start..member.end).unwrap_or_default());
        }
        self.out.truncate(start);
        self.out.extend_from_slice(&kept);
    }
}
