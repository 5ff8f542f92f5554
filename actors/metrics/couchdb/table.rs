//! The numbers of CouchDB that have a counterpart here. Those for which refuge has no source are absent rather
//! than nought; nought is what cannot happen here, as no node is a member of a cluster.

use super::{COUCHDB, Counted};

const METHODS: &[&str] = &["COPY", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
const CODES: &[&str] = &[
    "200", "201", "202", "204", "206", "301", "304", "400", "401", "403", "404", "405", "406",
    "409", "412", "413", "414", "415", "416", "417", "500", "501", "503",
];
const LEVELS: &[&str] = &["debug", "error", "info", "warning"];

/// A number without labels.
const fn plain(
    group: &'static str,
    path: &'static [&'static str],
    source: &'static str,
    description: &'static str,
) -> Counted {
    let source = Some(source);
    Counted { group, path, is_gauge: false, label: None, always: &[], source, description }
}

/// A number that goes up and down.
const fn gauge(
    group: &'static str,
    path: &'static [&'static str],
    source: &'static str,
    description: &'static str,
) -> Counted {
    Counted { is_gauge: true, ..plain(group, path, source, description) }
}

/// One of what cannot happen here.
const fn never(
    group: &'static str,
    path: &'static [&'static str],
    description: &'static str,
) -> Counted {
    Counted { group, path, is_gauge: false, label: None, always: &[], source: None, description }
}

const LOG: &str = "couch_log";
const REPLICATOR: &str = "couch_replicator";
const FABRIC: &str = "fabric";
const MANGO: &str = "mango";

/// All of them.
pub(crate) const COUNTED: &[Counted] = &[
    plain(COUCHDB, &["httpd", "requests"], "refuge_http_requests_total", "number of HTTP requests"),
    plain(
        COUCHDB,
        &["httpd", "bulk_requests"],
        "refuge_bulk_requests_total",
        "number of bulk requests",
    ),
    plain(COUCHDB, &["httpd", "view_reads"], "refuge_view_reads_total", "number of view reads"),
    never(COUCHDB, &["httpd", "temporary_view_reads"], "number of temporary view reads"),
    plain(
        COUCHDB,
        &["httpd", "clients_requesting_changes"],
        "refuge_changes_clients",
        "number of clients for continuous _changes",
    ),
    plain(
        COUCHDB,
        &["httpd", "purge_requests"],
        "refuge_purge_requests_total",
        "number of purge requests",
    ),
    Counted {
        label: Some("method"),
        always: METHODS,
        ..plain(
            COUCHDB,
            &["httpd_request_methods"],
            "refuge_http_requests_total",
            "number of HTTP requests of this method",
        )
    },
    Counted {
        label: Some("code"),
        always: CODES,
        ..plain(
            COUCHDB,
            &["httpd_status_codes"],
            "refuge_http_responses_total",
            "number of HTTP responses of this code",
        )
    },
    plain(
        COUCHDB,
        &["auth_cache_hits"],
        "refuge_known_credentials_total",
        "number of authentication cache hits",
    ),
    plain(
        COUCHDB,
        &["auth_cache_misses"],
        "refuge_checked_credentials_total",
        "number of authentication cache misses",
    ),
    plain(COUCHDB, &["open_databases"], "refuge_open_databases", "number of open databases"),
    plain(
        COUCHDB,
        &["open_os_files"],
        "refuge_open_files",
        "number of file descriptors that are open",
    ),
    plain(
        COUCHDB,
        &["document_writes"],
        "refuge_document_writes_total",
        "number of document write operations",
    ),
    plain(
        COUCHDB,
        &["document_inserts"],
        "refuge_document_inserts_total",
        "number of documents inserted",
    ),
    plain(
        COUCHDB,
        &["document_purges", "success"],
        "refuge_purged_documents_total",
        "number of successful document purge operations",
    ),
    plain(
        COUCHDB,
        &["document_purges", "failure"],
        "refuge_failed_purges_total",
        "number of failed document purge operations",
    ),
    plain(
        COUCHDB,
        &["database_writes"],
        "refuge_document_writes_total",
        "number of times a database was changed",
    ),
    plain(
        COUCHDB,
        &["database_reads"],
        "refuge_document_reads_total",
        "number of times a document was read from a database",
    ),
    plain(COUCHDB, &["commits"], "refuge_commits_total", "number of commits performed"),
    Counted {
        label: Some("level"),
        always: LEVELS,
        ..plain(
            LOG,
            &["level"],
            "refuge_log_lines_total",
            "number of logged messages of this level",
        )
    },
    plain(
        REPLICATOR,
        &["jobs", "starts"],
        "refuge_replication_starts_total",
        "number of jobs started by replicator scheduler",
    ),
    plain(
        REPLICATOR,
        &["jobs", "stops"],
        "refuge_replication_stops_total",
        "number of jobs stopped by replicator scheduler",
    ),
    plain(
        REPLICATOR,
        &["jobs", "crashes"],
        "refuge_replication_crashes_total",
        "number of job crashed noticed by replicator scheduler",
    ),
    gauge(
        REPLICATOR,
        &["jobs", "running"],
        "refuge_replications_running",
        "replicator scheduler running jobs",
    ),
    never(REPLICATOR, &["changes_reader_deaths"], "number of failed replicator changes readers"),
    never(REPLICATOR, &["changes_manager_deaths"], "number of failed replicator changes managers"),
    never(REPLICATOR, &["changes_queue_deaths"], "number of failed replicator changes work queues"),
    never(REPLICATOR, &["worker_deaths"], "number of failed replicator workers"),
    never(FABRIC, &["worker", "timeouts"], "number of worker timeouts"),
    never(FABRIC, &["open_shard", "timeouts"], "number of open shard timeouts"),
    never(FABRIC, &["read_repairs", "success"], "number of successful read repair operations"),
    never(FABRIC, &["read_repairs", "failure"], "number of failed read repair operations"),
    never(
        FABRIC,
        &["doc_update", "mismatched_errors"],
        "number of document update errors with multiple error types",
    ),
    never(FABRIC, &["doc_update", "write_quorum_errors"], "number of write quorum errors"),
    plain(
        MANGO,
        &["unindexed_queries"],
        "refuge_find_unindexed_total",
        "number of mango queries that could not use an index",
    ),
    plain(
        MANGO,
        &["query_invalid_index"],
        "refuge_find_index_not_usable_total",
        "number of mango queries that generated an invalid index warning",
    ),
    plain(
        MANGO,
        &["too_many_docs_scanned"],
        "refuge_find_many_examined_total",
        "number of mango queries that generated an index scan warning",
    ),
    plain(
        MANGO,
        &["keys_examined"],
        "refuge_find_keys_examined_total",
        "number of keys examined by mango queries coordinated by this node",
    ),
    plain(
        MANGO,
        &["docs_examined"],
        "refuge_find_documents_examined_total",
        "number of documents examined by mango queries coordinated by this node",
    ),
    plain(
        MANGO,
        &["quorum_docs_examined"],
        "refuge_find_quorum_documents_examined_total",
        "number of documents examined by mango queries, using cluster quorum",
    ),
    plain(
        MANGO,
        &["results_returned"],
        "refuge_find_results_total",
        "number of rows returned by mango queries",
    ),
];
