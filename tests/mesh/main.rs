//! Nodes that know each other: who they are, whom they let in, how they notice each other's coming and
//! going, what they do about it. Every node is a real process; strangers come with curl and OpenSSL's
//! command line.

mod admission;
mod check;
mod diagnosis;
mod documents_on_demand;
mod events;
mod flooding;
mod hash_table;
mod hooks;
mod hubs;
mod huge_keys;
mod identity;
mod introductions;
mod knocking;
mod links;
mod messages;
mod pairing;
mod peers;
mod pending;
mod replication;
mod replicator_documents;
mod revocation;
mod rotation;
mod rules;
mod strangers;
mod three;
mod typed;
