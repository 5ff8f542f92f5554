//! What nodes are to each other: their ids, whom a node trusts, the link between two of them and the
//! detector of failures, as pure values and state machines. Time and randomness are passed in; no
//! sockets, no keys, no actors.
//!
//! A [`PeerMachine`] is everything that goes on with one peer: it says what it wants done as
//! [`Effect`]s, and its shell (an actor in the node, the simulator in the tests) carries them out and
//! tells it what happened.

mod date;
mod detector;
mod event;
mod frame;
mod handshakes;
mod node_id;
mod peer;
mod peer_machine;
mod peers;
mod random;
mod selector;

pub use date::{parse_rfc3339, rfc3339};
pub use detector::{DetectorOptions, FailureDetector};
pub use event::{BadEvent, DownReason, NodeEvent, NodeEventKind};
pub use frame::{
    BadFrame, Echo, Frame, FrameReader, Goodbye, Hello, LONGEST_FRAME_BYTES, NEWEST_VERSION,
    Welcome,
};
pub use handshakes::{Admission, HandshakeLimiter, HandshakeLimits};
pub use node_id::{BadNodeId, NodeId};
pub use peer::{BadPeer, LONGEST_NAME, PeerRecord, Trust};
pub use peer_machine::{
    CarrierId, CarrierStage, CarrierState, Effect, PeerMachine, PeerMachineOptions, PeerState,
    Standing, heartbeat_ms,
};
pub use peers::Peers;
pub use selector::{BadSelector, Selector};
