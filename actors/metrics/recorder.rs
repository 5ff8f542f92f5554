//! The one recorder of the process behind the facade of the crate `metrics`, which knows only one. It
//! keeps numbers and buckets in memory that does not grow with what is counted; whose a number is, its
//! label `node` says, so that several nodes live side by side in one process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// Upper bounds of the buckets of a histogram, each twice the one before: from 16 µs, less than the
/// quickest answer takes, to 34 s, where deadlines end what is slower; or, for what is no time, from
/// nearly nothing to many.
const LEAST_EXPONENT: i32 = -16;
/// Buckets, the last of which has no bound.
pub(crate) const BUCKETS: usize = 32;

/// The bound of a bucket; none for the last.
pub(crate) fn bound(bucket: usize) -> Option<f64> {
    let exponent = i32::try_from(bucket).ok()?.checked_add(LEAST_EXPONENT)?;
    (bucket + 1 < BUCKETS).then(|| 2_f64.powi(exponent))
}

/// One number or histogram.
#[derive(Clone)]
enum Line {
    Counter(Arc<AtomicU64>),
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

/// A histogram: how many values fell into each bucket, and their sum.
#[derive(Default)]
struct Buckets {
    counts: [AtomicU64; BUCKETS],
    /// In billionths, as a whole number that threads can add to.
    sum: AtomicU64,
}

/// Billionths in one.
const BILLION: f64 = 1e9;

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let bucket = (0..BUCKETS).find(|&bucket| bound(bucket).is_none_or(|bound| value <= bound));
        if let Some(count) = bucket.and_then(|bucket| self.counts.get(bucket)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        // A negative value counts as nothing.
        self.sum.fetch_add((value * BILLION) as u64, Ordering::Relaxed);
    }
}

/// What a line held when it was looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// A count since the start.
    Counter(u64),
    /// A value that goes up and down.
    Gauge(f64),
    /// How many values fell into each bucket, and their sum.
    Histogram {
        /// By bucket; see [`bound`].
        counts: Box<[u64; BUCKETS]>,
        /// Of all values.
        sum: f64,
    },
}

/// One line as it was looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// `refuge_…`.
    pub(crate) name: String,
    /// All labels but the node's.
    pub(crate) labels: Vec<(String, String)>,
    /// What it held.
    pub(crate) reading: Reading,
}

impl Line {
    fn read(&self) -> Reading {
        match self {
            Self::Counter(count) => Reading::Counter(count.load(Ordering::Relaxed)),
            Self::Gauge(value) => Reading::Gauge(f64::from_bits(value.load(Ordering::Relaxed))),
            Self::Histogram(buckets) => {
                let mut counts = Box::new([0; BUCKETS]);
                for (read, count) in counts.iter_mut().zip(&buckets.counts) {
                    *read = count.load(Ordering::Relaxed);
                }
                let sum = buckets.sum.load(Ordering::Relaxed) as f64 / BILLION;
                Reading::Histogram { counts, sum }
            }
        }
    }
}

/// The process's own lines, once a node of it counts.
static BOOK: OnceLock<Book> = OnceLock::new();

/// All lines of the process. Handles are kept by those who count, so the lock is taken when a handle is
/// made and when all is read, never when something is counted.
#[derive(Clone, Default)]
pub(crate) struct Book {
    lines: Arc<RwLock<HashMap<Key, Line>>>,
}

impl Book {
    /// The process's own; installed at the first call. Where a program that embeds a node has a
    /// recorder of its own already, that one counts, and ours stays empty.
    pub(crate) fn of_process() -> Self {
        let install = || {
            let book = Self::default();
            if metrics::set_global_recorder(book.clone()).is_err() {
                tracing::warn!("another recorder of metrics is installed: this node's are its");
            }
            book
        };
        BOOK.get_or_init(install).clone()
    }

    /// The process's own where nodes of it count; else one without lines.
    pub(crate) fn of_process_or_empty() -> Self {
        BOOK.get().cloned().unwrap_or_default()
    }

    /// What the lines of one node hold, in order of their names and labels.
    pub(crate) fn read(&self, node: &str) -> Vec<Sample> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        let mut samples: Vec<Sample> = lines
            .iter()
            .filter(|(key, _)| {
                key.labels().all(|label| label.key() != "node" || label.value() == node)
            })
            .map(|(key, line)| Sample {
                name: key.name().to_owned(),
                labels: key
                    .labels()
                    .filter(|label| label.key() != "node")
                    .map(|label| (label.key().to_owned(), label.value().to_owned()))
                    .collect(),
                reading: line.read(),
            })
            .collect();
        drop(lines);
        samples.sort_by(|one, other| (&one.name, &one.labels).cmp(&(&other.name, &other.labels)));
        samples
    }

    fn line(&self, key: &Key, new: impl FnOnce() -> Line) -> Line {
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        lines.entry(key.clone()).or_insert_with(new).clone()
    }
}

impl Recorder for Book {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.line(key, || Line::Counter(Arc::default())) {
            Line::Counter(count) => Counter::from_arc(count),
            // One name means one kind.
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.line(key, || Line::Gauge(Arc::default())) {
            Line::Gauge(value) => Gauge::from_arc(value),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.line(key, || Line::Histogram(Arc::default())) {
            Line::Histogram(buckets) => Histogram::from_arc(buckets),
            _ => Histogram::noop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_reads_its_own_lines() {
        let book = Book::default();
        metrics::with_local_recorder(&book, || {
            metrics::counter!("refuge_a_total", "node" => "one", "method" => "GET").increment(2);
            metrics::counter!("refuge_a_total", "node" => "two").increment(5);
            metrics::gauge!("refuge_b", "node" => "one").set(1.5);
            metrics::histogram!("refuge_c_seconds", "node" => "one").record(0.003);
        });
        let samples = book.read("one");
        let names: Vec<&str> = samples.iter().map(|sample| sample.name.as_str()).collect();
        assert_eq!(names, ["refuge_a_total", "refuge_b", "refuge_c_seconds"]);
        assert_eq!(samples[0].labels, [("method".to_owned(), "GET".to_owned())]);
        assert_eq!(samples[0].reading, Reading::Counter(2));
        assert_eq!(samples[1].reading, Reading::Gauge(1.5));
        let Reading::Histogram { counts, sum } = &samples[2].reading else { panic!("{samples:?}") };
        assert!((sum - 0.003).abs() < 1e-6);
        let bucket = counts.iter().position(|count| *count == 1).unwrap();
        assert!(bound(bucket - 1).unwrap() < 0.003 && bound(bucket).unwrap() >= 0.003);
        assert_eq!(bound(BUCKETS - 1), None);
    }
}
