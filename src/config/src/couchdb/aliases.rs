//! The one table of CouchDB's names for our keys.

use super::Alias;

const fn alias(
    section: &'static str,
    name: &'static str,
    ours: (&'static str, &'static str),
) -> Alias {
    Alias { section, name, ours }
}

/// CouchDB's names for our keys. Of two names for one key, what was set last counts.
pub const ALIASES: &[Alias] = &[
    alias("chttpd", "bind_address", ("http", "bind")),
    alias("chttpd", "port", ("http", "port")),
    alias("chttpd", "max_connections", ("http", "max_connections")),
    alias("httpd", "max_connections", ("http", "max_connections")),
    alias("chttpd", "require_valid_user", ("http", "require_valid_user")),
    alias("chttpd_auth", "require_valid_user", ("authentication", "require_valid_user")),
    alias(
        "chttpd",
        "require_valid_user_except_for_up",
        ("http", "require_valid_user_except_for_up"),
    ),
    alias("chttpd", "WWW-Authenticate", ("http", "www_authenticate")),
    alias("httpd", "WWW-Authenticate", ("http", "www_authenticate")),
    alias("chttpd", "secure_rewrites", ("http", "secure_rewrites")),
    alias("httpd", "secure_rewrites", ("http", "secure_rewrites")),
    alias("chttpd", "rewrite_limit", ("http", "rewrite_limit")),
    alias("httpd", "rewrite_limit", ("http", "rewrite_limit")),
    alias("chttpd", "vhost_global_handlers", ("http", "vhost_global_handlers")),
    alias("httpd", "vhost_global_handlers", ("http", "vhost_global_handlers")),
    alias("chttpd", "x_forwarded_host", ("http", "x_forwarded_host")),
    alias("httpd", "x_forwarded_host", ("http", "x_forwarded_host")),
    alias("couchdb", "maintenance_mode", ("http", "maintenance_mode")),
    alias("chttpd", "enable_cors", ("cors", "enabled")),
    alias("httpd", "enable_cors", ("cors", "enabled")),
    alias("chttpd", "max_http_request_size", ("limits", "max_http_request_size")),
    alias("httpd", "max_http_request_size", ("limits", "max_http_request_size")),
    alias("chttpd", "max_uri_length", ("limits", "max_uri_length")),
    alias("httpd", "max_uri_length", ("limits", "max_uri_length")),
    alias("chttpd", "max_db_number_for_dbs_info_req", ("limits", "max_db_number_for_dbs_info_req")),
    alias("couchdb", "max_document_size", ("limits", "max_document_size")),
    alias("couchdb", "max_attachment_size", ("limits", "max_attachment_size")),
    alias("couchdb", "max_document_id_length", ("limits", "max_document_id_length")),
    alias("couchdb", "max_bulk_docs_count", ("limits", "max_bulk_docs_count")),
    alias("couchdb", "max_bulk_get_count", ("limits", "max_bulk_get_count")),
    alias("couchdb", "max_database_name_length", ("limits", "max_database_name_length")),
    alias("chttpd", "changes_timeout", ("feeds", "changes_timeout_ms")),
    alias("httpd", "changes_timeout", ("feeds", "changes_timeout_ms")),
    alias("couchdb", "default_security", ("databases", "default_security")),
    alias(
        "couchdb",
        "users_db_security_editable",
        ("authentication", "users_db_security_editable"),
    ),
    alias("replicator", "checkpoint_interval", ("replicator", "checkpoint_interval_ms")),
    alias("replicator", "interval", ("replicator", "interval_ms")),
    alias("cluster", "q", ("databases", "shards")),
    alias("chttpd_auth", "iterations", ("authentication", "iterations")),
    alias("couch_httpd_auth", "iterations", ("authentication", "iterations")),
];
