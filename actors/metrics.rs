//! The metrics of the node: installs the recorder behind the crate `metrics` where the node is to count, and tells
//! on demand what was counted, in CouchDB's shapes and in the text of Prometheus. What is not counted but looked at
//! (open databases, queues, memory) is looked at when somebody asks, so that nothing runs for nobody.
//!
//! Called by: the node's service. A restart loses nothing: the counts are the process's.

mod couchdb;
mod observed;
mod prometheus;
mod recorder;
mod summary;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_otp::Names;
use serde_json::Value;
use tokio::sync::oneshot;

use recorder::{Book, Sample};

/// Messages of the metrics.
#[derive(Debug)]
pub enum MetricsMessage {
    /// The body of `_stats`.
    Statistics(oneshot::Sender<Value>),
    /// The body of `_system`.
    System(oneshot::Sender<Value>),
    /// The text that Prometheus reads.
    Prometheus(oneshot::Sender<String>),
}

/// The actor.
#[derive(Default)]
pub struct MetricsActor;

/// What the actor is made of.
#[derive(Clone, Debug)]
pub struct MetricsArguments {
    /// The node's names.
    pub names: Names,
    /// Whether anything is counted.
    pub counts: bool,
}

/// Whose metrics, and where they are counted.
pub struct MetricsState {
    names: Names,
    book: Book,
}

impl Actor for MetricsActor {
    type Msg = MetricsMessage;
    type State = MetricsState;
    type Arguments = MetricsArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let book = if arguments.counts { Book::of_process() } else { Book::default() };
        Ok(MetricsState { names: arguments.names, book })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (names, book) = (state.names.clone(), state.book.clone());
        // The tree is large where many databases are open, and /proc is read.
        crate::blocking::aside(move || match message {
            MetricsMessage::Statistics(reply) => {
                let _ = reply.send(couchdb::statistics(&samples(&names, &book)));
            }
            MetricsMessage::System(reply) => {
                let _ = reply.send(observed::system(&names));
            }
            MetricsMessage::Prometheus(reply) => {
                let _ = reply.send(prometheus::text(&samples(&names, &book)));
            }
        });
        Ok(())
    }
}

/// Memory that the process holds; none where the system does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    observed::resident_bytes()
}

/// The sum of a node's counters of this name.
pub(crate) fn count_of_process(names: &Names, name: &str) -> u64 {
    let samples = Book::of_process_or_empty().read(names.node());
    let counts = samples.iter().filter(|sample| sample.name == name);
    let count = |sample: &Sample| match sample.reading {
        recorder::Reading::Counter(count) => count,
        _ => 0,
    };
    counts.map(count).sum()
}

/// What was counted and what is seen now, in order of the names.
fn samples(names: &Names, book: &Book) -> Vec<Sample> {
    let mut samples = book.read(names.node());
    samples.extend(observed::samples(names));
    samples.sort_by(|one, other| (&one.name, &one.labels).cmp(&(&other.name, &other.labels)));
    samples
}
