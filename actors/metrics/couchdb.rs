//! What CouchDB counts under its own names and refuge under others: one table, from which `_stats` and
//! the `couchdb_…` lines of `_prometheus` are written. Numbers for which refuge has no source are absent
//! rather than nought.
//!
//! Source: <https://docs.couchdb.org/en/stable/api/server/common.html#node-node-name-stats>

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::recorder::{Reading, Sample};
use super::summary::Summary;

/// The histogram of requests' times, in seconds.
pub(crate) const SUMMARY: &str = "refuge_http_request_seconds";

/// A number of CouchDB's.
pub(crate) struct Counted {
    /// Where it stands in `_stats`, below `couchdb`.
    path: &'static [&'static str],
    /// Where it has one line a label, the label's name in both worlds.
    pub(crate) label: Option<&'static str>,
    /// The labels that are told even while nothing was counted under them.
    always: &'static [&'static str],
    /// The line of ours that is the same.
    source: &'static str,
    /// CouchDB's description.
    description: &'static str,
}

const METHODS: &[&str] = &["COPY", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
const CODES: &[&str] = &[
    "200", "201", "202", "204", "206", "301", "304", "400", "401", "403", "404", "405", "406",
    "409", "412", "413", "414", "415", "416", "417", "500", "501", "503",
];

/// A number without labels.
const fn plain(
    path: &'static [&'static str],
    source: &'static str,
    description: &'static str,
) -> Counted {
    Counted { path, label: None, always: &[], source, description }
}

/// All of them.
pub(crate) const COUNTED: &[Counted] = &[
    plain(&["httpd", "requests"], "refuge_http_requests_total", "number of HTTP requests"),
    Counted {
        path: &["httpd_request_methods"],
        label: Some("method"),
        always: METHODS,
        source: "refuge_http_requests_total",
        description: "number of HTTP requests of this method",
    },
    Counted {
        path: &["httpd_status_codes"],
        label: Some("code"),
        always: CODES,
        source: "refuge_http_responses_total",
        description: "number of HTTP responses of this code",
    },
    plain(&["open_databases"], "refuge_open_databases", "number of open databases"),
    plain(&["open_os_files"], "refuge_open_files", "number of file descriptors that are open"),
    plain(
        &["document_writes"],
        "refuge_document_writes_total",
        "number of document write operations",
    ),
    plain(
        &["database_writes"],
        "refuge_document_writes_total",
        "number of times a database was changed",
    ),
    plain(
        &["database_reads"],
        "refuge_document_reads_total",
        "number of times a document was read from a database",
    ),
    plain(&["commits"], "refuge_commits_total", "number of commits performed"),
];

impl Counted {
    /// Its name among the lines for Prometheus.
    pub(crate) fn prometheus_name(&self) -> String {
        let path = self.path.join("_");
        if self.label.is_some() {
            format!("couchdb_{path}")
        } else {
            format!("couchdb_{path}_total")
        }
    }

    fn of<'a>(&self, samples: &'a [Sample]) -> impl Iterator<Item = (&'a Sample, u64)> {
        let source = self.source;
        samples.iter().filter(move |sample| sample.name == source).filter_map(|sample| match sample
            .reading
        {
            Reading::Counter(count) => Some((sample, count)),
            Reading::Gauge(value) => Some((sample, value as u64)),
            Reading::Histogram { .. } => None,
        })
    }

    /// All of it.
    pub(crate) fn sum(&self, samples: &[Sample]) -> u64 {
        self.of(samples).map(|(_, count)| count).sum()
    }

    /// By the values of its label.
    pub(crate) fn by_label(&self, samples: &[Sample]) -> BTreeMap<String, u64> {
        let mut counts: BTreeMap<String, u64> =
            self.always.iter().map(|value| ((*value).to_owned(), 0)).collect();
        for (sample, count) in self.of(samples) {
            let value = sample.labels.iter().find(|(name, _)| Some(name.as_str()) == self.label);
            if let Some((_, value)) = value {
                *counts.entry(value.clone()).or_default() += count;
            }
        }
        counts
    }
}

/// The body of `_stats`.
pub(crate) fn statistics(samples: &[Sample]) -> Value {
    let mut couchdb = Map::new();
    for counted in COUNTED {
        let entry =
            |count: u64| json!({"value": count, "type": "counter", "desc": counted.description});
        match counted.label {
            None => put(&mut couchdb, counted.path, entry(counted.sum(samples))),
            Some(_) => {
                let by_label = counted.by_label(samples).into_iter();
                let entries: Map<String, Value> =
                    by_label.map(|(value, count)| (value, entry(count))).collect();
                put(&mut couchdb, counted.path, Value::Object(entries));
            }
        }
    }
    if let Some(summary) = Summary::of(samples, SUMMARY) {
        couchdb.insert("request_time".to_owned(), request_time(&summary));
    }
    json!({"couchdb": couchdb})
}

fn put(object: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => {
            object.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let inner = object.entry(*first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// CouchDB's shape of a histogram, in milliseconds.
fn request_time(summary: &Summary) -> Value {
    const MILLISECONDS: f64 = 1_000.0;
    let (least, most) = summary.extremes();
    let deviation = summary.deviation() * MILLISECONDS;
    let percentiles: Vec<Value> =
        [(50, 0.5), (75, 0.75), (90, 0.9), (95, 0.95), (99, 0.99), (999, 0.999)]
            .into_iter()
            .map(|(name, part)| json!([name, summary.quantile(part) * MILLISECONDS]))
            .collect();
    let histogram: Vec<Value> = summary
        .buckets()
        .filter(|(_, _, count)| *count > 0)
        .map(|(_, upper, count)| json!([upper * MILLISECONDS, count]))
        .collect();
    json!({
        "value": {
            "min": least * MILLISECONDS,
            "max": most * MILLISECONDS,
            "arithmetic_mean": summary.mean() * MILLISECONDS,
            "median": summary.quantile(0.5) * MILLISECONDS,
            "variance": deviation * deviation,
            "standard_deviation": deviation,
            "percentile": percentiles,
            "histogram": histogram,
            "n": summary.count,
        },
        "type": "histogram",
        "desc": "length of a request inside CouchDB without MochiWeb",
    })
}
