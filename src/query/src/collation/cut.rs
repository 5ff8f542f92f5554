//! Where a sort key that is too long is cut off, and the hash of all of it that stands there then.

use xxhash_rust::xxh3::Xxh3;

use super::SORT_KEY_LIMIT_BYTES;
use super::layout::{CUT, CUT_BYTES, END};

/// Watches a key while it is made, from `start` on in its buffer.
pub(super) struct Cut {
    start: usize,
    /// Arrays and objects that are open.
    open: usize,
    /// The last place between two values behind which the hash and all ends have room, and how many are open
    /// there.
    place: (usize, usize),
    /// Set once the key is too long: it has heard all that was made so far.
    hash: Option<Box<Xxh3>>,
}

impl Cut {
    pub(super) fn new(start: usize) -> Self {
        Self { start, open: 0, place: (start, 0), hash: None }
    }

    /// An array or object begins.
    pub(super) fn opened(&mut self) {
        self.open += 1;
    }

    /// An array or object ends.
    pub(super) fn closed(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// A value, a name, a beginning or an end was written.
    pub(super) fn wrote(&mut self, out: &mut Vec<u8>) {
        let length = out.len() - self.start;
        if self.hash.is_none() {
            if length + CUT_BYTES + self.open <= SORT_KEY_LIMIT_BYTES {
                self.place = (out.len(), self.open);
            }
            if length <= SORT_KEY_LIMIT_BYTES {
                return;
            }
        }
        // The first time all of it, later what came since.
        let heard = if self.hash.is_some() { self.place.0 } else { self.start };
        let hash = self.hash.get_or_insert_default();
        hash.update(out.get(heard..).unwrap_or_default());
        out.truncate(self.place.0);
    }

    /// The value is written.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        let Some(hash) = self.hash else { return };
        out.push(CUT);
        out.extend_from_slice(format!("{:032x}", hash.digest128()).as_bytes());
        out.resize(out.len() + self.place.1, END);
    }
}
