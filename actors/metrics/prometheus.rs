//! The text that Prometheus reads: all lines of a node, `refuge_…` as they are counted and `couchdb_…`
//! where CouchDB counts the same under its own name.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write as _;

use super::couchdb::{self, Counted, SUMMARY};
use super::recorder::{BUCKETS, Reading, Sample, bound};
use super::summary::Summary;

/// The whole text.
pub(crate) fn text(samples: &[Sample]) -> String {
    let mut out = String::with_capacity(16 * 1024);
    for counted in couchdb::COUNTED {
        write_counted(&mut out, counted, samples);
    }
    write_summary(&mut out, samples);
    let mut last = "";
    for sample in samples {
        if sample.name != last {
            let _ = writeln!(out, "# TYPE {} {}", sample.name, kind(&sample.reading));
            last = &sample.name;
        }
        write_sample(&mut out, sample);
    }
    out
}

fn kind(reading: &Reading) -> &'static str {
    match reading {
        Reading::Counter(_) => "counter",
        Reading::Gauge(_) => "gauge",
        Reading::Histogram { .. } => "histogram",
    }
}

fn write_sample(out: &mut String, sample: &Sample) {
    let Sample { name, labels, reading } = sample;
    match reading {
        Reading::Counter(count) => {
            let _ = writeln!(out, "{name}{} {count}", braced(labels, None));
        }
        Reading::Gauge(value) => {
            let _ = writeln!(out, "{name}{} {value}", braced(labels, None));
        }
        Reading::Histogram { counts, sum } => {
            let mut below = 0;
            for (bucket, count) in counts.iter().enumerate().take(BUCKETS) {
                below += count;
                let bound = bound(bucket).map_or_else(|| "+Inf".to_owned(), |at| at.to_string());
                let labels = braced(labels, Some(("le", &bound)));
                let _ = writeln!(out, "{name}_bucket{labels} {below}");
            }
            let labels = braced(labels, None);
            let _ = writeln!(out, "{name}_sum{labels} {sum}\n{name}_count{labels} {below}");
        }
    }
}

/// CouchDB's line for what is counted here under another name; one a label where it has one.
fn write_counted(out: &mut String, counted: &Counted, samples: &[Sample]) {
    let name = counted.prometheus_name();
    let _ = writeln!(out, "# TYPE {name} {}", counted.kind());
    match counted.label {
        None => {
            let _ = writeln!(out, "{name} {}", counted.sum(samples));
        }
        Some(label) => {
            for (value, count) in counted.by_label(samples) {
                let labels = braced(&[], Some((label, &value)));
                let _ = writeln!(out, "{name}{labels} {count}");
            }
        }
    }
}

/// CouchDB tells times as a summary of quantiles.
fn write_summary(out: &mut String, samples: &[Sample]) {
    let Some(summary) = Summary::of(samples, SUMMARY) else { return };
    let name = "couchdb_request_time_seconds";
    let _ = writeln!(out, "# TYPE {name} summary");
    for quantile in [0.5, 0.75, 0.9, 0.95, 0.99, 0.999] {
        let value = summary.quantile(quantile);
        let _ = writeln!(out, "{name}{{quantile=\"{quantile}\"}} {value}");
    }
    let _ = writeln!(out, "{name}_sum {}\n{name}_count {}", summary.sum, summary.count);
}

fn braced(labels: &[(String, String)], last: Option<(&str, &str)>) -> String {
    let all = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(last);
    let written: Vec<String> =
        all.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    if written.is_empty() { String::new() } else { format!("{{{}}}", written.join(",")) }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, labels: &[(&str, &str)], reading: Reading) -> Sample {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Sample { name: name.to_owned(), labels: labels.collect(), reading }
    }

    #[test]
    fn every_line_has_a_type_and_is_told_under_couchdbs_name_too() {
        let mut counts = [0; BUCKETS];
        counts[3] = 2;
        let samples = [
            sample("refuge_http_requests_total", &[("method", "GET")], Reading::Counter(3)),
            sample("refuge_http_requests_total", &[("method", "PUT")], Reading::Counter(1)),
            sample("refuge_mailbox", &[("actor", "a\"b")], Reading::Gauge(2.0)),
            sample(SUMMARY, &[], Reading::Histogram { counts: counts.into(), sum: 0.5 }),
        ];
        let told = text(&samples);
        for line in [
            "# TYPE couchdb_httpd_requests_total counter",
            "couchdb_httpd_requests_total 4",
            "couchdb_httpd_request_methods{method=\"PUT\"} 1",
            "couchdb_request_time_seconds_count 2",
            "# TYPE refuge_http_requests_total counter",
            "refuge_http_requests_total{method=\"GET\"} 3",
            "refuge_mailbox{actor=\"a\\\"b\"} 2",
            "refuge_http_request_seconds_bucket{le=\"+Inf\"} 2",
            "refuge_http_request_seconds_sum 0.5",
        ] {
            assert!(told.lines().any(|told| told == line), "{line} is not in\n{told}");
        }
        assert_eq!(told.matches("# TYPE refuge_http_requests_total").count(), 1);
    }
}
