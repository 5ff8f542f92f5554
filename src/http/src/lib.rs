//! The HTTP surface: CouchDB's paths, parameters, status codes and bodies. It parses, authorises,
//! streams and answers; what it serves stands behind the trait [`Node`]. No actor and no storage here.

mod access;
mod active_tasks;
mod all_documents;
mod answers;
mod attachments;
mod audit;
mod body;
mod bulk;
mod changes;
mod client_address;
mod client_network;
mod cluster_setup;
mod compaction;
mod compression;
mod configuration;
mod connection;
mod content;
mod cors;
mod database_updates;
mod databases;
mod documents;
mod failure;
mod feed;
mod find;
mod first_line;
mod function_request;
mod functions;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod given;
mod hub;
mod indexes;
mod limits;
mod lists;
mod locals;
mod location;
mod made;
mod merged;
mod mesh;
mod messages;
mod multipart;
mod node;
mod node_events;
mod on_demand;
mod openapi;
mod options;
mod origin;
mod partitions;
mod peer_stream;
mod peers;
mod purge;
mod query;
mod replicated;
mod reply;
mod request;
mod request_bytes;
mod request_id;
mod request_metrics;
mod request_rate;
mod rewriting;
mod router;
mod row_sink;
mod rules;
mod scheduler;
mod security;
mod server;
mod service;
mod session;
mod session_cookie;
mod settings;
mod shards;
mod show;
mod shutdown;
mod sign_in;
mod stream;
mod surface;
mod system_databases;
mod tags;
mod this_node;
mod timer;
mod update;
mod uploads;
mod user;
mod validated;
mod views;
mod virtual_hosts;

pub use changes::{ChangesChoice, FeedStart, SelectedChanges, SelectedPage};
pub use client_address::TrustedProxies;
pub use client_network::network;
pub use connection::{Peer, TlsClient, Wire, serve_connection};
pub use cors::{Cors, CorsOptions};
pub use failure::Failure;
pub use limits::Limits;
pub use locals::READERS;
pub use made::made_update;
pub use merged::{MergedLeaf, merged_update};
pub use node::*;
pub use replicated::{
    ReplicatedDocument, ReplicatedError, ReplicatedStream, replicated_document, replicated_stream,
    replicated_update, replicated_update_of_stream,
};
pub use request_bytes::RequestBytes;
pub use request_metrics::RequestMetrics;
pub use request_rate::RequestRate;
pub use rules::{
    AuthenticationRules, ContentSecurity, Maintenance, ProxyHeaders, RewriteRules, Rules,
    SessionRules, ValidUser,
};
pub use security::{Principals, Security};
pub use show::special_members;
pub use shutdown::Shutdown;
pub use user::{ADMIN_ROLE, Credentials, Handler, Identity, Proof, ProxyClaim, User};
pub use validated::update_as;
pub use virtual_hosts::VirtualHosts;
