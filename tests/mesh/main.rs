//! Nodes that know each other: who they are, whom they let in, how they notice each other's coming and
//! going, what they do about it. Every node is a real process; strangers come with curl and OpenSSL's
//! command line.

mod admission;
mod events;
mod hooks;
mod identity;
mod links;
mod peers;
mod replication;
mod replicator_documents;
mod revocation;
mod strangers;
mod three;
