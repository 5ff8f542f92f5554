//! CouchDB's names that cannot be set over HTTP: those that CouchDB itself refuses there, and those that
//! name a program, a path or a listener.

use super::ForbiddenNames;
use crate::over_http::Danger;

/// Whole sections and single names.
pub const FORBIDDEN: &[ForbiddenNames] = &[
    ForbiddenNames {
        danger: Danger::Program,
        names: &[
            ("daemons", &["*"]),
            ("external", &["*"]),
            ("httpd_db_handlers", &["*"]),
            ("httpd_design_handlers", &["*"]),
            ("httpd_global_handlers", &["*"]),
            ("native_query_servers", &["*"]),
            ("os_daemons", &["*"]),
            ("query_servers", &["*"]),
            ("feature_flags", &["*"]),
            ("update_notification", &["*"]),
            ("couchdb_engines", &["*"]),
            ("couch_eval.languages", &["*"]),
            ("indexers", &["*"]),
            ("httpd", &["authentication_handlers", "default_handler"]),
            ("couchdb", &["js_engine", "default_engine"]),
            ("log", &["writer"]),
            ("replicator", &["auth_plugins"]),
        ],
    },
    ForbiddenNames {
        danger: Danger::Path,
        names: &[
            (
                "couchdb",
                &["database_dir", "view_index_dir", "uri_file", "util_driver_dir", "plugin_dir"],
            ),
            ("log", &["file"]),
            ("ssl", &["verify_fun"]),
            ("replicator", &["password"]),
            ("nouveau", &["url"]),
            ("dreyfus", &["name"]),
        ],
    },
    ForbiddenNames {
        danger: Danger::Listener,
        names: &[
            ("chttpd", &["backlog", "server_options", "socket_options"]),
            ("httpd", &["bind_address", "port", "backlog", "server_options", "socket_options"]),
            ("ssl", &["secure_renegotiate"]),
            ("prometheus", &["*"]),
            ("log", &["syslog_host", "syslog_port"]),
        ],
    },
    ForbiddenNames { danger: Danger::Hooks, names: &[("hooks", &["*"])] },
    ForbiddenNames { danger: Danger::Identity, names: &[("couchdb", &["uuid"])] },
];
