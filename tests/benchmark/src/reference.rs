//! What CouchDB 3.5.0 reached with documents of 500 bytes, and what refuge is to reach.

/// The limit of the machine by which a figure is scaled.
#[derive(Clone, Copy)]
pub(crate) enum Scale {
    /// Writes wait for the disk.
    AppendSync,
    /// Reads are work of the processor.
    Hello,
    /// Memory and disk are the same on every machine.
    Nothing,
}

/// Which of two values is the better one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

/// What a figure is to come to.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// It is only looked at.
    Nothing,
    /// So many times better than CouchDB, scaled to the machine.
    Times(f64),
    AtLeast(f64),
    AtMost(f64),
}

/// What is known of a figure beforehand.
#[derive(Clone, Copy)]
pub(crate) struct Reference {
    pub(crate) name: &'static str,
    /// CouchDB's figure; where it was measured several times, its best.
    pub(crate) couchdb: Option<(f64, Better)>,
    pub(crate) scale: Scale,
    pub(crate) goal: Goal,
}

const fn more(name: &'static str, couchdb: f64, scale: Scale, goal: Goal) -> Reference {
    Reference { name, couchdb: Some((couchdb, Better::More)), scale, goal }
}

const fn less(name: &'static str, couchdb: f64, scale: Scale, goal: Goal) -> Reference {
    Reference { name, couchdb: Some((couchdb, Better::Less)), scale, goal }
}

/// A figure that CouchDB was not measured for.
const fn alone(name: &'static str, goal: Goal) -> Reference {
    Reference { name, couchdb: None, scale: Scale::Nothing, goal }
}

/// The reference of the figure `name`, where there is one.
pub(crate) fn find(name: &str) -> Option<&'static Reference> {
    REFERENCES.iter().chain(QUESTIONS).chain(REPLICATIONS).find(|reference| reference.name == name)
}

/// Documents, attachments, databases, and what they take.
const REFERENCES: &[Reference] = &[
    more("put_1", 229.0, Scale::AppendSync, Goal::Times(14.0)),
    more("put_64", 1_226.0, Scale::AppendSync, Goal::Times(14.0)),
    alone("put_64_p99", Goal::AtMost(12_000.0)),
    alone("put_64_while_compacting_p99", Goal::AtMost(12_000.0)),
    alone("put_64_while_compacting_longest", Goal::AtMost(50_000.0)),
    more("bulk_1", 6_300.0, Scale::AppendSync, Goal::Times(6.0)),
    more("bulk_4", 8_200.0, Scale::AppendSync, Goal::Nothing),
    less("create_1000_databases", 15.0, Scale::AppendSync, Goal::Times(20.0)),
    more("get_1", 680.0, Scale::Hello, Goal::Nothing),
    more("get_64", 1_378.0, Scale::Hello, Goal::Times(18.0)),
    less("changes_100000", 3.8, Scale::Hello, Goal::Times(40.0)),
    less("changes_100000_with_documents", 12.8, Scale::Hello, Goal::Times(45.0)),
    more("attachments_in_1", 160.0, Scale::AppendSync, Goal::Times(10.0)),
    more("attachments_out_1", 432.0, Scale::Hello, Goal::Times(10.0)),
    less("disk_of_100000_documents_without_journal", 63.0, Scale::Nothing, Goal::AtMost(63.0)),
    less("resident_memory_idle", 70.0, Scale::Nothing, Goal::AtMost(30.0)),
    less("resident_memory_after", 122.0, Scale::Nothing, Goal::AtMost(100.0)),
    less("first_answer_existing_root", 1_500.0, Scale::Hello, Goal::AtMost(150.0)),
    alone("get_64_basic_of_anonymous", Goal::AtLeast(95.0)),
    alone("get_64_cookie_of_anonymous", Goal::AtLeast(95.0)),
    alone("guesses_10000_server_cpu", Goal::AtMost(10.0)),
    alone("changes_100_visible_of_1000000_p50", Goal::AtMost(20.0)),
    alone("create_a_database", Goal::AtMost(2.0)),
    alone("memory_a_database_closed", Goal::AtMost(4.0)),
    alone("first_answer_with_10000_databases", Goal::AtMost(100.0)),
    alone("backup_of_documents", Goal::AtLeast(100.0)),
    alone("restore_of_documents", Goal::AtLeast(100.0)),
    alone("backup_of_attachments", Goal::AtLeast(100.0)),
    alone("restore_of_attachments", Goal::AtLeast(100.0)),
    alone("console_under_load_p50", Goal::AtMost(5.0)),
    alone("metrics_scrape_p50", Goal::AtMost(5.0)),
    alone("get_64_watched_of_unwatched", Goal::AtLeast(97.0)),
    alone("put_64_watched_of_unwatched", Goal::AtLeast(97.0)),
];

/// Views and selectors over 100,000 documents.
const QUESTIONS: &[Reference] = &[
    more("view_build_sum", 4_100.0, Scale::Hello, Goal::AtLeast(50_000.0)),
    more("view_build_script", 4_100.0, Scale::Hello, Goal::AtLeast(40_000.0)),
    less("view_reduce_whole_p50", 2.7, Scale::Hello, Goal::AtMost(0.3)),
    less("view_reduce_range_p50", 1.9, Scale::Hello, Goal::AtMost(0.5)),
    less("view_groups_100_sum_p50", 34.0, Scale::Hello, Goal::AtMost(6.0)),
    less("view_groups_100_script_p50", 34.0, Scale::Hello, Goal::Nothing),
    less("view_rows_100_p50", 2.4, Scale::Hello, Goal::AtMost(0.4)),
    more("view_rows_100_at_16", 600.0, Scale::Hello, Goal::Times(15.0)),
    alone("view_keys_10000", Goal::AtMost(0.15)),
    alone("put_p99_raised_by_view_build", Goal::AtMost(3.0)),
    more("find_index_build", 9_800.0, Scale::Hello, Goal::Times(10.0)),
    less("find_100_p50", 21.0, Scale::Hello, Goal::AtMost(2.0)),
    less("find_scan", 3.8, Scale::Hello, Goal::AtMost(0.25)),
];

/// Replications of 100,000 documents of 500 bytes, and live ones.
const REPLICATIONS: &[Reference] = &[
    more("replicate_locally", 2_920.0, Scale::Hello, Goal::AtLeast(25_000.0)),
    alone("replicate_over_http", Goal::AtLeast(15_000.0)),
    less("replicate_locally_lag_p50", 172.0, Scale::Nothing, Goal::AtMost(10.0)),
    less("replicate_over_http_lag_p50", 172.0, Scale::Nothing, Goal::AtMost(10.0)),
];
