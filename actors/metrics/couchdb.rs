//! What CouchDB counts under its own names and refuge under others: from one table (`couchdb/table.rs`)
//! `_stats` and the `couchdb_…` lines of `_prometheus` are written.
//!
//! Source: <https://docs.couchdb.org/en/stable/api/server/common.html#node-node-name-stats>

mod table;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::recorder::{Reading, Sample};
use super::summary::Summary;

pub(crate) use table::COUNTED;

/// The group whose name stands in front of all lines for Prometheus.
const COUCHDB: &str = "couchdb";

/// The histogram of requests' times, in seconds.
pub(crate) const SUMMARY: &str = "refuge_http_request_seconds";

/// A number of CouchDB's.
pub(crate) struct Counted {
    /// The part of CouchDB that counts it.
    group: &'static str,
    /// Where it stands in `_stats`, below its group.
    path: &'static [&'static str],
    /// Whether it goes up and down, in CouchDB's eyes.
    is_gauge: bool,
    /// Where it has one line a label, the label's name in both worlds.
    pub(crate) label: Option<&'static str>,
    /// The labels that are told even while nothing was counted under them.
    always: &'static [&'static str],
    /// The line of ours that is the same; none for what cannot happen here, of which there is nought.
    source: Option<&'static str>,
    /// CouchDB's description.
    description: &'static str,
}

impl Counted {
    /// Its name among the lines for Prometheus.
    pub(crate) fn prometheus_name(&self) -> String {
        let group = if self.group == COUCHDB { "" } else { self.group };
        let separator = if group.is_empty() { "" } else { "_" };
        let path = self.path.join("_");
        let end = if self.label.is_some() || self.is_gauge { "" } else { "_total" };
        format!("couchdb_{group}{separator}{path}{end}")
    }

    /// What CouchDB calls its kind.
    pub(crate) fn kind(&self) -> &'static str {
        if self.is_gauge { "gauge" } else { "counter" }
    }

    fn of<'a>(&self, samples: &'a [Sample]) -> impl Iterator<Item = (&'a Sample, u64)> {
        let source = self.source;
        samples.iter().filter(move |sample| source == Some(sample.name.as_str())).filter_map(
            |sample| match sample.reading {
                Reading::Counter(count) => Some((sample, count)),
                Reading::Gauge(value) => Some((sample, value as u64)),
                Reading::Histogram { .. } => None,
            },
        )
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
    let mut groups = Map::new();
    for counted in COUNTED {
        let kind = counted.kind();
        let entry = |count: u64| json!({"value": count, "type": kind, "desc": counted.description});
        let mut path = vec![counted.group];
        path.extend(counted.path);
        match counted.label {
            None => put(&mut groups, &path, entry(counted.sum(samples))),
            Some(_) => {
                let by_label = counted.by_label(samples).into_iter();
                let entries: Map<String, Value> =
                    by_label.map(|(value, count)| (value, entry(count))).collect();
                put(&mut groups, &path, Value::Object(entries));
            }
        }
    }
    if let Some(summary) = Summary::of(samples, SUMMARY) {
        put(&mut groups, &[COUCHDB, "request_time"], request_time(&summary));
    }
    Value::Object(groups)
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
