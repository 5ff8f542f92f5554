//! The one table of keys, and the snapshot type that is made from it: a line here is all that a new
//! key needs. `etc/refuge.toml` is checked against it.

mod lookups;
mod sections;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use self::sections::sections;
use crate::error::Place;
use crate::key::Key;
use crate::over_http::Danger::{LaidOut, Listener, Path};
use crate::over_http::OverHttp::{Forbidden, Settable};
use crate::value::{Bound, Expected, LogLevel, Secret, Setting};

/// The section of virtual hosts, whose names are whatever hosts are called.
pub(crate) const VIRTUAL_HOSTS: &str = "vhosts";

/// The section of the keys of JSON web tokens, whose names are kinds and ids of keys.
pub(crate) const TOKEN_KEYS: &str = "jwt_keys";

/// The ways in which clients say who they are, by our names and by CouchDB's.
const HANDLERS: &[&str] = &[
    "cookie",
    "default",
    "jwt",
    "proxy",
    "cookie_authentication_handler",
    "default_authentication_handler",
    "jwt_authentication_handler",
    "proxy_authentication_handler",
];

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// Between `least` and `most`.
const fn number(least: u64, most: u64) -> Expected {
    Expected::Number { least, most }
}

/// At most so many characters.
const fn text(most: usize) -> Expected {
    Expected::Text { most }
}

// A line: name, type, default, what it takes, whether it may be set over HTTP, what it is for and why.
sections! {
    /// The HTTP listener, and what it asks of clients.
    http: Http {
        bind: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST), Expected::Address, Forbidden(Listener),
            "Address to listen on; loopback, so that nothing is open to a network unless somebody says so.";
        port: u16 = 5984, number(0, 65_535), Forbidden(Listener),
            "Port to listen on; CouchDB's, so that clients find it. 0 picks a free one.";
        max_connections: usize = 2_048, number(1, 1_000_000), Forbidden(Listener),
            "Connections open at once, further ones wait; bounds memory and file handles. The listener for TLS has as many of its own.";
        require_valid_user: bool = false, Expected::Flag, Settable,
            "Answer nobody without credentials, not even at / and /_up; the login itself stays open.";
        require_valid_user_except_for_up: bool = false, Expected::Flag, Settable,
            "The same, but /_up answers everybody: health checks have no credentials.";
        admin_only_all_dbs: bool = true, Expected::Flag, Settable,
            "Whether the names of databases, at _all_dbs and _dbs_info, are told to server admins alone; without, to everybody.";
        www_authenticate: String = String::new(), text(256), Settable,
            "The WWW-Authenticate header of answers 401, such as Basic realm=\"couchdb\"; empty sends none, since browsers open a dialog at it.";
        maintenance_mode: String = "false".to_owned(), Expected::OneOf(&["false", "true", "nolb"]), Settable,
            "With true or nolb /_up answers 404, so that load balancers send nobody here.";
        header_seconds: u64 = 30, number(1, 3_600), Settable,
            "How long a client may take to send its headers, and how long an idle connection is kept; new connections take a change.";
        body_seconds: u64 = 60, number(1, 3_600), Settable,
            "How long a client may pause within the body of a request; it is slow networks that need long ones.";
        max_headers: usize = 100, number(10, 10_000), Settable,
            "Headers of a request; new connections take a change.";
        requests_per_second: u32 = 0, number(0, 1_000_000), Settable,
            "Requests of one address each second, and so many at once; more is answered 429. 0 is no limit. Trusted nodes have none.";
        max_header_bytes: usize = 64 * 1024, number(8_192, 1 << 20), Settable,
            "Bytes of all headers of a request; new connections take a change.";
        list_seconds: u64 = 30, number(1, 3_600), Settable,
            "How long the function of a list stands still while its client does not read, before the answer breaks off; few lists run at once.";
        secure_rewrites: bool = true, Expected::Flag, Settable,
            "Whether a request that a design document rewrites stays in its database.";
        rewrite_limit: u32 = 100, number(1, 10_000), Settable,
            "How often one request may be rewritten; more is answered 400.";
        vhost_global_handlers: String = "_utils, _uuids, _session, _users".to_owned(), text(8_192), Settable,
            "What is reached on virtual hosts as on any other, separated by commas: first parts of paths, or / for the root itself.";
        x_forwarded_host: String = "X-Forwarded-Host".to_owned(), text(256), Settable,
            "The header in which a proxy tells for which host a request was meant; empty for none. It chooses a virtual host and nothing else.";
        client_address_header: String = String::new(), text(256), Settable,
            "The header in which a reverse proxy tells the address of its client, such as X-Forwarded-For; empty believes nobody, and all clients behind a proxy are one address to requests_per_second and to the lockout.";
        trusted_proxies: String = "127.0.0.1, ::1".to_owned(), text(4_096), Settable,
            "Addresses of proxies that are believed in that header, separated by commas; of anybody else it is passed over.";
    }
    /// Pages of other origins in browsers (CORS).
    cors: Cors {
        enabled: bool = false, Expected::Flag, Settable,
            "Tell browsers which pages may ask this node; off, since no page may unless somebody says so.";
        origins: String = String::new(), text(8_192), Settable,
            "Origins whose pages may ask, separated by commas, such as https://example.org; * is every one.";
        credentials: bool = false, Expected::Flag, Settable,
            "Whether pages may send credentials.";
        headers: String = String::new(), text(8_192), Settable,
            "Headers that pages may send, separated by commas; empty for those that CouchDB's clients send.";
        methods: String = String::new(), text(1_024), Settable,
            "Methods that pages may use, separated by commas; empty for all that CouchDB knows.";
        exposed_headers: String = String::new(), text(8_192), Settable,
            "Headers of answers that pages may read, separated by commas; empty for those that CouchDB's clients read.";
        max_age: u64 = 600, number(0, 31_536_000), Settable,
            "Seconds for which a browser may remember what it was told.";
    }
    /// What one request may ask for; CouchDB's names and defaults.
    limits: Limits {
        max_document_size: u64 = 8_000_000, number(1, 4 * GIB), Settable,
            "Bytes of a document without its attachments; more is answered 413.";
        max_attachment_size: Bound = Bound::INFINITE, Expected::Bound { least: 1 }, Settable,
            "Bytes of an attachment, or \"infinity\"; more is answered 413.";
        max_http_request_size: u64 = 4 * GIB, number(1, 1 << 50), Settable,
            "Bytes of a request's body; more is answered 413.";
        max_json_size: u64 = 64 * MIB, number(1, 4 * GIB), Settable,
            "Bytes of a JSON body, which is held in memory while it is parsed; a document larger than this needs it raised, too.";
        max_document_id_length: Bound = Bound::INFINITE, Expected::Bound { least: 1 }, Settable,
            "Bytes of a document's id, or \"infinity\", which is 7168 here.";
        max_bulk_docs_count: usize = 10_000, number(1, 10_000_000), Settable,
            "Documents of one _bulk_docs; more is answered 413.";
        max_bulk_get_count: usize = 10_000, number(1, 10_000_000), Settable,
            "Documents of one _bulk_get; more is answered 413.";
        max_database_name_length: usize = 238, number(1, 238), Settable,
            "Characters of a new database's name.";
        max_db_number_for_dbs_info_req: usize = 100, number(1, 1_000_000), Settable,
            "Databases that one POST of _dbs_info may ask about, and a GET of whoever is no server admin.";
        max_uri_length: usize = 32 * 1024, number(1_024, 1 << 20), Settable,
            "Bytes of a path: an id of 7168 bytes may be percent-encoded threefold.";
    }
    /// Identifiers that the node makes: at _uuids, and for documents that come without one.
    uuids: Uuids {
        algorithm: String = "sequential".to_owned(), Expected::OneOf(&["sequential", "random", "utc_random", "utc_id"]), Settable,
            "How they are made; sequential ones lie side by side on disk, which is fastest.";
        utc_id_suffix: String = String::new(), text(128), Settable,
            "What stands behind the time in identifiers made by utc_id; another one for each node.";
        max_count: usize = 1_000, number(1, 100_000), Settable,
            "Identifiers that one _uuids answers with.";
    }
    /// Feeds of changes.
    feeds: Feeds {
        changes_timeout_ms: u64 = 60_000, number(1, 86_400_000), Settable,
            "Milliseconds for which a feed waits for a change where its client asks for no other time, and the longest that it may ask for.";
    }
    /// The storage engine.
    storage: Storage {
        cache_bytes: u64 = 8 * MIB, number(MIB, 1 << 40), Forbidden(LaidOut),
            "Memory for blocks read from disk; small, since the system's page cache stands behind it.";
        memtable_bytes: u64 = 8 * MIB, number(MIB, 4 * GIB), Forbidden(LaidOut),
            "Written rows held in memory per table before they go to disk sorted; larger loads faster, smaller starts faster after a crash.";
        journal_bytes: u64 = 64 * MIB, number(64 * MIB, 1 << 40), Forbidden(LaidOut),
            "Size at which the journal makes tables go to disk; 64 MiB is the least the engine takes.";
        upkeep_grace_seconds: u64 = 10, number(0, 31_536_000), Settable,
            "How long the body of a replaced revision stays readable: a replicator that just saw it can still fetch it.";
        upkeep_rows_per_second: u64 = 25_000, number(50, 10_000_000), Settable,
            "Rows that leave in the background each second, between the commits.";
        free_bytes_least: u64 = 0, number(0, 1 << 50), Settable,
            "Writes are refused (507) while the disk has less than this left, so that nothing meets a full one. 0 stands for the larger of 256 MiB and twice the journal.";
        upkeep_bytes_per_second: u64 = 32 * MIB, number(MIB, 1 << 40), Settable,
            "Bytes that compactions which give disk back read each second, so that commits keep most of the disk.";
    }
    /// Open databases.
    databases: Databases {
        shards: u16 = 2, number(1, 64), Settable,
            "Shards of a new database (CouchDB's q): as many of its writes can be prepared side by side.";
        idle_seconds: u64 = 60, number(1, 31_536_000), Settable,
            "A database that nobody uses for so long is closed, which frees its actors.";
        default_security: String = "admin_only".to_owned(), Expected::OneOf(&["admin_only", "everyone", "admin_local"]), Settable,
            "Who may use a new database until somebody sets its _security; it is stored with the database, so that a change opens none that is there.";
        tombstone_days: u64 = 0, number(0, 36_500), Settable,
            "Days after which a deleted document's tombstone is purged, where the database does not say; 0 is never, since a replica that was away for longer brings the document back.";
    }
    /// Indexes of design documents.
    views: Views {
        reduce_limit: String = "true".to_owned(), Expected::OneOf(&["true", "false", "log"]), Settable,
            "Whether a reduction that grows with what it reduces is an error, so that nobody fills the disk with lists; log keeps it and tells of functions in JavaScript. What was reduced before stays as it is.";
    }
    /// Attachments, and uploads that come in parts.
    attachments: Attachments {
        compressible_types: String = "text/*, application/javascript, application/json, application/xml".to_owned(), text(8_192), Settable,
            "Media types of attachments that are stored gzipped, separated by commas; CouchDB's. New attachments take a change, and other bytes make another revision than on a node that packs otherwise.";
        compression_level: u32 = 8, number(0, 9), Settable,
            "How hard they are gzipped, 0 for not at all; CouchDB's. New attachments take a change, and the same edit makes another revision at another level.";
        upload_seconds: u64 = 86_400, number(1, 31_536_000), Settable,
            "An upload to _uploads that is not finished is given up so long after its last part.";
        max_uploads_per_user: usize = 100, number(1, 100_000), Settable,
            "Unfinished uploads of one user to one database.";
        max_uploads: usize = 1_000, number(1, 100_000), Settable,
            "Unfinished uploads to one database.";
        max_upload_bytes_per_user: u64 = 16 * GIB, number(1, 1 << 50), Settable,
            "Bytes of all unfinished uploads of one user to one database: those that they will have, where that is known.";
        max_upload_bytes: u64 = 64 * GIB, number(1, 1 << 50), Settable,
            "Bytes of all unfinished uploads to one database.";
    }
    /// Replications, as far as they do not say otherwise themselves; starting ones take a change.
    replicator: Replicator {
        max_jobs: usize = 500, number(1, 100_000), Settable,
            "Replications that run at once; others wait, and continuous ones take turns.";
        interval_ms: u64 = 60_000, number(100, 86_400_000), Settable,
            "Milliseconds between two rounds in which continuous replications are stopped in favour of those that wait.";
        max_churn: usize = 20, number(1, 100_000), Settable,
            "Replications that are stopped in such a round at most, those that ran longest first.";
        max_history: usize = 20, number(1, 1_000), Settable,
            "Steps of a replication's life that _scheduler/jobs tells of.";
        worker_batch_size: usize = 500, number(1, 100_000), Settable,
            "Changes of a source that are compared and fetched together.";
        worker_processes: usize = 3, number(1, 64), Settable,
            "Such batches of one replication that are under way at once: one is stored while the next is read.";
        http_connections: usize = 20, number(1, 1_000), Settable,
            "Requests of one replication to one end that are under way at once, those that wait for changes aside; as many documents with large attachments beside them.";
        connection_timeout_ms: u64 = 0, number(0, 86_400_000), Settable,
            "Milliseconds for which an end may be silent before a request counts as failed; 0 is two minutes before an answer begins, and one within it.";
        socket_options: String = String::new(), text(1_024), Settable,
            "What is asked of sockets to other servers, as CouchDB writes it: [{keepalive, true}, {nodelay, true}, {sndbuf, 65536}, {recbuf, 65536}]; empty for keepalive and nodelay.";
        checkpoint_interval_ms: u64 = 5_000, number(100, 86_400_000), Settable,
            "Milliseconds between progress and its checkpoint at most; what a crash makes a replication compare again.";
        use_checkpoints: bool = true, Expected::Flag, Settable,
            "Whether replications keep checkpoints; without, each begins by comparing all.";
        use_bulk_get: bool = true, Expected::Flag, Settable,
            "Whether replications ask remote sources for many documents at a time; without, for one after another.";
        retries_per_request: u32 = 5, number(0, 1_000), Settable,
            "Repetitions of a failed request before its replication fails; one that goes on then rests, and is tried again.";
        compression: bool = true, Expected::Flag, Settable,
            "Whether bodies are packed on links that are seen to be slower than packing is.";
        verify_ssl_certificates: bool = true, Expected::Flag, Forbidden(LaidOut),
            "Whether servers at https URLs must show a certificate that is trusted; without, whoever stands between reads and changes all.";
        ssl_certificate_max_depth: u32 = 3, number(0, 100), Forbidden(LaidOut),
            "Certificates between a server's own and an authority's, at most; CouchDB's.";
        ssl_trusted_certificates_file: String = String::new(), text(4_096), Forbidden(Path),
            "A PEM file, from the node's root, with authorities that are trusted beside the system's.";
        cert_file: String = String::new(), text(4_096), Forbidden(Path),
            "A PEM file with the certificate that servers are shown which ask for one.";
        key_file: String = String::new(), text(4_096), Forbidden(Path),
            "A PEM file with the private key of that certificate, without a password.";
    }
    /// Purges over HTTP.
    purge: Purge {
        max_document_id_number: usize = 100, number(1, 1_000_000), Settable,
            "Documents that one request to _purge may name; CouchDB's.";
        max_revisions_number: usize = 1_000, number(1, 1_000_000), Settable,
            "Revisions that one request to _purge may name; CouchDB's.";
    }
    /// The mesh of nodes.
    mesh: Mesh {
        enabled: bool = false, Expected::Flag, Forbidden(Listener),
            "Listen for other nodes even before the first one is known; from the first peer on the node listens anyway.";
        bind: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED), Expected::Address, Forbidden(Listener),
            "Address to listen on for other nodes; all of IPv6 and IPv4, since who is let in is decided by certificates. It is bound once, when the node begins to listen: another address or port counts after refuge stop and refuge start.";
        port: u16 = 6984, number(0, 65_535), Forbidden(Listener),
            "Port to listen on for other nodes. 0 picks a free one.";
        max_connections: usize = 512, number(1, 1_000_000), Forbidden(Listener),
            "Connections of other nodes open at once, further ones wait, half of them at most of nodes that are not trusted; bounds memory and file handles.";
        name: String = String::new(), Expected::Name, Settable,
            "What this node calls itself towards others; empty for the host's name.";
        local_discovery: bool = true, Expected::Flag, Forbidden(Listener),
            "Once the node listens for others on all addresses, announce it on the local network (DNS-SD over multicast DNS) and notice its peers there.";
        system_dns_sd: bool = true, Expected::Flag, Forbidden(Listener),
            "Let the system's own service (Avahi) speak for the node there, where one runs; else the node speaks multicast DNS itself.";
        upnp: bool = false, Expected::Flag, Forbidden(Listener),
            "Once the node listens for others on all addresses, have the router at home map a port to it (UPnP), so that it is reached from outside; off, since that opens a way through the router.";
        upnp_lease_seconds: u64 = 3_600, number(10, 604_800), Forbidden(Listener),
            "How long the router maps the port; the node asks anew when half of it is over, and what it leaves behind after a crash ends with it.";
        dht: bool = false, Expected::Flag, Forbidden(Listener),
            "Write into BitTorrent's distributed hash table where this node listens, and look there for peers that are not up; off, since everybody can read there at which address a node with this id is.";
        dht_port: u16 = 0, number(0, 65_535), Forbidden(Listener),
            "Port of UDP to speak to the table from. 0 picks a free one.";
        dht_first: String = String::new(), text(4_096), Forbidden(Listener),
            "Nodes of the table that are asked first, host:port, separated by commas; empty for the routers of the public one. Whoever names some has a table of their own.";
    }
    /// Hubs: nodes that tell each other's peers where they are.
    hub: Hub {
        enabled: bool = false, Expected::Flag, Forbidden(Listener),
            "Be a hub: keep what nodes state of where they are, signed by them, and tell it to those that ask.";
        public: bool = false, Expected::Flag, Forbidden(Listener),
            "Be one for all nodes; without, for trusted ones alone.";
        max_nodes: usize = 10_000, number(1, 1_000_000), Forbidden(Listener),
            "Nodes that the hub knows at most; what is past its expiry leaves first.";
        hubs: String = String::new(), text(4_096), Forbidden(Listener),
            "Hubs that this node tells where it is and asks for its peers, separated by commas: the local name or the id of a trusted node, or refuge:ID@host:port. Spaces part them as well.";
        listed: bool = false, Expected::Flag, Forbidden(Listener),
            "Whether the hubs show this node in their list; without, those alone find it that know its id.";
    }
    /// The listener for TLS, with a certificate of the operator's.
    ssl: Ssl {
        enabled: bool = false, Expected::Flag, Forbidden(Listener),
            "Listen for clients over TLS, beside the plain listener; other nodes have their own port and certificates. Handshakes are bounded by http.max_connections and http.header_seconds alone.";
        bind: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST), Expected::Address, Forbidden(Listener),
            "Address to listen on; loopback, so that nothing is open to a network unless somebody says so.";
        port: u16 = 0, number(0, 65_535), Forbidden(Listener),
            "Port to listen on; it has to be given, since CouchDB's 6984 belongs to the mesh here. 0 picks a free one.";
        cert_file: String = String::new(), text(4_096), Forbidden(Path),
            "A PEM file, from the node's root, with the certificate and behind it those up to its authority; read anew when it changes.";
        key_file: String = String::new(), text(4_096), Forbidden(Path),
            "A PEM file with the certificate's private key.";
        password: Secret = Secret::default(), Expected::Secret { most: 1_024 }, Forbidden(Path),
            "The password of that key, where it has one. It is shown nowhere.";
        cacert_file: String = String::new(), text(4_096), Forbidden(Path),
            "A PEM file with the authorities whose certificates clients may show. There is no list of revoked ones: delete the user whom one names.";
        verify_ssl_certificates: bool = false, Expected::Flag, Forbidden(Listener),
            "Whether clients are asked for a certificate of these authorities.";
        fail_if_no_peer_cert: bool = false, Expected::Flag, Forbidden(Listener),
            "Whether a client without one is turned away.";
        ssl_certificate_max_depth: u32 = 1, number(0, 100), Forbidden(Listener),
            "Certificates between a client's own and an authority's, at most; CouchDB's.";
        client_name: String = String::new(), Expected::OneOf(&["", "common_name", "email", "dns"]), Forbidden(Listener),
            "What of a client's certificate names the user in _users who asks where nothing else says it; empty for nothing. Admins and nodes are never named so.";
        tls_versions: String = "tlsv1.2, tlsv1.3".to_owned(), text(256), Forbidden(Listener),
            "The versions that are spoken, separated by commas; older ones are broken.";
        ciphers: String = String::new(), text(4_096), Forbidden(Listener),
            "OpenSSL's names of the ciphers of TLS 1.2, separated by colons or commas; empty for those with forward secrecy and authenticated encryption.";
        reload_seconds: u64 = 60, number(1, 86_400), Forbidden(Listener),
            "How often the files are looked at, so that a renewed certificate is shown without a restart; a reload of the configuration looks at once.";
    }
    /// Who is let in.
    authentication: Authentication {
        handlers: String = "cookie, default".to_owned(), Expected::Naming { words: HANDLERS, most: 1_024 }, Settable,
            "The ways in which clients may say who they are, in the order in which they are tried: cookie, default (Basic), jwt, proxy. CouchDB's names for them are taken as well.";
        iterations: u32 = 100_000, number(1_000, 10_000_000), Settable,
            "Rounds of PBKDF2 for its new hashes: about 60 ms of one core, what a guess costs a thief. Lower it in tests only.";
        password_scheme: String = "argon2id".to_owned(), Expected::OneOf(&["argon2id", "pbkdf2", "simple"]), Settable,
            "How new passwords are hashed: argon2id, which costs a thief memory and only refuge knows; pbkdf2, for whoever replicates _users to a CouchDB; simple, for old programs alone and never for admins.";
        pbkdf2_prf: String = "sha256".to_owned(), Expected::OneOf(&["sha", "sha224", "sha256", "sha384", "sha512"]), Settable,
            "The hash function under PBKDF2 for its new hashes.";
        argon2_memory_kib: u32 = 19_456, number(8, 262_144), Settable,
            "KiB of memory of Argon2id for new hashes; as many logins as there are cores take it at once, together 256 MiB or what the usual hash takes on each core.";
        argon2_rounds: u32 = 2, number(1, 64), Settable,
            "Rounds of Argon2id for new hashes.";
        upgrade_hash_on_auth: bool = true, Expected::Flag, Settable,
            "Hash a user's password anew at a login where its hash was made in another way than new ones are.";
        min_iterations: u32 = 1, number(1, 10_000_000), Settable,
            "Users whose hash has fewer rounds are refused.";
        max_iterations: u32 = 10_000_000, number(1, 10_000_000), Settable,
            "Users whose hash has more rounds are refused: each login would hold a thread for long.";
        require_valid_user: bool = false, Expected::Flag, Settable,
            "As http.require_valid_user: CouchDB has it twice, and either is enough.";
        secret: Secret = Secret::default(), Expected::Secret { most: 1_024 }, Settable,
            "What session cookies and the tokens of proxies are signed with; made at random at the first login where it is empty. It is shown nowhere.";
        hash_algorithms: String = "sha256, sha".to_owned(), text(256), Settable,
            "Hash functions of session cookies: new ones are signed with the first, and all are taken.";
        session_seconds: u64 = 600, number(1, 31_536_000), Settable,
            "How long a session lasts after its last renewal, which comes with use.";
        allow_persistent_cookies: bool = true, Expected::Flag, Settable,
            "Whether browsers keep the cookie when they are closed.";
        cookie_domain: String = String::new(), text(256), Settable,
            "The domain that the cookie is for; empty for the host that set it.";
        same_site: String = String::new(), Expected::OneOf(&["", "none", "lax", "strict"]), Settable,
            "What the cookie says of requests from other sites: none, lax or strict; empty says nothing, which browsers take for lax.";
        authentication_redirect: String = String::new(), text(1_024), Settable,
            "Where a browser that takes HTML alone is sent instead of an answer 401; empty sends nobody anywhere.";
        proxy_use_secret: bool = true, Expected::Flag, Settable,
            "Whether a proxy has to sign whom it names. Without, anybody who reaches this node may be any user where the handler proxy is on.";
        x_auth_username: String = "X-Auth-CouchDB-UserName".to_owned(), text(128), Settable,
            "The header in which a proxy names the user.";
        x_auth_roles: String = "X-Auth-CouchDB-Roles".to_owned(), text(128), Settable,
            "The header in which a proxy lists the user's roles, separated by commas.";
        x_auth_token: String = "X-Auth-CouchDB-Token".to_owned(), text(128), Settable,
            "The header with which a proxy proves that it knows the secret: the HMAC of the user's name under it, in hexadecimal digits.";
        users_db_security_editable: bool = false, Expected::Flag, Settable,
            "Whether the _security of _users may be changed.";
        users_db_public: bool = false, Expected::Flag, Settable,
            "Whether whoever may read _users may also list its documents, as far as public_fields shows them.";
        public_fields: String = String::new(), text(4_096), Settable,
            "Members of a user's document that other users see, separated by commas; without any they see no document.";
    }
    /// JSON web tokens, where the handler jwt is on; their keys stand in [jwt_keys].
    tokens: Tokens {
        required_claims: String = "exp".to_owned(), text(4_096), Settable,
            "Claims that a token must have, separated by commas, such as exp, nbf, {iss, \"ISSUER\"}; those of exp and nbf that it has are checked in any case.";
        roles_claim_name: String = "_couchdb.roles".to_owned(), text(256), Settable,
            "The claim that lists the user's roles.";
        roles_claim: String = String::new(), text(1_024), Settable,
            "Where the roles stand within other claims, such as realm_access.roles; a dot that belongs to a name is written with a backslash in front. It beats roles_claim_name.";
    }
    /// Who guesses passwords.
    lockout: Lockout {
        mode: String = "enforce".to_owned(), Expected::OneOf(&["off", "warn", "enforce"]), Settable,
            "What happens to an address that gives too many wrong passwords: nothing, a line in the log, or that it has to wait.";
        threshold: usize = 5, number(1, 1_000_000), Settable,
            "Wrong passwords of one user from one address, after which that user is refused there (403).";
        address_threshold: usize = 10, number(1, 1_000_000), Settable,
            "Wrong passwords from one address, whoever was named, after which no password is looked at there (429); it may try again at this pace a minute.";
        max_objects: usize = 10_000, number(100, 1_000_000), Settable,
            "Addresses and users that are remembered for it; the oldest are forgotten first.";
        max_lifetime_ms: u64 = 300_000, number(1_000, 86_400_000), Settable,
            "Milliseconds for which a user is refused after the last wrong password.";
    }
    /// A database for each user.
    user_databases: UserDatabases {
        enabled: bool = false, Expected::Flag, Settable,
            "Make a database for each user in _users, which only that user and admins may use.";
        delete: bool = false, Expected::Flag, Settable,
            "Remove it, and all that is in it, with the user; else the user is taken out of its _security.";
        prefix: String = "userdb-".to_owned(), text(64), Settable,
            "What its name begins with; the user's name in hexadecimal digits follows. Databases of another prefix are left alone.";
        shards: u16 = 0, number(0, 64), Settable,
            "Shards of such a database; 0 for as many as any new database has.";
    }
    /// What browsers may do with what is stored here, as Content-Security-Policy headers.
    content_security: ContentSecurity {
        attachments: bool = true, Expected::Flag, Settable,
            "Whether attachments have such a header: pages that somebody stored could else act as whoever reads them.";
        attachments_policy: String = "sandbox".to_owned(), text(1_024), Settable,
            "What it says for attachments.";
        functions: bool = true, Expected::Flag, Settable,
            "Whether pages that functions of design documents make have such a header.";
        functions_policy: String = "sandbox".to_owned(), text(1_024), Settable,
            "What it says for those pages.";
    }
    /// Logging, to standard error.
    log: Log {
        level: LogLevel = LogLevel::Info, Expected::Level, Settable,
            "How much is told on standard error; the environment's RUST_LOG, when set, decides instead. Releases leave out what trace would add to debug.";
        modules: String = String::new(), text(1_024), Settable,
            "What other modules tell, separated by commas, such as refuge_http=debug; the longest name that fits a module counts.";
        format: String = "text".to_owned(), Expected::OneOf(&["text", "json"]), Forbidden(LaidOut),
            "Lines for people, or one JSON object a line for programs that gather logs.";
        directory: String = String::new(), text(1_024), Forbidden(Path),
            "Where log files are written, one a day, instead of to standard error: a path under the root; empty for none.";
        keep_days: usize = 14, number(1, 3_650), Forbidden(LaidOut),
            "Log files that are kept; the oldest leaves when a day begins.";
    }
    /// What is counted.
    metrics: Metrics {
        enabled: bool = true, Expected::Flag, Forbidden(LaidOut),
            "Whether requests, actors and the engine are counted; without it _stats and _prometheus tell what is looked at when they are asked, such as memory and open databases, and no more.";
    }
}
