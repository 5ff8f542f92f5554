//! CouchDB's names that are taken, kept and shown, so that a client's set-up script does not fail, and
//! why each changes nothing here. A name of a section of CouchDB's that stands nowhere is kept as well.

use super::NamesWithoutEffect;

/// Names with the reason that they share.
pub const WITHOUT_EFFECT: &[NamesWithoutEffect] = &[
    NamesWithoutEffect {
        why: "every acknowledged write is on disk, and writes that wait share one sync",
        names: &[("couchdb", &["delayed_commits", "single_node"]), ("couch_bt_engine", &["*"])],
    },
    NamesWithoutEffect {
        why: "databases are opened on demand and closed when idle, so there is nothing to count",
        names: &[("couchdb", &["max_dbs_open", "update_lru_on_read", "enable_database_recovery"])],
    },
    NamesWithoutEffect {
        why: "storage is one engine with its own compression and block sizes",
        names: &[
            (
                "couchdb",
                &[
                    "file_compression",
                    "attachment_stream_buffer_size",
                    "btree_chunk_size",
                    "stem_interactive_updates",
                    "max_partition_size",
                ],
            ),
            ("database_compaction", &["*"]),
            ("view_compaction", &["*"]),
            ("compactions", &["*"]),
            ("compaction_daemon", &["*"]),
            ("ioq", &["*"]),
            ("ioq.bypass", &["*"]),
            ("process_priority", &["*"]),
        ],
    },
    NamesWithoutEffect {
        why: "old revisions, dead attachments and deleted databases leave by themselves",
        names: &[
            ("smoosh", &["*"]),
            ("smoosh.ratio_dbs", &["*"]),
            ("smoosh.slack_dbs", &["*"]),
            ("smoosh.ratio_views", &["*"]),
            ("smoosh.slack_views", &["*"]),
            ("purge", &["index_lag_warn_seconds"]),
            ("scanner", &["*"]),
        ],
    },
    NamesWithoutEffect {
        why: "a filter by ids reads them by id, however many they are",
        names: &[("couchdb", &["changes_doc_ids_optimization_threshold"])],
    },
    NamesWithoutEffect {
        why: "answers are streamed; one that breaks off breaks its connection",
        names: &[("chttpd", &["buffer_response"]), ("httpd", &["buffer_response"])],
    },
    NamesWithoutEffect {
        why: "these parts of CouchDB's HTTP server have no counterpart",
        names: &[
            ("chttpd", &["prefer_minimal", "admin_only_all_dbs", "server_header_versions"]),
            (
                "httpd",
                &[
                    "allow_jsonp",
                    "config_whitelist",
                    "enable_xframe_options",
                    "redirect_vhost_handler",
                    "x_forwarded_proto",
                    "x_forwarded_ssl",
                ],
            ),
            ("x_frame_options", &["*"]),
            ("csp", &["*"]),
            ("rewrite", &["*"]),
        ],
    },
    NamesWithoutEffect {
        why: "users are read from _users when they are asked for: there is no cache to be sized",
        names: &[
            ("chttpd_auth", &["authentication_db", "auth_cache_size"]),
            ("chttpd_auth_cache", &["*"]),
            ("couch_httpd_auth", &["*"]),
        ],
    },
    NamesWithoutEffect {
        why: "what passwords must be like is not checked",
        names: &[("chttpd_auth", &["password_regexp"])],
    },
    NamesWithoutEffect {
        why: "algorithms go with the kind of their key, and each user's database is made at once",
        names: &[("jwt_auth", &["*"]), ("couch_peruser", &["*"])],
    },
    NamesWithoutEffect {
        why: "jobs take turns in the order in which they wait, whoever asks, and no cluster has to agree",
        names: &[
            (
                "replicator",
                &[
                    "startup_jitter",
                    "cluster_start_period",
                    "cluster_quiet_period",
                    "max_acceptors",
                    "usage_coeff",
                    "priority_coeff",
                ],
            ),
            ("replicator.shares", &["*"]),
        ],
    },
    NamesWithoutEffect {
        why: "the replicator has no such choice: it takes what both ends can do",
        names: &[("replicator", &["*"])],
    },
    NamesWithoutEffect {
        why: "a node is no member of a cluster: nodes share databases by replication",
        names: &[
            ("cluster", &["n", "placement", "seedlist", "reconnect_interval_sec"]),
            ("mem3", &["*"]),
            ("fabric", &["*"]),
            ("rexi", &["*"]),
            ("reshard", &["*"]),
            ("global_changes", &["*"]),
        ],
    },
    NamesWithoutEffect {
        why: "views, queries and searches are not built",
        names: &[
            ("couchdb", &["os_process_timeout"]),
            ("query_server_config", &["*"]),
            ("view_updater", &["*"]),
            ("view_upgrade", &["*"]),
            ("mango", &["*"]),
            ("ken", &["*"]),
            ("ddoc_cache", &["*"]),
            ("nouveau", &["*"]),
            ("dreyfus", &["*"]),
            ("quickjs", &["*"]),
            ("spidermonkey", &["*"]),
        ],
    },
    NamesWithoutEffect {
        why: "the log is lines on standard error, whoever keeps them",
        names: &[("log", &["*"]), ("stats", &["*"]), ("vendor", &["*"]), ("features", &["*"])],
    },
    NamesWithoutEffect {
        why: "CouchDB has no such name; it is kept for whoever set it",
        names: &[("cors", &["*"]), ("uuids", &["*"]), ("attachments", &["*"])],
    },
];
