//! One version after another in one process, with its sockets.

use std::os::unix::fs::PermissionsExt;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use refuge_tests::{Client, Node, Options, Release, eventually};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// The version that answers over HTTP.
async fn version(client: &Client) -> Value {
    client.get("/").await.json()["vendor"]["version"].clone()
}

/// Writers, each request of which has a connection of its own: a kept one that is idle may be closed, and
/// nothing else may go wrong.
struct Writers {
    written: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

impl Writers {
    fn start(address: SocketAddr, database: &'static str, count: usize) -> Self {
        let (written, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let task = |writer: usize| {
            let (written, stop) = (Arc::clone(&written), Arc::clone(&stop));
            async move {
                let mut wrong = Vec::new();
                for number in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let client = Release::client(address);
                    let path = format!("/{database}/{writer}-{number}");
                    let body = json!({ "number": number }).to_string();
                    match client.request("PUT", &path).json(body).try_send().await {
                        Ok(reply) if reply.status == 201 => {
                            written.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(reply) => {
                            wrong.push(format!("{path}: {} {}", reply.status, reply.text()))
                        }
                        Err(broken) => wrong.push(format!("{path}: {broken:?}")),
                    }
                }
                wrong
            }
        };
        let tasks = (0..count).map(|writer| tokio::spawn(task(writer))).collect();
        Self { written, stop, tasks }
    }

    async fn advance(&self, more: u64) {
        let goal = self.written.load(Ordering::Relaxed) + more;
        let there = || self.written.load(Ordering::Relaxed) >= goal;
        eventually("the load goes on", || async { there().then_some(()) }).await;
    }

    /// How many documents were written, and what went wrong.
    async fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let mut wrong = Vec::new();
        for task in self.tasks {
            wrong.extend(task.await.unwrap());
        }
        (self.written.load(Ordering::Relaxed), wrong)
    }
}

#[tokio::test]
async fn a_node_goes_on_as_another_version_and_back_under_load() {
    let release = Release::unpack();
    let former = release.well(&["--version"]).trim().strip_prefix("refuge ").unwrap().to_owned();
    let address = release.start();
    let process = release.process();
    let client = Release::client(address);
    client.put_nothing("/cities").await.expect(201);
    let load = Writers::start(address, "cities", 4);
    load.advance(100).await;
    let folder = tempfile::tempdir().unwrap();
    let tarball = release.pack(folder.path(), "9.9.9");
    assert_eq!(release.well(&["upgrade", tarball.to_str().unwrap()]), "");
    assert_eq!(release.process(), process, "it is the same process");
    assert_eq!(version(&Release::client(address)).await, "9.9.9");
    assert!(release.well(&["versions"]).contains("9.9.9  permanent,running"));
    load.advance(100).await;
    assert_eq!(release.well(&["downgrade", &former]), "");
    assert_eq!(version(&Release::client(address)).await, former);
    load.advance(100).await;
    let (written, wrong) = load.end().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    let told = Release::client(address).get("/cities").await.json();
    assert_eq!(told["doc_count"], written);
    release.well(&["stop"]);
}

#[tokio::test]
async fn a_version_that_does_not_come_up_is_taken_back() {
    let release = Release::unpack();
    let address = release.start();
    let client = Release::client(address);
    client.put_nothing("/cities").await.expect(201);
    let former = version(&client).await;
    // It knows its formats and cannot run.
    let folder = release.root().join("releases/6.6.6");
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("refuge");
    std::fs::write(&program, "#!/bin/sh\n[ $1 = formats ] && echo '{\"storage\": 99}'\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let told = release.refuge(&["upgrade", "6.6.6"]);
    assert_eq!(told.code, Some(69), "{}", told.errors);
    assert!(told.errors.contains("runs again"), "{}", told.errors);
    let client = Release::client(address);
    assert_eq!(version(&client).await, former);
    client.get("/cities").await.expect(200);
    release.well(&["stop"]);
}

#[test]
fn what_cannot_go_on_is_refused_before_anything_stops() {
    let release = Release::unpack();
    release.start();
    let told = release.refuge(&["upgrade", "5.5.5"]);
    assert_eq!(told.code, Some(64));
    assert!(told.errors.contains("is not unpacked"), "{}", told.errors);
    let folder = release.root().join("releases/0.0.1");
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("refuge");
    std::fs::write(&program, "#!/bin/sh\necho '{\"storage\": 1}'\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let told = release.refuge(&["downgrade", "0.0.1"]);
    assert_eq!(told.code, Some(69));
    assert!(told.errors.contains("restore a backup"), "{}", told.errors);
    let tarball = release.root().join("no.tar.gz");
    std::fs::write(&tarball, "nothing").unwrap();
    assert_ne!(release.refuge(&["upgrade", tarball.to_str().unwrap()]).code, Some(0));
    assert_eq!(release.well(&["ping"]), "pong\n");
    release.well(&["stop"]);
}

#[test]
fn a_version_that_is_asked_for_on_the_console_is_looked_for_first() {
    let release = Release::unpack();
    release.start();
    let process = release.process();
    for version in ["5.5.5", "../releases", "."] {
        let told = release.refuge(&["rpc", "upgrade", version]);
        assert_eq!(told.code, Some(64), "{}{}", told.output, told.errors);
        assert!(told.errors.contains("is not unpacked"), "{}", told.errors);
    }
    assert_eq!(release.well(&["ping"]), "pong\n");
    assert_eq!(release.process(), process);
    release.well(&["stop"]);

    let node = Node::start(Options::default());
    let told = node.refuge(&["rpc", "upgrade", "1.0.0"]);
    assert_eq!(told.code, Some(64), "{}{}", told.output, told.errors);
    assert!(told.errors.contains("no part of a release"), "{}", told.errors);
    assert_eq!(node.refuge(&["ping"]).output, "pong\n");
}
