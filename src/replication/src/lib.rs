//! The CouchDB replication protocol without its inputs and outputs.
//!
//! A [`Replication`] is a state machine between two [`End`]s, each a database here or anywhere else:
//! it says what it wants done as [`Effect`]s, and its shell (an actor in the node, the simulator in
//! the tests) carries them out and feeds the [`Answer`]s and the passing of time back. Pull, push and
//! replication between two local databases are one and the same.
//!
//! [`Documents`] is a second machine: what runs because of documents in `_replicator`, and when.
//!
//! Here live: the machines, checkpoints and their comparison, replication ids, the parsing of what
//! `POST /_replicate` and the documents ask for. Not here: sockets, actors, clocks, randomness,
//! files.
//!
//! Source: <https://docs.couchdb.org/en/stable/replication/protocol.html>

mod checkpoint;
mod crashes;
mod date;
mod documents;
mod exchange;
mod failure;
mod identity;
mod instance;
mod job;
mod kept_off;
mod machine;
mod members;
mod pace;
mod schedule;
mod selection;
mod sequence;
mod settings;
mod status;
mod summary;

pub use checkpoint::{CheckpointLog, Session, common_session};
pub use crashes::CrashKind;
pub use date::timestamp;
pub use documents::{
    ChangedReplication, DocumentName, DocumentRows, Documents, DocumentsEffect, DocumentsOptions,
    Outside, PeerUp, REPLICATOR, RunNumber, RunOrder, StateWrite, WriteOutcome, no_peer_named,
};
pub use exchange::{
    Answer, Carriage, ChangedDocument, ChangesPage, Checkpoint, Difference, DocumentsPage, Effect,
    End, EndFailure, EndFailureKind, Information, Refusal, Request, RequestId, Wanted,
};
pub use failure::Failure;
pub use identity::{ReplicationId, ReplicationIdentity};
pub use instance::Instance;
pub use job::{
    BasicCredentials, Cancellation, EndPoint, Job, JobError, JobLink, NodeEnd, PeerEnd, Proxy,
    ProxyProtocol, RemoteAddress, ReplicateRequest, SocketOptions, UserContext, Window,
    WindowState, is_named_by, parse_replicate_request,
};
pub use kept_off::KeptOff;
pub use machine::{Replication, identity_of};
pub use members::is_restricted;
pub use pace::{Pace, Speed};
pub use schedule::{Ending, JobNumber, Schedule, ScheduleEffect, ScheduleLimits, Standing};
pub use selection::{Choice, FilterFunction, Selection};
pub use sequence::sequence_text_of;
pub use settings::{Retries, Settings};
pub use status::{Phase, Status};
pub use summary::{Statistics, Summary};
