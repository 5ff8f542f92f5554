//! What nodes are to each other: their ids, whom a node trusts, the link between two of them and the
//! detector of failures, as pure values and state machines. Time and randomness are passed in; no
//! sockets, no keys, no actors.
//!
//! A [`PeerMachine`] is everything that goes on with one peer: it says what it wants done as
//! [`Effect`]s, and its shell (an actor in the node, the simulator in the tests) carries them out and
//! tells it what happened.

mod address_book;
mod allowance;
mod command;
mod date;
mod detector;
mod diagnosis;
mod event;
mod frame;
mod handshakes;
mod hub_address;
mod hub_registry;
mod imitation;
mod introductions;
mod invitation;
mod invitations;
mod node_id;
mod origin;
mod outbox;
mod pairing_tries;
mod peer;
mod peer_machine;
mod peers;
mod pending;
mod random;
mod rejections;
mod rotation_questions;
mod selector;
mod statement;
mod wanted_documents;

pub use address_book::{AddressBook, AddressSource, BookedAddress};
pub use allowance::Allowance;
pub use command::{
    Approval, ChangedIntroducer, MeshCommand, NewIntroduction, NewInvitation, NewPairing, PeerRule,
};
pub use date::{parse_rfc3339, rfc3339};
pub use detector::{DetectorOptions, FailureDetector};
pub use diagnosis::{
    AskedHub, Diagnosis, ForeignVersion, HubAnswer, LinkFindings, SourceState, TriedAddress,
    TriedOutcome,
};
pub use event::{BadEvent, DownReason, NodeEvent, NodeEventKind};
pub use frame::{
    BadFrame, Echo, Frame, FrameReader, Goodbye, Hello, LONGEST_FRAME_BYTES, NEWEST_VERSION, Pace,
    Receipt, Welcome,
};
pub use handshakes::{
    Admission, FriendlyAddresses, HandshakeLimiter, HandshakeLimits, HandshakePlace, HandshakeRoom,
};
pub use hub_address::{BadHubAddress, HubAddress};
pub use hub_registry::{HubRefusal, HubRegistry};
pub use introductions::{
    Introduced, IntroductionOutcome, IntroductionRefusal, addresses_to_tell, introduction_outcome,
    next_word_over, trusted_on_lost_words,
};
pub use invitation::{BadInvitation, Invitation};
pub use invitations::{
    BadStoredInvitations, InvitationTerms, Invitations, NoInvitation, OpenInvitation, Redeemed,
    TooManyInvitations,
};
pub use node_id::{BadNodeId, NodeId};
pub use outbox::{
    Inbox, InboxRefusal, LONGEST_MESSAGE_BYTES, MESSAGE_LIFETIME_MS, Message, MessageId, Outbox,
    OutboxRefusal, Taken,
};
pub use pairing_tries::{PairingTries, TooManyTries};
pub use peer::{
    BadPeer, IntroductionPolicy, LONGEST_NAME, PastRotation, PeerRecord, Trust, check_name,
    is_group, rotations_to_json, shown_text,
};
pub use peer_machine::{
    CarrierId, CarrierStage, CarrierState, Effect, PeerMachine, PeerMachineOptions, PeerState,
    Standing, heartbeat_ms,
};
pub use peers::Peers;
pub use pending::{
    Asked, Meant, PendingKind, PendingList, PendingPeer, PendingRefusal, SHORTEST_BEGINNING,
    Unclear,
};
pub use rejections::Rejections;
pub use rotation_questions::{MetNode, RotationQuestions};
pub use selector::{BadSelector, Selector};
pub use statement::{
    BadStatement, Claims, Judgement, LONGEST_PAYLOAD_BYTES, Statement, StatementContent,
    StatementContext, StatementKind, StatementRefusal, judge, next_serial, signed_bytes,
};
pub use wanted_documents::{Asker, WantedAnswer, WantedDocument, WantedDocuments};
