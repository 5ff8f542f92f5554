//! The registered names of the node's actors, in one place, so that who may be looked up is seen at
//! a glance. A name's path in the tree is the supervisors' business.

/// Holds the settings and writes `etc/local.toml`.
pub const CONFIGURATION: &str = "configuration";
/// Says who a client is.
pub const AUTHENTICATOR: &str = "authenticator";
/// Accepts sessions of the admin console.
pub const CONSOLE_LISTENER: &str = "console-listener";
/// Supervises the console's sessions.
pub const CONSOLE_SESSIONS: &str = "console-sessions";
/// Tells what was counted.
pub const METRICS: &str = "metrics";
/// Owns the storage engine.
pub const ENGINE: &str = "engine";
/// Removes in the background what is no longer wanted.
pub const MAINTENANCE: &str = "maintenance";
/// Keeps the snapshots of backups that broke off.
pub const BACKUP_SNAPSHOTS: &str = "backup-snapshots";
/// Runs the JavaScript of design documents.
pub const JAVASCRIPT: &str = "javascript";
/// Reads design documents.
pub const DESIGNS: &str = "designs";
/// Owns the indexes' database.
pub const INDEX_ENGINE: &str = "index-engine";
/// Knows the indexes and starts their indexers.
pub const INDEX_DIRECTORY: &str = "index-directory";
/// Which indexes of readers are in use.
pub const READER_INDEXES: &str = "reader-indexes";
/// Supervises the indexers.
pub const INDEXERS: &str = "indexers";
/// Holds the pool of outgoing HTTP connections.
pub const OUTGOING_CONNECTIONS: &str = "outgoing-connections";
/// Opens databases by name.
pub const DATABASE_DIRECTORY: &str = "database-directory";
/// Numbers and keeps what happens to databases.
pub const DATABASE_UPDATES: &str = "database-updates";
/// Supervises the open databases.
pub const OPEN_DATABASES: &str = "open-databases";
/// Writes the tombstones of documents whose time is up.
pub const EXPIRY: &str = "expiry";
/// Purges tombstones that were kept long enough.
pub const TOMBSTONES: &str = "tombstones";
/// Merges leaves in conflict where a design document says how.
pub const MERGER: &str = "merger";
/// Makes a database for each user.
pub const USER_DATABASES: &str = "user-databases";
/// Owns the replication jobs.
pub const REPLICATION_SCHEDULER: &str = "replication-scheduler";
/// Supervises the replication jobs.
pub const REPLICATION_JOBS: &str = "replication-jobs";
/// Holds the pool of connections to other nodes.
pub const PEER_CONNECTIONS: &str = "peer-connections";
/// The limits of what replication with each node takes, published by whoever holds that pool.
pub const PEER_BANDWIDTHS: &str = "peer-bandwidths";
/// Makes the node's key and certificate, and publishes them.
pub const NODE_IDENTITY: &str = "node-identity";
/// Hands node events on to whoever the supervisors named.
pub const EVENT_BUS: &str = "event-bus";
/// Notices what happens to this node itself, and has hooks run.
pub const OWN_EVENTS: &str = "own-events";
/// Runs the executables in `etc/hooks`.
pub const HOOK_RUNNER: &str = "hook-runner";
/// Numbers and keeps the node events.
pub const NODE_EVENTS: &str = "node-events";
/// Knows the peers, and whom of them this node trusts.
pub const PEER_DIRECTORY: &str = "peer-directory";
/// Makes peers of strangers: invitations, and who asks to be trusted.
pub const PAIRING: &str = "pairing";
/// Vouches for peers, and hears those who may.
pub const INTRODUCTIONS: &str = "introductions";
/// Keeps messages of applications until their nodes have them, and those that came.
pub const MESSAGES: &str = "messages";
/// Asks other nodes for documents that are missing here.
pub const DOCUMENTS_ON_DEMAND: &str = "documents-on-demand";
/// Asks the system whether this machine's link is metered.
pub const METERED_LINK: &str = "metered-link";
/// Knows which trusted nodes are up.
pub const NODE_MONITOR: &str = "node-monitor";
/// Starts and ends the links to the trusted nodes.
pub const LINK_STARTER: &str = "link-starter";
/// Supervises the links.
pub const PEER_LINKS: &str = "peer-links";
/// Knows where nodes were found.
pub const ADDRESS_BOOK: &str = "address-book";
/// Announces the node on the local network, and notices others there.
pub const LOCAL_DISCOVERY: &str = "local-discovery";
/// Has the router at home map a port to this node.
pub const PORT_MAPPING: &str = "port-mapping";
/// Announces the node in the distributed hash table, and looks for peers there.
pub const HASH_TABLE: &str = "hash-table";
/// Keeps what nodes state of where they are.
pub const HUB: &str = "hub";
/// Tells hubs where this node is, and asks them for its peers.
pub const HUB_CLIENT: &str = "hub-client";
/// Accepts the connections of other nodes.
pub const MESH_LISTENER: &str = "mesh-listener";
/// Supervises the connections of other nodes.
pub const MESH_CONNECTIONS: &str = "mesh-connections";
/// Tells the replicator which nodes are up.
pub const OPPORTUNISTIC_REPLICATOR: &str = "opportunistic-replicator";
/// Follows the documents of `_replicator`.
pub const REPLICATOR_DOCUMENTS: &str = "replicator-documents";
/// Accepts HTTP connections over TLS.
pub const TLS_LISTENER: &str = "tls-listener";
/// Accepts HTTP connections.
pub const HTTP_LISTENER: &str = "http-listener";
/// Answers 503 while the storage is parked.
pub const STAND_IN_LISTENER: &str = "stand-in-listener";
/// Supervises the HTTP connections.
pub const HTTP_CONNECTIONS: &str = "http-connections";

/// The supervisor of one open database.
pub fn database(name: &str) -> String {
    format!("database/{name}")
}

/// A shard of a database.
pub fn shard(name: &str, number: u16) -> String {
    format!("database/{name}/shard/{number}")
}

/// The change feed of a database.
pub fn change_feed(name: &str) -> String {
    format!("database/{name}/changes")
}

/// The indexer of an index, by the index's number.
pub fn indexer(number: u32) -> String {
    format!("indexer/{number}")
}

/// A replication job, by its id.
pub fn replication_job(id: &str) -> String {
    format!("replication/{id}")
}

/// An HTTP connection, by its number.
pub fn http_connection(number: u64) -> String {
    format!("http-connection/{number:016x}")
}

/// The link to a peer, by its node id.
pub fn peer_link(id: impl std::fmt::Display) -> String {
    format!("link/{id}")
}

/// A connection of another node, by its number.
pub fn mesh_connection(number: u64) -> String {
    format!("mesh-connection/{number:016x}")
}

/// A new session of the admin console.
pub fn console_session() -> String {
    format!("console-session/{:016x}", rand::random::<u64>())
}
