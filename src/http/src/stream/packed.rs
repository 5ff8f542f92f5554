//! A body that is packed while it goes out: in steps, and without holding back what was told while
//! more is waited for. How bytes are packed is not known here.

use std::task::{Context, Poll};

use bytes::Bytes;
use refuge_packing::Packer;

use super::{Inner, Piece};

/// Plain bytes that are packed in one step, about a millisecond.
pub(super) const PACKED_AT_ONCE_BYTES: usize = 64 * 1024;

/// A body that is packed on its way out.
pub(super) struct Packed {
    /// The plain body; gone at its end.
    plain: Option<Inner>,
    /// Bytes of it that are still to be packed.
    waiting: Bytes,
    /// Gone at the end.
    packer: Option<Packer>,
}

impl Packed {
    /// Packs a plain body.
    pub(super) fn new(plain: Inner, packer: Packer) -> Self {
        Self { plain: Some(plain), waiting: Bytes::new(), packer: Some(packer) }
    }

    /// The next packed bytes.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Piece> {
        loop {
            let Some(packer) = &mut self.packer else { return Poll::Ready(None) };
            if !self.waiting.is_empty() {
                let length = self.waiting.len().min(PACKED_AT_ONCE_BYTES);
                let packed = packer.pack(&self.waiting.split_to(length));
                if packed.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(Ok(packed)));
            }
            let Some(plain) = &mut self.plain else {
                let rest = packer.finish(&[]);
                self.packer = None;
                return Poll::Ready(Some(Ok(rest)));
            };
            match plain.poll(context) {
                Poll::Ready(Some(Ok(piece))) => self.waiting = piece,
                Poll::Ready(Some(Err(broken))) => return Poll::Ready(Some(Err(broken))),
                Poll::Ready(None) => self.plain = None,
                // What was told so far is not held back while the next is waited for.
                Poll::Pending => {
                    let held_back = packer.flush();
                    if held_back.is_empty() {
                        return Poll::Pending;
                    }
                    return Poll::Ready(Some(Ok(held_back)));
                }
            }
        }
    }
}
