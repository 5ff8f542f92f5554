//! Replication's requests over the pool to nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use refuge_client::{Connections, Duplex, PeerDialer, RemoteDatabase};
use refuge_replication::{Answer, EndFailure, RemoteAddress, Request};
use tokio::time::Instant;

use crate::node::{ANNA, BERT, Node};

/// Knows the way to one node, `BERT`.
#[derive(Clone, Default)]
struct Dialer {
    node: Node,
    dials: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl PeerDialer for Dialer {
    async fn dial(&self, host: &str) -> Result<Box<dyn Duplex>, String> {
        if !host.eq_ignore_ascii_case(&BERT.id.to_string()) {
            return Err("no address is known".to_owned());
        }
        self.dials.fetch_add(1, Ordering::SeqCst);
        Ok(self.node.dial().await.0.io)
    }
}

impl Dialer {
    fn connections(&self) -> Connections {
        Connections::to_peers(Arc::new(self.clone()))
    }

    fn dials(&self) -> usize {
        self.dials.load(Ordering::SeqCst)
    }
}

fn database(connections: &Connections, host: &str, name: &str) -> RemoteDatabase {
    let address = RemoteAddress::parse(&format!("https://{host}/{name}")).unwrap();
    RemoteDatabase::new(connections.clone(), &address).unwrap()
}

fn bert(connections: &Connections, name: &str) -> RemoteDatabase {
    database(connections, &BERT.id.to_string(), name)
}

async fn ask(database: RemoteDatabase) -> Result<Answer, EndFailure> {
    database.perform(&Request::Information).await
}

#[tokio::test]
async fn one_connection_carries_all_requests() {
    let dialer = Dialer::default();
    let connections = dialer.connections();
    let first = join_all((0..50).map(|_| ask(bert(&connections, "db")))).await;
    assert!(first.iter().all(Result::is_ok), "{first:?}");
    let lower = database(&connections, &BERT.id.to_string().to_lowercase(), "db");
    ask(lower).await.unwrap();
    assert_eq!(dialer.dials(), 1);
    let lines = dialer.node.lines.lock().unwrap();
    assert!(lines.len() == 51 && lines.iter().all(|line| line == "GET /db"), "{lines:?}");
}

#[tokio::test]
async fn a_node_that_is_not_reached_may_be_reached_later() {
    let connections = Dialer::default().connections();
    let asked = (0..5).map(|_| ask(database(&connections, &ANNA.id.to_string(), "db")));
    for outcome in join_all(asked).await {
        let failure = outcome.unwrap_err();
        assert!(failure.is_transient(), "{failure}");
        assert!(failure.reason.contains("no address is known"), "{failure}");
    }
}

#[tokio::test]
async fn a_node_that_is_gone_takes_its_requests_along() {
    let dialer = Dialer::default();
    let connections = dialer.connections();
    ask(bert(&connections, "db")).await.unwrap();
    let waiting = tokio::spawn(ask(bert(&connections, "silent")));
    while dialer.node.lines.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    connections.disconnect(&ANNA.id.to_string());
    ask(bert(&connections, "db")).await.unwrap();
    assert_eq!(dialer.dials(), 1, "another node's end is none of ours");
    connections.disconnect(&BERT.id.to_string().to_lowercase());
    let failure = waiting.await.unwrap().unwrap_err();
    assert!(failure.is_transient(), "{failure}");
    ask(bert(&connections, "db")).await.unwrap();
    assert_eq!(dialer.dials(), 2);
}

#[tokio::test]
async fn a_cut_counts_for_a_dial_that_is_under_way() {
    struct Late(Arc<tokio::sync::Notify>, Arc<tokio::sync::Notify>, Node);
    #[async_trait::async_trait]
    impl PeerDialer for Late {
        async fn dial(&self, _: &str) -> Result<Box<dyn Duplex>, String> {
            self.0.notify_one();
            self.1.notified().await;
            Ok(self.2.dial().await.0.io)
        }
    }
    let (begun, may_end, node) = (Arc::default(), Arc::default(), Node::default());
    let late = Late(Arc::clone(&begun), Arc::clone(&may_end), node.clone());
    let connections = Connections::to_peers(Arc::new(late));
    let asked = tokio::spawn(ask(bert(&connections, "db")));
    begun.notified().await;
    connections.disconnect(&BERT.id.to_string());
    may_end.notify_one();
    assert!(asked.await.unwrap().unwrap_err().is_transient());
    assert!(node.lines.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_vanished_without_a_word_is_noticed() {
    let dialer = Dialer::default();
    let connections = dialer.connections();
    ask(bert(&connections, "db")).await.unwrap();
    dialer.node.falls_deaf.notify_one();
    let asked = Instant::now();
    let failure = ask(bert(&connections, "db")).await.unwrap_err();
    assert!(failure.is_transient(), "{failure}");
    let waited = asked.elapsed();
    assert!(waited <= Duration::from_secs(25), "{waited:?}");
    ask(bert(&connections, "db")).await.unwrap();
    assert_eq!(dialer.dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_takes_too_long_is_given_up() {
    struct Slow;
    #[async_trait::async_trait]
    impl PeerDialer for Slow {
        async fn dial(&self, _: &str) -> Result<Box<dyn Duplex>, String> {
            std::future::pending().await
        }
    }
    let connections = Connections::to_peers(Arc::new(Slow));
    let failure = ask(bert(&connections, "db")).await.unwrap_err();
    assert!(failure.is_transient(), "{failure}");
    assert!(failure.reason.contains("no connection within"), "{failure}");
}
