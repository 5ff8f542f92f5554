//! The log over a real engine.

use std::path::Path;
use std::time::{Duration, Instant};

use refuge_storage::Options;
use tempfile::TempDir;

use super::*;
use crate::engine::{EngineActor, EngineArguments, EngineMessage};
use crate::event_bus::{EventBusActor, EventBusArguments};

/// Longer than any test should take.
const LONG: Duration = Duration::from_secs(60);
/// Where a test's bus puts what it was told.
const TOLD: &str = "told";

struct Stage {
    names: Names,
    root: TempDir,
    engine: ActorRef<EngineMessage>,
    log: ActorRef<NodeEventsMessage>,
}

/// Stands for a receiver of events.
#[derive(Default)]
struct Listener;

impl Actor for Listener {
    type Msg = Arc<NodeEvent>;
    type State = tokio::sync::mpsc::UnboundedSender<u64>;
    type Arguments = tokio::sync::mpsc::UnboundedSender<u64>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        heard: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(heard)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: Self::Msg,
        heard: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(heard.send(event.number)?)
    }
}

async fn engine(names: &Names, root: &Path) -> ActorRef<EngineMessage> {
    let arguments =
        EngineArguments { names: names.clone(), options: Options::new(root.join("data")) };
    Actor::spawn(None, EngineActor, arguments).await.unwrap().0
}

async fn log(names: &Names, kept: usize) -> ActorRef<NodeEventsMessage> {
    let arguments = NodeEventsArguments { names: names.clone(), kept };
    let (log, _) = Actor::spawn(None, NodeEventsActor, arguments).await.unwrap();
    names.register(names::NODE_EVENTS, &log);
    log
}

impl Stage {
    async fn new(kept: usize) -> Self {
        let (names, root) = (Names::new("test"), tempfile::tempdir().unwrap());
        let engine = engine(&names, root.path()).await;
        let log = log(&names, kept).await;
        Self { names, root, engine, log }
    }

    fn publish(&self, name: &str) {
        let node = NodeId::from_digest([7; 32]);
        let mut event = NewNodeEvent::new(NodeEventKind::NodeUp, node, name.to_owned());
        event.source = Some("link".to_owned());
        self.log.cast(NodeEventsMessage::Publish(event)).unwrap();
    }

    async fn page(&self, after: u64, limit: usize) -> NodeEventsPage {
        let request = NodeEventsRequest { after, limit };
        let (reply, answer) = oneshot::channel();
        self.log.cast(NodeEventsMessage::Page { request, reply }).unwrap();
        answer.await.unwrap().unwrap()
    }

    fn beyond(&self, number: u64) -> oneshot::Receiver<u64> {
        let (reply, answer) = oneshot::channel();
        self.log.cast(NodeEventsMessage::Beyond { number, reply }).unwrap();
        answer
    }

    async fn numbers(&self, after: u64) -> Vec<u64> {
        self.page(after, 1_000).await.events.iter().map(|event| event.number).collect()
    }
}

#[tokio::test]
async fn events_are_numbered_kept_and_read_in_pages() {
    let stage = Stage::new(KEPT_EVENTS).await;
    let empty = stage.page(0, 10).await;
    assert_eq!((empty.events.len(), empty.last, empty.missed), (0, 0, false));
    for name in ["a", "b", "c"] {
        stage.publish(name);
    }
    let page = stage.page(0, 2).await;
    let names: Vec<_> = page.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!((names.as_slice(), page.last, page.missed), (&["a", "b"][..], 3, false));
    let event = &page.events[1];
    assert_eq!((event.number, event.source.as_deref()), (2, Some("link")));
    assert!(event.time_ms > 1_700_000_000_000);
    assert_eq!(stage.numbers(2).await, [3]);
    assert_eq!(stage.numbers(3).await, [] as [u64; 0]);
}

#[tokio::test]
async fn who_waits_is_woken_or_hears_that_the_log_restarts() {
    let stage = Stage::new(KEPT_EVENTS).await;
    stage.publish("a");
    assert_eq!(stage.beyond(0).await, Ok(1));
    let (early, late) = (stage.beyond(1), stage.beyond(2));
    stage.publish("b");
    assert_eq!(early.await, Ok(2));
    stage.log.kill();
    assert!(late.await.is_err());
    let stage = Stage { log: log(&stage.names, KEPT_EVENTS).await, ..stage };
    let waiting = stage.beyond(2);
    stage.publish("c");
    // The rest of the block that the former incarnation had reserved is never given.
    assert_eq!(waiting.await, Ok(101));
    assert_eq!(stage.numbers(0).await, [1, 2, 101]);
}

#[tokio::test]
async fn only_the_last_are_kept_and_older_ones_are_missed_also_after_a_restart() {
    let stage = Stage::new(3).await;
    for number in 0..5 {
        stage.publish(&number.to_string());
    }
    assert_eq!(stage.numbers(0).await, [3, 4, 5]);
    assert!(stage.page(0, 1).await.missed);
    assert!(stage.page(1, 1).await.missed);
    assert!(!stage.page(2, 1).await.missed);
    stage.log.stop_and_wait(None, None).await.unwrap();
    let stage = Stage { log: log(&stage.names, 3).await, ..stage };
    assert!(stage.page(1, 1).await.missed);
    assert!(!stage.page(2, 1).await.missed);
    assert_eq!(stage.page(0, 1).await.last, 5);
    stage.publish("later");
    assert_eq!(stage.numbers(0).await, [4, 5, 101]);
}

#[tokio::test]
async fn the_bus_is_told_once_what_is_on_disk_and_an_engine_that_restarts_is_waited_for() {
    let stage = Stage::new(KEPT_EVENTS).await;
    let (heard_sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (listener, _) = Actor::spawn(None, Listener, heard_sender).await.unwrap();
    stage.names.register(TOLD, &listener);
    let deliveries: Vec<crate::event_bus::Delivery> = vec![|names, event| {
        names.cast(TOLD, Arc::clone(event)).unwrap();
    }];
    let arguments = EventBusArguments { names: stage.names.clone(), deliveries };
    let (bus, _) = Actor::spawn(None, EventBusActor, arguments).await.unwrap();
    stage.names.register(names::EVENT_BUS, &bus);
    stage.publish("a");
    assert_eq!(heard.recv().await, Some(1));
    assert_eq!(stage.numbers(0).await, [1]);

    stage.engine.kill();
    stage.publish("b");
    let begun = Instant::now();
    let engine = engine(&stage.names, stage.root.path()).await;
    let stage = Stage { engine, ..stage };
    assert_eq!(heard.recv().await, Some(2));
    assert!(begun.elapsed() < LONG);
    assert_eq!(stage.numbers(0).await, [1, 2]);
    assert!(heard.try_recv().is_err());
}
