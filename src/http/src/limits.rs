//! The numbers that bound one request: those of the configuration with their defaults, and constants
//! that nobody needs to change.

use std::time::Duration;

/// What one request may ask for, from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one document's body, without its attachments.
    pub max_document_size: usize,
    /// Most bytes of one attachment.
    pub max_attachment_size: u64,
    /// Most bytes of one request's body. Only attachments come near.
    pub max_http_request_size: u64,
    /// Most bytes of a JSON body that has to be held in memory while it is parsed.
    pub max_json_size: usize,
    /// Most bytes of a document's id.
    pub max_document_id_length: usize,
    /// Most documents of one `_bulk_docs`.
    pub max_bulk_docs_count: usize,
    /// Most documents of one `_bulk_get`.
    pub max_bulk_get_count: usize,
    /// Most characters of a new database's name.
    pub max_database_name_length: usize,
    /// Most databases that one `POST /_dbs_info` may ask about.
    pub max_db_number_for_dbs_info_req: usize,
    /// Most bytes of a path.
    pub max_uri_length: usize,
    /// Most identifiers that one `_uuids` answers with.
    pub max_identifiers: usize,
    /// Most bytes of all headers of a request.
    pub max_header_bytes: usize,
    /// Most headers of a request.
    pub max_headers: usize,
    /// How long a client may take to send its headers; also how long an idle connection is kept,
    /// since hyper starts that clock when it begins to wait for the next request.
    pub header_timeout: Duration,
    /// How long a client may pause within the body of a request.
    pub body_timeout: Duration,
    /// How long the function of a list stands still for rows or for a client that does not read.
    pub list_patience: Duration,
}

impl Default for Limits {
    /// CouchDB's, where it has them.
    fn default() -> Self {
        Self {
            max_document_size: 8_000_000,
            max_attachment_size: u64::MAX,
            max_http_request_size: 4 * 1024 * 1024 * 1024,
            max_json_size: 64 * 1024 * 1024,
            max_document_id_length: usize::MAX,
            max_bulk_docs_count: 10_000,
            max_bulk_get_count: 10_000,
            max_database_name_length: 238,
            max_db_number_for_dbs_info_req: 100,
            max_uri_length: 32 * 1024,
            max_identifiers: 1_000,
            max_header_bytes: 64 * 1024,
            max_headers: 100,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            list_patience: Duration::from_secs(30),
        }
    }
}

/// Most bytes of a small JSON body: `_security`, `_replicate`, the set-up form.
pub(crate) const SMALL_JSON_BYTES: usize = 1024 * 1024;

/// How often an HTTP/2 peer that says nothing is asked whether it is still there, and how long it may
/// take to answer.
pub(crate) const H2_PING_INTERVAL: Duration = Duration::from_secs(30);

/// Streams that one HTTP/2 connection may have open at a time.
pub(crate) const H2_STREAMS: u32 = 128;

/// Bytes that one HTTP/2 stream may have under way; 64 KiB is the protocol's default and slow for
/// attachments.
pub(crate) const H2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// Bytes that one HTTP/2 connection may have under way.
pub(crate) const H2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Bytes in which a streamed answer is handed on: enough for few system calls, small against memory.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Chunks of a streamed answer that may wait for a slow client.
pub(crate) const CHUNKS_WAITING: usize = 2;

/// Most bytes of an unread request body that are read and thrown away, so that the client hears the
/// answer instead of a broken connection.
pub(crate) const DRAINED_BYTES: usize = 1024 * 1024;

/// How long that may take.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
