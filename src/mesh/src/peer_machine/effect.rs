//! What a machine wants done.

use crate::event::DownReason;
use crate::frame::Frame;

/// One connection that carries the link, or is to carry it. No number is used twice by one machine.
pub type CarrierId = u64;

/// What the shell is to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a fresh connection and `POST /_mesh/link`; then tell [`crate::PeerMachine::dialled`] or
    /// [`crate::PeerMachine::dial_failed`].
    Dial {
        /// Its number from now on.
        carrier: CarrierId,
    },
    /// Send a frame.
    Send {
        /// Where.
        carrier: CarrierId,
        /// What.
        frame: Frame,
    },
    /// Close the carrier after what was sent on it, or give up dialling it. Nothing is to be told of it.
    Close {
        /// Which.
        carrier: CarrierId,
    },
    /// The peer is up.
    Up,
    /// It is no more.
    Down {
        /// Why.
        reason: DownReason,
    },
    /// We dialled this carrier and it carries the link: offer the reverse path as long as it is open.
    Reverse {
        /// Which.
        carrier: CarrierId,
    },
    /// The same, and the peer asks for one reverse path now.
    OneReverse {
        /// Which.
        carrier: CarrierId,
    },
}
