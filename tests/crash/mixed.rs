//! A load of every kind: documents, attachments, local documents, databases, purges, settings, documents
//! that expire, tombstones that leave, compactions, and a view that is asked all the while. After each kill
//! `refuge check` finds nothing wrong, what was acknowledged is there, and the view is what the documents
//! say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use refuge_tests::{Acknowledged, Client, Load, Node, compare, consistent, eventually};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::things::{Kind, Known, Things};
use crate::views::{is_fresh, put_view, view};

/// Writers of documents.
const DOCUMENT_WRITERS: usize = 4;
/// 0.6 s, in days: how long tombstones of short-lived documents are kept.
const MOMENTS: f64 = 0.000_007;
/// Short-lived documents between two compactions that are asked for.
const BETWEEN_COMPACTIONS: u64 = 40;
/// The view's design document.
const VIEW: &str = "numbers";

/// What was written to one node over several lives of its process.
pub(crate) struct Mixed {
    acknowledged: Acknowledged,
    things: Vec<(Kind, Things)>,
    rounds: u32,
}

/// The writers of one life.
pub(crate) struct Writing {
    documents: Load,
    /// Writes of things that were acknowledged.
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

impl Mixed {
    /// Makes the databases that are written to.
    pub(crate) async fn on(node: &Node) -> Self {
        let client = node.client();
        // Some of the documents say who may read them.
        client.put_nothing("/a?access=true").await.expect(201);
        client.put_nothing("/short").await.expect(201);
        let options = json!({"ttl": true, "tombstone_days": MOMENTS});
        client.put("/short/_options", options).await.expect(200);
        put_view(&client, "a", VIEW, 0).await;
        let things = Kind::ALL.map(|kind| (kind, Things::default())).to_vec();
        Self { acknowledged: Acknowledged::new(), things, rounds: 0 }
    }

    /// Starts the writers.
    pub(crate) fn start(&mut self, node: &Node) -> Writing {
        self.rounds += 1;
        let address = node.address();
        let prefix = format!("round-{}", self.rounds);
        let mut writing = Writing {
            documents: Load::start(address, "a", &prefix, DOCUMENT_WRITERS),
            count: Arc::default(),
            stop: Arc::default(),
            writers: vec![],
        };
        for (kind, things) in &self.things {
            writing.writers.push(tokio::spawn(write_things(
                (*kind, things.clone()),
                client(address),
                writing.count.clone(),
                writing.stop.clone(),
            )));
        }
        let short = write_short_lived(prefix, client(address), writing.stop.clone());
        writing.writers.push(tokio::spawn(short));
        let asking = ask_view(client(address), writing.stop.clone());
        writing.writers.push(tokio::spawn(asking));
        writing
    }

    /// Checks the files of the node, whose process is gone, starts it again, and compares what is there
    /// with what is known.
    pub(crate) async fn verify(&mut self, node: &mut Node, written: Acknowledged) {
        self.acknowledged.extend(written);
        node.check();
        node.restart();
        let client = node.client();
        for (kind, things) in &self.things {
            let known = things.lock().unwrap().clone();
            for (thing, known) in known {
                let found = kind.found(&client, &thing).await;
                assert!(known.allows(found), "{thing}: {found} is there, known is {known:?}");
                let known = Known { acknowledged: found, tried: found };
                things.lock().unwrap().insert(thing, known);
            }
        }
        consistent(&client, "a").await;
        compare(&client, "a", &self.acknowledged).await;
        is_fresh(&client, "a", VIEW).await;
    }

    /// Waits until all that is short-lived has left.
    pub(crate) async fn until_short_lived_left(&self, node: &Node) {
        let client = node.client();
        eventually("what is short-lived leaves", || async {
            let told = client.get("/short").await.expect(200).json();
            (told["doc_count"] == 0 && told["doc_del_count"] == 0).then_some(())
        })
        .await;
        consistent(&client, "short").await;
    }
}

impl Writing {
    /// Acknowledged writes of things so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until so many further things were acknowledged, or the node is gone.
    pub(crate) async fn advance(&self, more: u64, node: &Node) {
        let goal = self.count() + more;
        eventually("the mixed load goes on", || async {
            (self.count() >= goal || node.has_ended()).then_some(())
        })
        .await;
    }

    /// Ends the writers; what documents were acknowledged.
    pub(crate) async fn end(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.expect("a writer that does not panic");
        }
        self.documents.stop().await
    }
}

fn client(address: SocketAddr) -> Client {
    Client::with_credentials(address, "admin", "secret")
}

async fn write_things(
    (kind, things): (Kind, Things),
    client: Client,
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) {
    // So that no kind crowds the others out.
    let mut pause = tokio::time::interval(Duration::from_millis(5));
    for turn in 0_u64.. {
        let thing = format!("{kind:?}-{}", turn % kind.things()).to_lowercase();
        let known = *things.lock().unwrap().entry(thing.clone()).or_default();
        let number = kind.next(known.acknowledged);
        if stop.load(Ordering::Relaxed) {
            return;
        }
        things.lock().unwrap().get_mut(&thing).expect("noted").tried = number;
        // Where not, the node is gone or about to go: what became of this one is seen later.
        if kind.write(&client, &thing, number).await {
            let known = Known { acknowledged: number, tried: number };
            things.lock().unwrap().insert(thing, known);
            count.fetch_add(1, Ordering::Relaxed);
        }
        pause.tick().await;
    }
}

/// Has the view follow what is written.
async fn ask_view(client: Client, stop: Arc<AtomicBool>) {
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    let path = view("a", VIEW);
    while !stop.load(Ordering::Relaxed) {
        let _ = client.request("GET", &path).try_send().await;
        pause.tick().await;
    }
}

/// Documents that expire, tombstones, and compactions: what leaves by itself.
async fn write_short_lived(prefix: String, client: Client, stop: Arc<AtomicBool>) {
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    for turn in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let path = format!("/short/{prefix}-{turn}");
        let expiring = client.request("PUT", &path).json(json!({"_expires": 1}).to_string());
        let _ = expiring.try_send().await;
        let path = format!("/short/{prefix}-{turn}-deleted");
        // In one step, as what is not deleted would stay.
        let tombstone = client.request("PUT", &path).json(json!({"_deleted": true}).to_string());
        let _ = tombstone.try_send().await;
        if turn.is_multiple_of(BETWEEN_COMPACTIONS) {
            let asked = client.request("POST", "/a/_compact").json("{}".to_owned());
            let _ = asked.try_send().await;
        }
        pause.tick().await;
    }
}
