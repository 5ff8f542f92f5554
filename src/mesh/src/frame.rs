//! The frames of a link: a length of 4 bytes, big-endian, then a JSON object `{"t": …, "v": 1, …}`.
//! Unknown types and members are passed over, so that newer nodes speak with older ones. What a frame
//! means is decided by the machine.

mod reader;
mod text;

use crate::node_id::NodeId;
use crate::outbox::{Message, MessageId};
use crate::statement::Statement;

pub use reader::FrameReader;

/// Bytes of a frame without its length. Whatever does not fit is no matter for the link.
pub const LONGEST_FRAME_BYTES: usize = 64 * 1024;
/// The newest version of the link's protocol that is spoken here.
pub const NEWEST_VERSION: u32 = 1;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The dialler's first.
    Hello(Hello),
    /// The acceptor's answer: it takes the link.
    Welcome(Welcome),
    /// Sent as often as the one before promised; any other byte says as much.
    Heartbeat {
        /// Counts from 0 on each link.
        number: u64,
        /// How often there is one.
        pace: Pace,
        /// The last one of the other side, if it came since our last.
        echo: Option<Echo>,
    },
    /// Asks for a sign of life at once.
    Probe {
        /// The sender cannot dial: the receiver is to try a fresh connection if it can.
        dial: bool,
    },
    /// Something that the sender signed, or passes on.
    Statement(Box<Statement>),
    /// Of an application to the same one on the other node.
    Message(Box<Message>),
    /// What became of a message of the other side.
    Receipt(Receipt),
    /// The acceptor needs a reverse path now. Said to who offers none by itself; see [`Welcome::asks_reverse`].
    Reverse,
    /// The last on this link.
    Goodbye(Goodbye),
    /// Of a type that is not known here.
    Unknown,
}

/// How often heartbeats follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// When the sender's next one follows at the latest.
    pub every_ms: u64,
    /// The sender has no use for being heard more often: each that comes costs it as much as one that it
    /// sends. On the link as `asks_ms`, left out where it is `every_ms`.
    pub asks_ms: u64,
}

/// A heartbeat sent back, so that its sender learns how long the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Its number.
    pub number: u64,
    /// How long it was here.
    pub held_ms: u64,
}

/// What a dialler says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Who it is; the certificate has proved it.
    pub node: NodeId,
    /// The newest version that it speaks.
    pub version_max: u32,
    /// What it calls itself; never used to address it.
    pub name: String,
    /// The port where it listens, if it does.
    pub listening: Option<u16>,
    /// One life of the dialler's end: another number means that everything before is gone.
    pub session: u64,
    /// Grows with each link that is dialled in a session.
    pub dial: u64,
    /// The acceptor's session as far as the dialler knows, and the highest dial it has seen of it. A
    /// link that the other had not seen crosses this one; one that it had seen is replaced by it.
    pub seen: Option<(u64, u64)>,
    /// What it asks for and promises before it knows what the other asks for: see [`Pace`].
    pub heartbeat_ms: u64,
}

/// What an acceptor answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The version that is spoken from here on.
    pub version: u32,
    /// What it calls itself.
    pub name: String,
    /// As in [`Hello`], of the acceptor.
    pub session: u64,
    /// As in [`Hello`].
    pub heartbeat_ms: u64,
    /// It asks for a reverse path when it needs one, so that none has to stand ready: most nodes can be
    /// dialled, and a connection that is never used takes as much as the link itself.
    pub asks_reverse: bool,
}

/// What became of a message: it is kept on disk, or its sender is to give it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which.
    pub id: MessageId,
    /// In words why it is not taken, now or ever.
    pub refused: Option<String>,
}

/// Why a link ends in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// Another link between the two takes its place.
    Superseded,
    /// The node, or its end of the link, stops.
    Stopping,
    /// The other is trusted no more.
    Revoked,
    /// The hello cannot be accepted: another node, or no common version.
    Refused,
    /// A reason that is not known here.
    Other,
}

/// Why bytes are no frame; the connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Longer than any may be.
    #[error("a frame of {0} bytes: at most {LONGEST_FRAME_BYTES} are allowed")]
    TooLong(u32),
    /// Not a JSON object with a type.
    #[error("a frame is a JSON object with its type in `t`")]
    Form,
    /// A frame of a known type lacks something.
    #[error("a frame of type {frame:?} has no proper `{member}`")]
    Member {
        /// Its type.
        frame: &'static str,
        /// What is missing or wrong.
        member: &'static str,
    },
}

impl Frame {
    /// Its bytes, the length before them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        text::encode(self)
    }
}

#[cfg(test)]
mod tests;
