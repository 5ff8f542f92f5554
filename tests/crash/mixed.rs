//! SIGKILL at random moments under a load of every kind: documents, bulks, attachments, local
//! documents, databases that come and go. After each kill `refuge check` finds nothing wrong, and
//! what was acknowledged is there. `make soak` does it a thousand times.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{Acknowledged, Client, Load, Node, Options, compare, consistent, eventually};
use serde_json::json;
use tokio::task::JoinHandle;

/// How often the node is killed where nobody says otherwise.
const ROUNDS: u32 = 5;

/// Says how often.
const ROUNDS_VARIABLE: &str = "CRASH_ROUNDS";

/// Things of each kind, so that they are written again and again.
const THINGS: u64 = 6;

/// What became of a thing, as far as the client knows: the number that was acknowledged last, and
/// the one that may have been stored after it without an answer. 0 stands for "is not there".
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    acknowledged: u64,
    tried: u64,
}

impl Known {
    fn allows(self, found: u64) -> bool {
        found == self.acknowledged || found == self.tried
    }
}

type Things = Arc<Mutex<BTreeMap<String, Known>>>;

/// Writers of all kinds but documents, which [`Load`] writes.
struct Mixed {
    attachments: Things,
    locals: Things,
    databases: Things,
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

/// One write; whether it was acknowledged.
async fn write(client: &Client, kind: Kind, thing: &str, number: u64) -> bool {
    match kind {
        Kind::Attachment => {
            let rev =
                winner(client, thing).await.map(|rev| format!("?rev={rev}")).unwrap_or_default();
            let request = client.request("PUT", &format!("/a/{thing}/file{rev}"));
            let reply = request.header("content-type", "application/octet-stream");
            reply.body(bytes_of(number)).try_send().await.is_ok_and(|reply| reply.status == 201)
        }
        Kind::Local => {
            let path = format!("/a/_local/{thing}");
            let Ok(now) = client.request("GET", &path).try_send().await else { return false };
            let mut body = json!({"number": number});
            if now.status == 200 {
                body["_rev"] = now.json()["_rev"].clone();
            }
            let reply = client.request("PUT", &path).json(body.to_string()).try_send().await;
            reply.is_ok_and(|reply| reply.status == 201)
        }
        Kind::Database => {
            let verb = if number == 0 { "DELETE" } else { "PUT" };
            let reply = client.request(verb, &format!("/{thing}")).try_send().await;
            reply.is_ok_and(|reply| [200, 201].contains(&reply.status))
        }
    }
}

/// A kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Attachment,
    Local,
    Database,
}

impl Kind {
    /// The number of the next write, after one with `number`.
    fn next(self, number: u64) -> u64 {
        match self {
            Self::Database => 1 - number.min(1),
            Self::Attachment | Self::Local => number + 1,
        }
    }
}

/// Bytes that tell their number; of several chunks now and then.
fn bytes_of(number: u64) -> Vec<u8> {
    let length = if number.is_multiple_of(4) { 600_000 } else { 3_000 };
    number.to_be_bytes().into_iter().cycle().take(length).collect()
}

/// The winning revision of a document, where there is one.
async fn winner(client: &Client, thing: &str) -> Option<String> {
    let reply = client.request("GET", &format!("/a/{thing}")).try_send().await.ok()?;
    (reply.status == 200).then(|| reply.member("_rev"))
}

impl Mixed {
    fn start(address: SocketAddr, before: Option<Mixed>) -> Self {
        let mut mixed = before.unwrap_or_else(|| Self {
            attachments: Things::default(),
            locals: Things::default(),
            databases: Things::default(),
            count: Arc::default(),
            stop: Arc::default(),
            writers: Vec::new(),
        });
        mixed.stop = Arc::default();
        for (kind, things) in [
            (Kind::Attachment, mixed.attachments.clone()),
            (Kind::Local, mixed.locals.clone()),
            (Kind::Database, mixed.databases.clone()),
        ] {
            let (stop, count) = (mixed.stop.clone(), mixed.count.clone());
            let client = Client::with_credentials(address, "admin", "secret");
            mixed.writers.push(tokio::spawn(async move {
                let mut pause = tokio::time::interval(Duration::from_millis(5));
                for turn in 0_u64.. {
                    let thing = format!("{kind:?}-{}", turn % THINGS).to_lowercase();
                    let known = *things.lock().unwrap().entry(thing.clone()).or_default();
                    let number = kind.next(known.acknowledged);
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    things.lock().unwrap().get_mut(&thing).expect("noted").tried = number;
                    if !write(&client, kind, &thing, number).await {
                        // The node is gone or about to go: what became of this one is seen later.
                        pause.tick().await;
                        continue;
                    }
                    let known = Known { acknowledged: number, tried: number };
                    things.lock().unwrap().insert(thing, known);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        mixed
    }

    /// Waits for the writers, whose node is gone.
    async fn ended(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers.drain(..) {
            writer.await.expect("a writer that does not panic");
        }
    }

    /// Compares what is there with what is known, and takes it for known from now on.
    async fn compare(&self, client: &Client) {
        for (kind, things) in [
            (Kind::Attachment, &self.attachments),
            (Kind::Local, &self.locals),
            (Kind::Database, &self.databases),
        ] {
            let known = things.lock().unwrap().clone();
            for (thing, known) in known {
                let found = found(client, kind, &thing).await;
                assert!(known.allows(found), "{thing}: {found} is there, known is {known:?}");
                let known = Known { acknowledged: found, tried: found };
                things.lock().unwrap().insert(thing, known);
            }
        }
    }
}

/// The number of what is there.
async fn found(client: &Client, kind: Kind, thing: &str) -> u64 {
    match kind {
        Kind::Attachment => {
            let reply = client.get(&format!("/a/{thing}/file")).await;
            if reply.status == 404 {
                return 0;
            }
            let bytes = reply.expect(200).body.clone();
            let number = u64::from_be_bytes(bytes[..8].try_into().expect("8 bytes"));
            assert_eq!(bytes, bytes_of(number), "{thing}");
            number
        }
        Kind::Local => {
            let reply = client.get(&format!("/a/_local/{thing}")).await;
            if reply.status == 404 { 0 } else { reply.json()["number"].as_u64().expect("a number") }
        }
        Kind::Database => u64::from(client.get(&format!("/{thing}")).await.status == 200),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_a_load_of_every_kind() {
    let rounds = std::env::var(ROUNDS_VARIABLE).ok().and_then(|text| text.parse().ok());
    let mut random = StdRng::seed_from_u64(refuge_tests::seed("killed under a load of every kind"));
    let mut node = Node::start(Options::default().set("storage.memtable_bytes=1048576"));
    node.client().put_nothing("/a").await.expect(201);
    let mut acknowledged = Acknowledged::new();
    let mut mixed = None;
    for round in 0..rounds.unwrap_or(ROUNDS) {
        let load = Load::start(node.address(), "a", &format!("round-{round}"), 4);
        let mut writers = Mixed::start(node.address(), mixed.take());
        let goal = writers.count.load(Ordering::Relaxed) + random.random_range(1..200);
        eventually("the mixed load goes on", || async {
            (writers.count.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
        node.kill_hard();
        writers.ended().await;
        acknowledged.extend(load.stop().await);
        node.check();
        node.restart();
        let client = node.client();
        writers.compare(&client).await;
        consistent(&client, "a").await;
        compare(&client, "a", &acknowledged).await;
        mixed = Some(writers);
    }
}
