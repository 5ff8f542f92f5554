//! Every restart is counted, with the node's label and the child's name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use refuge_otp::{Strategy, SupervisorSpecification};

use crate::stage::Stage;

type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

/// Remembers what was counted.
#[derive(Default)]
struct Book {
    counts: Counts,
}

struct Line {
    key: String,
    counts: Counts,
}

impl CounterFn for Line {
    fn increment(&self, value: u64) {
        *self.counts.lock().unwrap().entry(self.key.clone()).or_default() += value;
    }

    fn absolute(&self, _value: u64) {}
}

impl Recorder for Book {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let key = format!("{} {}", key.name(), labels.join(" "));
        Counter::from_arc(Arc::new(Line { key, counts: Arc::clone(&self.counts) }))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn every_restart_is_counted_by_node_and_child() {
    let book = Book::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&book, || {
        runtime.block_on(async {
            let stage = Stage::new();
            let tree = SupervisorSpecification::new("root", Strategy::RestForOne)
                .children(stage.players(&["a", "b", "c"]));
            let node = stage.start(tree).await;
            stage.names.kill("c").unwrap();
            stage.restarted("c", 1).await;
            stage.names.kill("b").unwrap();
            stage.restarted("c", 2).await;
            node.shutdown().await;
        });
    });
    let counts = book.counts.lock().unwrap();
    let expected = [
        ("refuge_restarts_total node=stage child=b".to_owned(), 1),
        ("refuge_restarts_total node=stage child=c".to_owned(), 2),
    ];
    assert_eq!(*counts, BTreeMap::from(expected));
}
